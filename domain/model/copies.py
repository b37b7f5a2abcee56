"""Copies of frozen data with other values, for paths that make many: `dataclasses.replace` takes ten times as long."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def changed(model: T, **values: Any) -> T:
    """Return a copy of an object with these values: one of a frozen class with slots, which checks nothing when made.

    Raises:
        TypeError: the class has no field of some name.
    """
    kind: Any = type(model)
    copy: T = _copier(kind)(model, values)
    return copy


@cache
def _copier(kind: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Return the function that copies objects of a class.

    A frozen class sets its values by a call for each. Its twin has the same slots and is not frozen: the copy is made
    of plain assignments, and becomes an object of the class at their end.
    """
    if hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} has more to do when it is made")
    names = [each.name for each in fields(kind)]
    # Of a generic class, Python wants to see which parameters it has.
    body = {name: getattr(kind, name) for name in ("__slots__", "__orig_bases__") if name in vars(kind)}
    given: dict[str, Any] = {"kind": kind, "twin": type(kind.__name__, kind.__bases__, body), "new": object.__new__}
    lines = [
        "def copy(model, values):",
        "    made = new(twin)",
        *(f"    made.{name} = model.{name}" for name in names),
        "    for name, value in values.items():",
        "        try:",
        "            setattr(made, name, value)",
        "        except AttributeError:",
        "            raise TypeError(f'{kind.__name__} has no {name}') from None",
        "    made.__class__ = kind",
        "    return made",
    ]
    exec("\n".join(lines), given)  # noqa: S102 - of names of our own fields
    copier: Callable[[Any, Mapping[str, Any]], Any] = given["copy"]
    return copier
