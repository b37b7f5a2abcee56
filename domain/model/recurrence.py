"""Rules by which a maintenance takes place again: RFC 5545's RRULE, by the clocks of a time zone, and bounded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from domain.errors import InvalidInputError
from domain.model.maintenance import HORIZON

_LONGEST = 500
_LONGEST_ZONE = 64
#: Files beside the zones: what they say depends on the machine, counts leap seconds, or is no place's time.
_NO_ZONE = re.compile(r"(localtime|posixrules|Factory|(posix|right)/.*)")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST")
_LARGEST = 1_000
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?")
#: The calendar repeats itself after 400 years. Rules are followed in its last centuries: the library looks for the
#: next day up to the year 9999, and for a rule that has none, from today, that takes seconds.
_SHIFT = 7_600
_LAST_MOMENT = datetime(9_999 - _SHIFT, 12, 31, 23, 59, 59)  # noqa: DTZ001 - by local clocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The moments at which a maintenance begins, and up to when they are known; None where there are no more."""

    starts: tuple[datetime, ...]
    until: datetime | None


def checked_zone(name: str) -> ZoneInfo:
    """Return the time zone of that name.

    Raises:
        InvalidInputError: there is none.
    """
    try:
        return ZoneInfo("" if _NO_ZONE.fullmatch(name) else name[:_LONGEST_ZONE])
    except (LookupError, ValueError, OSError) as error:
        raise InvalidInputError("This is not a time zone such as Europe/Berlin.", field=["timeZone"]) from error


def checked_rule(text: str, *, first: datetime, zone: ZoneInfo) -> str:
    """Return a rule in its plain form, whose first moment is that one.

    Raises:
        InvalidInputError: it is no such rule, has parts that are not supported, or another first moment.
    """
    rule = ";".join(f"{name}={value}" for name, value in _parts_of(text).items())
    begins = next(_moments(rule, first=first, zone=zone), None)
    if begins is None:
        raise _refusal("By this rule the maintenance never takes place: no day matches it.")
    if begins != first:
        named = begins.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S%z")
        raise InvalidInputError(
            f"The maintenance has to begin on a day of its rule, the first of which is {named}.", field=["startsAt"]
        )
    return rule


def plan_of(
    rule: str | None,
    *,
    first: datetime,
    duration: timedelta,
    zone: ZoneInfo,
    now: datetime,
    horizon: timedelta = HORIZON,
) -> Plan:
    """Return the moments at which a maintenance begins that has not ended by now, up to a horizon.

    It has the next one also where that lies behind the horizon.
    """
    moments = iter([first]) if rule is None else _moments(rule, first=first, zone=zone)
    starts: list[datetime] = []
    end = now + horizon
    for moment in moments:
        if moment + duration <= now:
            continue
        if moment > end and starts:
            return Plan(starts=tuple(starts), until=end)
        starts.append(moment)
        if moment > end and rule is not None:
            return Plan(starts=tuple(starts), until=moment)
    return Plan(starts=tuple(starts), until=None)


def _moments(rule: str, *, first: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments of a rule in their order, without an end where it has none."""
    local = first.astimezone(zone).replace(tzinfo=None, fold=0)
    try:
        rule = re.sub(r"UNTIL=(\w+)", lambda found: f"UNTIL={_until(found[1], zone)}", rule)
        moments: Iterator[datetime] = iter(rrulestr(f"RRULE:{rule}", dtstart=local.replace(year=local.year + _SHIFT)))
        for moment in moments:
            # Where the clocks skip this time, RFC 5545 takes it by the offset before; where it comes twice, the first.
            yield moment.replace(year=moment.year - _SHIFT, tzinfo=zone).astimezone(UTC)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise _refusal("This is not a rule such as FREQ=WEEKLY;BYDAY=SU.") from error


def _until(value: str, zone: ZoneInfo) -> str:
    """Return the end of a rule by local clocks, in the centuries in which rules are followed."""
    date, _, time = value.partition("T")
    if not time:
        moment = datetime.strptime(f"{date}235959", "%Y%m%d%H%M%S")  # noqa: DTZ007 - by local clocks
    else:
        moment = datetime.strptime(f"{date}{time[:6]}", "%Y%m%d%H%M%S")  # noqa: DTZ007 - by local clocks
        if time.endswith("Z"):
            moment = min(moment, _LAST_MOMENT).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    moment = min(moment, _LAST_MOMENT)
    return moment.replace(year=moment.year + _SHIFT).strftime("%Y%m%dT%H%M%S")


def _parts_of(text: str) -> dict[str, str]:
    if len(text) > _LONGEST:
        raise _refusal(f"A rule has at most {_LONGEST} characters.")
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise _refusal("This is not a rule such as FREQ=WEEKLY;BYDAY=SU.")
        if name not in _PARTS:
            raise _refusal(f"A rule of a maintenance has only these parts: {', '.join(_PARTS)}.")
        parts[name] = value
    _check_parts(parts)
    return parts


def _check_parts(parts: dict[str, str]) -> None:
    if parts.get("FREQ") not in _FREQUENCIES:
        raise _refusal(f"FREQ has to be one of {', '.join(_FREQUENCIES)}: at most once a day.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise _refusal("A rule has COUNT or UNTIL, not both.")
    for name in {"INTERVAL", "COUNT"} & parts.keys():
        value = parts[name]
        if not value.isascii() or not value.isdecimal() or not 1 <= int(value[:9]) <= _LARGEST:
            raise _refusal(f"{name} has to be a number from 1 to {_LARGEST:,}.")
    if "UNTIL" in parts and not _UNTIL.fullmatch(parts["UNTIL"]):
        raise _refusal("UNTIL has to be a moment such as 20271231T230000Z.")
    try:
        _until(parts.get("UNTIL", "20000101"), ZoneInfo("UTC"))
    except (ValueError, OverflowError) as error:
        raise _refusal("UNTIL has to be a moment such as 20271231T230000Z.") from error


def _refusal(message: str) -> InvalidInputError:
    return InvalidInputError(message, field=["recurrence"])
