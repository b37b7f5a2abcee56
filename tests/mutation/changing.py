"""Changes of imported modules in a running process, as if their text had been another."""

import gc
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (int, float, str, bytes, tuple, frozenset, timedelta, type(None))
_PACKAGES = ("domain", "gql")
#: What `lru_cache` makes of a function: it may remember what the former code said.
_Cache = type(lru_cache(lambda: None))
#: Our own, of documents that the former code validated or described.
_REMEMBERING = {"DocumentCache", "Descriptions"}
Place = tuple[str, int]


class CannotBeImportedError(Exception):
    """A text whose import fails, so that no test would begin."""


def change(path: Path, source: str) -> bool:
    """Give a module's functions and constants the code and values of another text; return False for no effect.

    Raises:
        CannotBeImportedError: the other text fails as soon as it is imported.
    """
    before = dict(_codes(compile(path.read_text(), str(path), "exec", dont_inherit=True)))
    after = dict(_codes(compile(source, str(path), "exec", dont_inherit=True)))
    changed = {place: code for place, code in after.items() if place in before and code != before[place]}
    done = _change_functions(path, changed) or _change_values(path, source)
    for cache in [each for each in gc.get_objects() if isinstance(each, _Cache)]:
        cache.cache_clear()
    for kept in [each for each in gc.get_objects() if type(each).__name__ in _REMEMBERING]:
        kept._kept.clear()
    return done


def _codes(code: CodeType) -> Iterator[tuple[Place, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            yield from _codes(constant)


def _change_functions(path: Path, changed: Mapping[Place, CodeType]) -> bool:
    done = False
    # What was frozen is not among the objects.
    gc.unfreeze()
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        old = function.__code__
        new = changed.get((old.co_qualname, old.co_firstlineno)) if old.co_filename == str(path) else None
        if new is not None and len(new.co_freevars) == len(old.co_freevars):
            function.__code__ = new
            done = True
    return done


def _change_values(path: Path, source: str) -> bool:
    """Replace the constants of the module and its classes wherever they were imported, and defaults."""
    module = next(each for each in list(sys.modules.values()) if getattr(each, "__file__", None) == str(path))
    fresh = ModuleType(module.__name__)
    fresh.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(fresh))
    except Exception as error:
        raise CannotBeImportedError from error
    done = False
    for name, old, new in _pairs(vars(module), vars(fresh)):
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            done = _change_defaults(old, new) or done
        elif isinstance(old, type) and isinstance(new, type):
            done = _change_class(old, new) or done
        elif _are_of_one_dataclass(old, new):
            done = _change_fields(old, new) or done
        elif _differ(old, new):
            _replace(name, old, new)
            done = True
    return done


def _replace(name: str, old: Any, new: Any) -> None:
    for each in [each for key, each in sys.modules.items() if key.partition(".")[0] in _PACKAGES]:
        if name in vars(each) and not _differ(vars(each)[name], old):
            setattr(each, name, new)
    _replace_defaults(old, new)


def _change_class(old: type, new: type) -> bool:
    if old.__module__ != new.__module__:
        return False
    done = _change_constructor(old, new)
    for name, mine, other in _pairs(vars(old), vars(new)):
        if isinstance(mine, FunctionType) and isinstance(other, FunctionType):
            done = _change_defaults(mine, other) or done
        elif isinstance(mine, _PLAIN) and _differ(mine, other):
            setattr(old, name, other)
            done = True
    return done


def _change_constructor(old: type, new: type) -> bool:
    """Replace the defaults and the factories of defaults of a dataclass."""
    mine, other = vars(old).get("__init__"), vars(new).get("__init__")
    if not (is_dataclass(old) and isinstance(mine, FunctionType) and isinstance(other, FunctionType)):
        return False
    done = _change_defaults(mine, other)
    factories = dict(zip(other.__code__.co_freevars, other.__closure__ or (), strict=True))
    for name, cell in zip(mine.__code__.co_freevars, mine.__closure__ or (), strict=True):
        if name.startswith("_dflt_") and name in factories:
            factory = factories[name].cell_contents
            done = done or _differ(cell.cell_contents, factory)
            cell.cell_contents = factory
    return done


def _change_fields(old: Any, new: Any) -> bool:
    """Change an object in its place: others may hold it already."""
    changed = [each.name for each in fields(old) if _differ(getattr(old, each.name), getattr(new, each.name))]
    for name in changed:
        object.__setattr__(old, name, getattr(new, name))
    return bool(changed)


def _change_defaults(old: FunctionType, new: FunctionType) -> bool:
    mine, other = old.__kwdefaults__ or {}, new.__kwdefaults__ or {}
    if not _differ(old.__defaults__, new.__defaults__) and not _differ(tuple(mine.items()), tuple(other.items())):
        return False
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
    return True


def _replace_defaults(old: Any, new: Any) -> None:
    """Replace a constant where functions took it as a default; numbers and texts may be others' as well."""
    if isinstance(old, int | float | str | bytes | None) or old == ():
        return
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if any(value is old for value in function.__defaults__ or ()):
            function.__defaults__ = tuple(new if value is old else value for value in function.__defaults__ or ())
        for name in [name for name, value in (function.__kwdefaults__ or {}).items() if value is old]:
            function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), name: new}


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, value, new[name]) for name, value in old.items() if name in new and not name.startswith("__")]


def _differ(old: Any, new: Any) -> bool:
    """Return whether two runs of one text cannot have made both values."""
    if isinstance(old, FunctionType | type) and type(old) is type(new):
        return (old.__module__, old.__qualname__) != (new.__module__, new.__qualname__)
    if _are_of_one_dataclass(old, new):
        return any(_differ(getattr(old, each.name), getattr(new, each.name)) for each in fields(old))
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) != len(new) or any(map(_differ, old, new))
    # Other values differ after every run of a module, changed or not.
    return type(old) is not type(new) or (isinstance(old, _PLAIN) and bool(old != new))


def _are_of_one_dataclass(old: Any, new: Any) -> bool:
    return is_dataclass(old) and not isinstance(old, type) and not _differ(type(old), type(new))
