"""The filters and tests of the language, with bounds on the size of their results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson

from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.values import TEXT_LENGTH, is_bounded, to_json, to_moment, to_number, to_text
from domain.model.moment import iso

_MAXIMUM_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter: its function, and the number of its arguments."""

    function: Callable[..., Any]
    fewest: int = 0
    most: int = 0
    #: Whether the function gets the evaluation's moment before the value.
    takes_now: bool = False
    #: Whether the function handles undefined values itself.
    takes_undefined: bool = False


def duration_since(now: datetime, value: Any) -> float:
    """Return the seconds from that moment until now; 0 if it is in the future or no moment."""
    moment = to_moment(value)
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def older_than(now: datetime, value: Any, seconds: Any) -> bool:
    """Return whether that moment is at least that many seconds ago; false if it is no moment."""
    moment = to_moment(value)
    return moment is not None and (now - moment).total_seconds() >= _number(seconds)


def _text(function: Callable[[str], str]) -> Callable[[Any], Any]:
    # A value that is no text passes through, so that `| upper` on a number does no harm.
    return lambda value: function(value) if isinstance(value, str) else value


def _truncate(value: Any, length: Any) -> Any:
    size = _whole(length)
    return value if not isinstance(value, str) or len(value) <= size else value[:size] + "…"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 0


def _moment(value: Any) -> datetime:
    moment = to_moment(value)
    if moment is None:
        raise EvaluationError(f"{_shown(value)} is not a moment such as 2026-03-01T09:30:00Z.")
    return moment


_FORMATS: Mapping[str, Callable[[datetime], str | int]] = {
    "iso": iso,
    "date": lambda moment: moment.date().isoformat(),
    "time": lambda moment: moment.strftime("%H:%M:%S"),
    "unix": lambda moment: int(moment.timestamp()),
    "rfc2822": format_datetime,
}


def _date(value: Any, format_name: Any = "iso") -> str | int:
    name = format_name.lower() if isinstance(format_name, str) else ""
    if name not in _FORMATS:
        raise EvaluationError(f"{_shown(format_name)} is not a format of date: {', '.join(_FORMATS)}.")
    return _FORMATS[name](_moment(value))


def _join(value: Any, separator: Any = ", ") -> str:
    parts = [to_text(item) for item in _items(value)]
    mark = to_text(separator)
    _bounded_length(sum(map(len, parts)) + len(mark) * len(parts))
    return mark.join(parts)


def _replace(value: Any, old: Any, new: Any = "") -> Any:
    if not isinstance(value, str):
        return value
    search, by = to_text(old), to_text(new)
    if not search:
        return value
    # Counted first: the result of 60 kB of "a", each replaced by 60 kB, must never exist.
    _bounded_length(len(value) + value.count(search) * max(0, len(by) - len(search)))
    return value.replace(search, by)


def _edge(index: int) -> Callable[[Any], Any]:
    def edge(value: Any) -> Any:
        items = value if isinstance(value, str) else _items(value)
        if not items:
            raise EvaluationError("An empty list has no first and no last item.")
        return items[index]

    return edge


def _unique(value: Any) -> list[Any]:
    found: dict[bytes, Any] = {}
    for item in _items(value):
        # By their JSON text, as objects cannot be hashed and 1 is not true.
        found.setdefault(orjson.dumps(item, option=orjson.OPT_SORT_KEYS), item)
    return list(found.values())


def _sort(value: Any) -> list[Any]:
    return sorted(_items(value))


def _int(value: Any, fallback: Any = 0) -> Any:
    number = to_number(int(value) if isinstance(value, bool) else value)
    return fallback if number is None else _bounded(int(number))


def _float(value: Any, fallback: Any = 0.0) -> Any:
    number = to_number(int(value) if isinstance(value, bool) else value)
    return fallback if number is None else float(number)


def _round(value: Any, digits: Any = 0) -> int | float:
    count = _whole(digits)
    if count > _MAXIMUM_DIGITS:
        raise EvaluationError(f"round takes at most {_MAXIMUM_DIGITS} digits.")
    number = _number(value)
    return _bounded(round(number, count) if count else round(number))


def _default(value: Any, fallback: Any = "") -> Any:
    return fallback if value is None or value == "" else value


def _number(value: Any) -> int | float:
    number = to_number(value)
    if number is None:
        raise EvaluationError(f"{_shown(value)} is not a number.")
    return number


def _bounded(number: float) -> int | float:
    if not is_bounded(number):
        raise EvaluationError("The number is too large.")
    return number


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise EvaluationError(f"{_shown(value)} is not a whole number from 0.")
    return value


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise EvaluationError(f"{_shown(value)} is not a list.")
    return value


def _bounded_length(length: int) -> None:
    if length > TEXT_LENGTH:
        raise EvaluationError(f"The text would be longer than {TEXT_LENGTH} characters.")


def _shown(value: Any) -> str:
    # Never the value of an object or list: that may be a book.
    if isinstance(value, str):
        return repr(value[:40])
    return str(value)[:40] if isinstance(value, int | float) or value is None else f"A {type(value).__name__}"


FILTERS: Mapping[str, Filter] = {
    "default": Filter(function=_default, most=1, takes_undefined=True),
    "upper": Filter(function=_text(str.upper)),
    "lower": Filter(function=_text(str.lower)),
    "capitalize": Filter(function=_text(str.capitalize)),
    "trim": Filter(function=_text(str.strip)),
    "truncate": Filter(function=_truncate, fewest=1, most=1),
    "length": Filter(function=_length),
    "json": Filter(function=to_json),
    "iso": Filter(function=lambda value: iso(_moment(value))),
    "date": Filter(function=_date, most=1),
    "join": Filter(function=_join, most=1),
    "replace": Filter(function=_replace, fewest=1, most=2),
    "minutes": Filter(function=lambda value: _bounded(_number(value) * 60)),
    "hours": Filter(function=lambda value: _bounded(_number(value) * 3600)),
    "duration_since": Filter(function=duration_since, takes_now=True),
    "older_than": Filter(function=older_than, fewest=1, most=1, takes_now=True),
    "first": Filter(function=_edge(0)),
    "last": Filter(function=_edge(-1)),
    "unique": Filter(function=_unique),
    "sort": Filter(function=_sort),
    "int": Filter(function=_int, most=1),
    "float": Filter(function=_float, most=1),
    "round": Filter(function=_round, most=1),
    "abs": Filter(function=lambda value: _bounded(abs(_number(value)))),
}

#: The tests, and how many arguments each takes; the sandbox knows what they mean.
TESTS: Mapping[str, int] = {"defined": 0, "none": 0, "in": 1}
