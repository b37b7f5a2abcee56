"""The allow list of syntax: any other tree is refused when it is saved."""

from collections.abc import Callable, Mapping

from jinja2 import nodes

from domain.automations.expressions.errors import ExpressionError, place
from domain.automations.expressions.filters import FILTERS, TESTS
from domain.automations.expressions.source import NESTING, TOO_DEEP
from domain.automations.expressions.values import is_bounded

# Jinja2 gives these a meaning of its own, and `null` is what other languages call none.
_RESERVED = {"self", "super", "loop", "caller", "varargs", "kwargs", "null"}


def check_tree(text: str, tree: nodes.Expr) -> None:
    """Refuse a tree with a part that is not allowed.

    Raises:
        ExpressionError: a part is not, or the tree is too deep.
    """
    # Without recursion: a chain of a thousand terms is a tree a thousand deep.
    waiting: list[tuple[nodes.Node, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        message = _fault(node) if depth <= NESTING else TOO_DEEP
        if message:
            raise ExpressionError(message, *place(text, node.lineno - 1))
        below = depth if isinstance(node, nodes.Operand) else depth + 1
        waiting += [(child, below) for child in node.iter_child_nodes()]


def _fault(node: nodes.Node) -> str | None:
    check = _CHECKS.get(type(node))
    return check(node) if check else f"{_NAMES.get(type(node), 'This')} is not part of expressions."


def _nothing(_: nodes.Node) -> str | None:
    return None


def _name(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Name)
    if node.name in _RESERVED:
        return f"{node.name} is reserved{'; write none' if node.name == 'null' else ''}."
    return _private(node.name)


def _constant(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Const)
    if isinstance(node.value, int | float) and not is_bounded(node.value):
        return "The number is too large."
    if isinstance(node.value, str) and any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in node.value):
        return "The text has a character that is not allowed."
    return None


def _attribute(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Getattr)
    return _private(node.attr)


def _item(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Getitem)
    if isinstance(node.arg, nodes.Slice):
        return "A slice is not part of expressions."
    if isinstance(node.arg, nodes.Tuple | nodes.List):
        return "An item has one key, a text or a whole number."
    if not isinstance(node.arg, nodes.Const):
        return None
    key = node.arg.value
    if isinstance(key, str):
        return _private(key)
    return None if isinstance(key, int) and not isinstance(key, bool) else "A key is a text or a whole number."


def _choice(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.CondExpr)
    return None if node.expr2 is not None else "An if needs an else here."


def _list(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.List | nodes.Tuple)
    return None if all(map(_is_constant, node.items)) else "A list here has only constants."


def _filter(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Filter)
    known = FILTERS.get(node.name)
    if known is None:
        return f"There is no filter {node.name[:40]}; there are {', '.join(FILTERS)}."
    return _arguments(node, fewest=known.fewest, most=known.most)


def _test(node: nodes.Node) -> str | None:
    assert isinstance(node, nodes.Test)
    if node.name not in TESTS:
        return f"There is no test {node.name[:40]}; there are {', '.join(TESTS)}."
    return _arguments(node, fewest=TESTS[node.name], most=TESTS[node.name])


def _arguments(node: nodes.Filter | nodes.Test, *, fewest: int, most: int) -> str | None:
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        return f"{node.name} takes its arguments by their order only."
    if not fewest <= len(node.args) <= most:
        return f"{node.name} takes {fewest if fewest == most else f'{fewest} to {most}'} arguments."
    return None


def _private(name: str) -> str | None:
    return "A name may not begin with an underscore." if name.startswith("_") else None


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) or (
        isinstance(node, nodes.Neg | nodes.Pos) and isinstance(node.node, nodes.Const)
    )


_CHECKS: Mapping[type[nodes.Node], Callable[[nodes.Node], str | None]] = {
    nodes.Name: _name,
    nodes.Const: _constant,
    nodes.Getattr: _attribute,
    nodes.Getitem: _item,
    nodes.CondExpr: _choice,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Filter: _filter,
    nodes.Test: _test,
    **dict.fromkeys((nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not), _nothing),
    **dict.fromkeys((nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Mod, nodes.Neg, nodes.Pos), _nothing),
}

_NAMES: Mapping[type[nodes.Node], str] = {
    nodes.Call: "A call",
    nodes.Slice: "A slice",
    nodes.Pow: "A power",
    nodes.FloorDiv: "A division with //",
    nodes.Concat: "Joining with ~",
    nodes.Dict: "An object",
}
