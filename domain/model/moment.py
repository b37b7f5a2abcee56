"""The text form of moments in the log and in payloads: RFC 3339, UTC, milliseconds."""

from datetime import UTC, datetime

from domain.errors import InvalidInputError

#: What UTC ends with.
_OFFSET = -len("+00:00")


def iso(moment: datetime) -> str:
    """Return a text such as `2026-03-01T09:30:00.000Z`; texts sort as their moments do."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:_OFFSET]}Z"


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
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
