"""A bound on documents before anything walks them by recursion."""

from typing import Any

from domain.errors import InvalidInputError

#: Levels of lists and objects; a condition within another takes two.
DEPTH = 64
#: Lists, objects and values in all.
NODES = 20_000


def check_depth(document: Any, *, depth: int = DEPTH, nodes: int = NODES) -> None:
    """Nothing, when the document has at most so many levels and parts.

    Raises:
        InvalidInputError: it has more; the field is the path to the first part beyond.
    """
    waiting: list[tuple[Any, tuple[str, ...]]] = [(document, ())]
    seen = 0
    while waiting:
        part, path = waiting.pop()
        seen += 1
        if seen + len(waiting) > nodes:
            raise InvalidInputError(f"This has more than {nodes} parts.", field=path)
        children = _children(part)
        if children and len(path) >= depth:
            raise InvalidInputError(f"This is nested deeper than {depth} levels.", field=path)
        waiting += [(child, (*path, name)) for name, child in children]


def _children(part: Any) -> list[tuple[str, Any]]:
    if isinstance(part, dict):
        return [(str(name)[:80], child) for name, child in part.items()]
    if isinstance(part, list | tuple):
        return [(str(index), child) for index, child in enumerate(part)]
    return []
