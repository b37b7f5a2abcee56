"""Proofs about steps: of a condition where it holds, and of what an expression checks itself."""

from collections.abc import Iterator

from jinja2 import nodes

from domain.automations.conditions.model import All, Condition
from domain.automations.expressions.language import Expression, compile_expression
from domain.automations.expressions.references import Reference, tree_references
from domain.automations.validation.places import Proof
from domain.model.automation import StepStatus

_OUTCOMES = {"artifacts", "steps"}


def proven(condition: Condition) -> Proof:
    """Return the steps that are over where the condition holds: an expression that reads what is missing does not."""
    found = list(_read_for_certain(condition))
    over = {step for reference, _ in found if (step := _step_of(reference)) is not None}
    succeeded = {str(reference.parts[0]) for reference, value in found if _shows_success(reference, value)}
    return Proof(over=frozenset(over), succeeded=frozenset(succeeded & over))


def tolerated_in(expression: Expression) -> set[str]:
    """Return the steps that may be missing: operands of `is defined` and `default`, anywhere in the expression."""
    tests = (node for node in _nodes(expression) if isinstance(node, nodes.Test | nodes.Filter))
    operands = [node.node for node in tests if node.name in {"defined", "default"} and node.node is not None]
    return {step for operand in operands for step in _steps(expression, operand)}


def compared_in(expression: Expression) -> set[str]:
    """Return the steps whose status the expression compares, anywhere."""
    compared = [node for node in _nodes(expression) if isinstance(node, nodes.Compare)]
    found = [reference for node in compared for reference in tree_references(node, expression.source)]
    return {str(one.parts[0]) for one in found if one.root == "steps" and one.parts[1:] == ("status",)}


def _read_for_certain(condition: Condition) -> Iterator[tuple[Reference, str | None]]:
    """Yield the paths that exist where the condition holds, with the text that they are equal to, if they are."""
    waiting: list[Condition] = [condition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, All):
            waiting += part.conditions
        elif isinstance(part, str):
            expression = compile_expression(part)
            yield from _read_in(expression, expression.tree)


def _read_in(expression: Expression, tree: nodes.Expr) -> Iterator[tuple[Reference, str | None]]:
    match tree:
        case nodes.And():
            yield from _read_in(expression, tree.left)
            yield from _read_in(expression, tree.right)
        case nodes.Test(name="defined", node=nodes.Getattr() | nodes.Getitem() as path):
            yield from _own(expression, path, None)
        case nodes.Compare(ops=[only]):
            for side, other in ((tree.expr, only.expr), (only.expr, tree.expr)):
                yield from _own(expression, side, _text_of(other) if only.op == "eq" else None)


def _text_of(tree: nodes.Expr) -> str | None:
    return tree.value if isinstance(tree, nodes.Const) and isinstance(tree.value, str) else None


def _own(expression: Expression, tree: nodes.Expr, value: str | None) -> Iterator[tuple[Reference, str | None]]:
    if isinstance(tree, nodes.Getattr | nodes.Getitem):
        yield from ((reference, value) for reference in tree_references(tree, expression.source)[:1])


def _step_of(reference: Reference) -> str | None:
    first = reference.parts[0] if reference.root in _OUTCOMES and reference.parts else None
    return str(first) if isinstance(first, str | int) else None


def _shows_success(reference: Reference, value: str | None) -> bool:
    if reference.root != "steps" or len(reference.parts) < 2:  # noqa: PLR2004 - the step and its field
        return False
    return reference.parts[1] == "output" or (reference.parts[1] == "status" and value == StepStatus.SUCCESS)


def _steps(expression: Expression, tree: nodes.Node) -> set[str]:
    return {step for one in tree_references(tree, expression.source) if (step := _step_of(one)) is not None}


def _nodes(expression: Expression) -> Iterator[nodes.Node]:
    waiting: list[nodes.Node] = [expression.tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.iter_child_nodes()
