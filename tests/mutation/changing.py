"""Changes of imported modules in a running process, as if their text had been another."""

import gc
import sys
from collections.abc import Iterator, Mapping
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
        elif _differ(old, new):
            for each in [each for key, each in sys.modules.items() if key.partition(".")[0] in _PACKAGES]:
                if name in vars(each) and not _differ(vars(each)[name], old):
                    setattr(each, name, new)
                    done = True
            _replace_defaults(old, new)
    return done


def _change_class(old: type, new: type) -> bool:
    if old.__module__ != new.__module__:
        return False
    done = False
    for name, mine, other in _pairs(vars(old), vars(new)):
        if isinstance(mine, FunctionType) and isinstance(other, FunctionType):
            done = _change_defaults(mine, other) or done
        elif isinstance(mine, _PLAIN) and _differ(mine, other):
            setattr(old, name, other)
            done = True
    return done


def _change_defaults(old: FunctionType, new: FunctionType) -> bool:
    if (old.__defaults__, old.__kwdefaults__) == (new.__defaults__, new.__kwdefaults__):
        return False
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
    return True


def _replace_defaults(old: Any, new: Any) -> None:
    """Replace a constant where functions took it as a default; numbers and texts may be others' as well."""
    if not isinstance(old, tuple | frozenset | timedelta) or not old:
        return
    for function in [each for each in gc.get_objects() if isinstance(each, FunctionType)]:
        if any(value is old for value in function.__defaults__ or ()):
            function.__defaults__ = tuple(new if value is old else value for value in function.__defaults__ or ())
        for name in [name for name, value in (function.__kwdefaults__ or {}).items() if value is old]:
            function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), name: new}


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, value, new[name]) for name, value in old.items() if name in new and not name.startswith("__")]


def _differ(old: Any, new: Any) -> bool:
    # Other values differ after every run of a module, changed or not.
    return type(old) is not type(new) or (isinstance(old, _PLAIN) and bool(old != new))
