"""Bounds of a definition as plain JSON, checked before anything walks it by recursion."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from domain.automations.expressions.secret_references import secret_names
from domain.automations.validation.problems import Problem, below
from domain.errors import InvalidInputError

#: Bytes of the whole definition as JSON.
SIZE_BYTES = 262_144
#: Lists and objects within each other; a choice takes four of them.
DEPTH = 32
#: Lists, objects and values in all: some hundreds of steps.
NODES = 4_000
#: Spans of templates in all; each takes half a millisecond of the save.
SPANS = 1_000

_LARGEST_INTEGER = 2**63 - 1
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(path=path, message=message)


def bound_problems(document: Any) -> list[Problem]:
    """Return the first reason why the document is too large, too deep or no JSON, if any."""
    if not isinstance(document, Mapping):
        return [Problem(path="", message="A definition is an object.")]
    try:
        _check(document)
    except _Refused as refused:
        return [refused.problem]
    return []


def _check(document: Mapping[str, Any]) -> None:
    waiting: list[tuple[Any, str, int]] = [(document, "", 1)]
    seen = spans = characters = 0
    while waiting:
        part, path, depth = waiting.pop()
        seen += 1
        if seen + len(waiting) > NODES:
            raise _Refused(path, f"The definition has more than {NODES} parts.")
        if isinstance(part, str):
            spans += part.count("{{")
            characters += len(part)
            _check_text(part, path, characters=characters, spans=spans)
        elif isinstance(part, Mapping | list):
            if depth > DEPTH:
                raise _Refused(path, f"This is nested deeper than {DEPTH} levels.")
            if len(part) > NODES:
                raise _Refused(path, f"The definition has more than {NODES} parts.")
            children = [(child, below(path, key), depth + 1) for key, child in _children(part, path)]
            waiting += children[::-1]
        else:
            _check_scalar(part, path)
    # Wide numbers, and texts that escaping makes longer, are only counted here.
    if len(orjson.dumps(document, default=dict)) > SIZE_BYTES:
        raise _too_large("")


def _children(part: Mapping[str, Any] | list[Any], path: str) -> Iterator[tuple[str | int, Any]]:
    if isinstance(part, list):
        yield from enumerate(part)
        return
    for key, child in part.items():
        if not isinstance(key, str):
            raise _Refused(path, f"The key {ascii(key)[:80]} is no text.")
        if len(key) > SIZE_BYTES:
            raise _too_large(path)
        _check_characters(key, path)
        yield key, child


def _check_text(text: str, path: str, *, characters: int, spans: int) -> None:
    if characters > SIZE_BYTES:
        raise _too_large(path)
    if spans > SPANS:
        raise _Refused(path, f"The definition has more than {SPANS} {{{{ }}}}.")
    _check_characters(text, path)
    try:
        # Everywhere: when a run begins, all of the definition is searched for them.
        secret_names(text)
    except InvalidInputError as error:
        raise _Refused(path, str(error)) from error


def _check_characters(text: str, path: str) -> None:
    if _FORBIDDEN.search(text):
        raise _Refused(path, "This has a character that no database and no JSON can hold.")


def _check_scalar(value: Any, path: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if isinstance(value, int | float):
        raise _Refused(path, "This number is too large.")
    raise _Refused(path, "This is neither a text, a number, a list nor an object.")


def _too_large(path: str) -> _Refused:
    return _Refused(path, f"The definition is larger than {SIZE_BYTES // 1024} kB.")
