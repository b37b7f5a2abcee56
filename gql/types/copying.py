"""Fields that are the members of the same name of what a type shows: each is declared once."""

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def copied(kind: type[T], model: object, **others: Any) -> T:
    """Return an object of that type, with the model's members of the same names for all that is not among `others`."""
    hashable: Any = kind
    names, values = _members(hashable, frozenset(others))
    return kind(**dict(zip(names, values(model), strict=True)), **others)


@cache
def _members(kind: Any, others: frozenset[str]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(each.name for each in dataclasses.fields(kind) if each.init and each.name not in others)
    return names, attrgetter(*names)
