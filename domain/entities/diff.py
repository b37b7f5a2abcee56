"""The difference between two states, compared by the canonical text of each field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ne
from typing import Any

from domain.entities.canonical import canonical_text

_TEXTS = frozenset({str})
#: Types without a value whose canonical text is that of null.
_NEVER_NULL = frozenset({str, int, bool, list, dict})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The names of the fields that differ, sorted, with their new values (None for a removed field)."""

    changed_fields: tuple[str, ...]
    delta: Mapping[str, Any]

    def __bool__(self) -> bool:
        return bool(self.changed_fields)


def diff(prev: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Difference:
    """Return the difference from one state to the next; an absent field equals a null one."""
    old, new = prev or {}, after or {}
    # Most values are the very same: a state is made of the one before it.
    changed = tuple(
        sorted(
            [
                name
                for name in {*old, *new}
                if (left := old.get(name)) is not (right := new.get(name)) and _differ(left, right)
            ]
        )
    )
    return Difference(changed_fields=changed, delta={name: new.get(name) for name in changed})


def _differ(left: Any, right: Any) -> bool:
    # Most fields are plain: they need no canonical form.
    if isinstance(left, str) and isinstance(right, str):
        return left != right
    compare = _COMPARED.get(type(left)) if type(left) is type(right) else None
    if compare is not None:
        return compare(left, right)
    if (left is None and type(right) in _NEVER_NULL) or (right is None and type(left) in _NEVER_NULL):
        return True
    return canonical_text(left) != canonical_text(right)


def _lists_differ(left: list[Any], right: list[Any]) -> bool:
    return len(left) != len(right) or any(map(_differ, left, right))


def _objects_differ(left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    if not {*map(type, left), *map(type, right)} <= _TEXTS:
        return canonical_text(left) != canonical_text(right)
    return left.keys() != right.keys() or any(_differ(value, right[key]) for key, value in left.items())


#: How values of one type are compared, with the same result as by their canonical texts.
_COMPARED: Mapping[type, Callable[[Any, Any], bool]] = {int: ne, bool: ne, list: _lists_differ, dict: _objects_differ}
