"""References of an expression, read from its tree without running it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from jinja2 import nodes

from domain.automations.expressions.errors import UndefinedValueError, place


class _Dynamic(Enum):
    DYNAMIC = "dynamic"


#: A part of a path that only an evaluation can give.
DYNAMIC: Final = _Dynamic.DYNAMIC

Part = str | int | Literal[_Dynamic.DYNAMIC]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A path into the scope, with the offset at which it begins."""

    root: str
    parts: tuple[Part, ...] = ()
    line: int = 1
    column: int = 1
    #: For each part the tree of its key, where the part is DYNAMIC.
    keys: tuple[nodes.Expr | None, ...] = field(default=(), repr=False, compare=False)

    @property
    def path(self) -> str:
        """The path as people write it, such as `trigger.payload.title`."""
        return self.path_to(len(self.parts))

    def path_to(self, count: int) -> str:
        """Return the path with only that many of its first parts."""
        return self.root + "".join(map(_shown, self.parts[:count]))


def tree_references(tree: nodes.Node, text: str) -> tuple[Reference, ...]:
    """Return every path of a tree, in no particular order; a path within another's key counts separately."""
    return tuple(_found(tree, text))


def first_missing(tree: nodes.Node, text: str, scope: Mapping[str, Any], *, name: str) -> UndefinedValueError:
    """Return the error for the path that ends in this name and is missing in the scope."""
    found = sorted(tree_references(tree, text), key=lambda reference: (reference.line, reference.column))
    missing = [(one, count) for one in found if (count := _parts_there(one, scope)) is not None]
    # A path with a dynamic key may end in that name, too; one that ends in it literally comes first.
    for wanted in (name, str(DYNAMIC)):
        for reference, count in missing:
            if str((reference.root, *reference.parts)[count]) == wanted:
                return UndefinedValueError(reference.path_to(count), reference.line, reference.column)
    return UndefinedValueError(name, *place(text, tree.lineno - 1))


def _parts_there(reference: Reference, scope: Mapping[str, Any]) -> int | None:
    """Return the number of parts up to the first missing one, the root not counted; None if nothing is missing."""
    if reference.root != "now" and reference.root not in scope:
        return 0
    value = scope.get(reference.root)
    for count, part in enumerate(reference.parts, start=1):
        if isinstance(value, dict) and str(part) in value:
            value = value[str(part)]
        elif isinstance(value, list | tuple) and isinstance(part, int) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return count
    return None


def _found(tree: nodes.Node, text: str) -> Iterator[Reference]:
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        base, keys = _chain(node)
        if isinstance(base, nodes.Name):
            line, column = place(text, base.lineno - 1)
            parts = tuple(_literal(key) for key in keys)
            trees = tuple(key if isinstance(key, nodes.Expr) else None for key in keys)
            yield Reference(root=base.name, parts=parts, line=line, column=column, keys=trees)
            waiting += _dynamic(keys)
        elif base is not node:
            waiting += [base, *_dynamic(keys)]
        else:
            waiting += node.iter_child_nodes()


def _chain(node: nodes.Node) -> tuple[nodes.Node, list[str | nodes.Expr]]:
    """Return the root of a path, and its keys in order."""
    keys: list[str | nodes.Expr] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        keys.append(node.attr if isinstance(node, nodes.Getattr) else node.arg)
        node = node.node
    return node, keys[::-1]


def _literal(key: str | nodes.Expr) -> Part:
    if isinstance(key, str):
        return key
    if isinstance(key, nodes.Const) and isinstance(key.value, str | int):
        return key.value
    return DYNAMIC


def _dynamic(keys: Iterable[str | nodes.Expr]) -> list[nodes.Node]:
    return [key for key in keys if isinstance(key, nodes.Expr) and not isinstance(key, nodes.Const)]


def _shown(part: Part) -> str:
    if part is DYNAMIC:
        return "[…]"
    return f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{part!r}]"
