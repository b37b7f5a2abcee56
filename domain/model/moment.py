"""The text form of moments in the log and in payloads: RFC 3339, UTC, milliseconds."""

from datetime import UTC, datetime, timedelta

from domain.errors import InvalidInputError

#: Numbers with their zeros: of a moment, `isoformat` takes three times as long, and `replace` even longer.
_TWO_DIGITS = tuple(f"{number:02}" for number in range(100))
_THREE_DIGITS = tuple(f"{number:03}" for number in range(1000))
_MICROSECONDS = tuple(timedelta(microseconds=number) for number in range(1000))


def iso(moment: datetime) -> str:
    """Return a text such as `2026-03-01T09:30:00.000Z`; texts sort as their moments do."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{to_milliseconds(moment, 'T')}Z"


def to_milliseconds(moment: datetime, separator: str) -> str:
    """Return the digits of a moment as they are, with this between date and time."""
    two, year = _TWO_DIGITS, moment.year
    return (
        f"{two[year // 100]}{two[year % 100]}-{two[moment.month]}-{two[moment.day]}{separator}"
        f"{two[moment.hour]}:{two[moment.minute]}:{two[moment.second]}.{_THREE_DIGITS[moment.microsecond // 1000]}"
    )


def to_microseconds(moment: datetime, separator: str) -> str:
    """Return all digits of a moment, as `to_milliseconds` does."""
    return to_milliseconds(moment, separator) + _THREE_DIGITS[moment.microsecond % 1000]


def parse_iso(text: str) -> datetime:
    """Return the aware moment of an RFC 3339 text, cut to milliseconds.

    Raises:
        InvalidInputError: the text is no moment, has no offset, or is beyond the years 1 to 9999 in UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"{text[:40]!r} is not a date and time such as 2026-03-01T09:30:00Z.") from error
    if moment.tzinfo is None:
        raise InvalidInputError(f"{text[:40]!r} needs an offset: append Z for UTC.")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInputError(f"{text[:40]!r} lies outside the calendar.") from error
    return cut(moment)


def cut(moment: datetime) -> datetime:
    """Return a moment as it is stored, cut to milliseconds."""
    return moment - _MICROSECONDS[moment.microsecond % 1000]
