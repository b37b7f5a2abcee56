"""The reading of exports: a line at a time, each within a bound, and each checked by itself."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from domain.errors import DomainError, StartupError
from domain.model.histories import History, Refusal
from domain.transfer.documents import FORMAT
from domain.transfer.objects import object_of
from domain.transfer.shapes import SHAPES, EndShape, HeadShape

#: The longest line: an incident with a timeline of some hundred thousand words is far below it.
LONGEST_LINE = 32 * 1024 * 1024
_MARK = b"\xef\xbb\xbf"
#: What is read of a file: an object with its place, or a refusal; with the number of bytes read so far.
Item = tuple[History | Refusal, str, int]


def read_lines(file: Path, *, now: datetime) -> Iterator[Item]:
    """Yield what the lines of an export say, in their order.

    Raises:
        StartupError: it cannot be read, or is no export, or one of a later format.
    """
    try:
        with file.open("rb") as stream:
            yield from _items(stream, now)
    except OSError as error:
        raise StartupError(f"{file} cannot be read: {error.strerror}.") from error


def _items(stream: BinaryIO, now: datetime) -> Iterator[Item]:
    found, number, read = 0, 0, 0
    ended: EndShape | None = None
    for number, line, read in _lines(stream):
        place = f"line {number}"
        shape = _shape(line, place, now)
        if number == 1:
            _check_head(shape)
        elif isinstance(shape, EndShape):
            ended = shape
        elif shape is not None:
            found += 1
            yield shape if isinstance(shape, Refusal) else _object(shape, place), place, read
    if number == 0:
        raise StartupError("The file is empty.")
    if ended is None:
        message = "The file does not end with its last line: it was cut off."
        yield Refusal(place=f"line {number + 1}", code="TRUNCATED", message=message), "", read
    elif sum(ended.counts.values()) != found:
        message = f"The file has {found:,} objects, and not as many as its last line says."
        yield Refusal(place=f"line {number}", code="INCOMPLETE", message=message), "", read


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Yield each line with its number and the bytes read so far; of one that is too long, as much as shows that."""
    number, read = 0, 0
    while line := stream.readline(LONGEST_LINE + 1):
        number, read = number + 1, read + len(line)
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            read += _skip(stream)
        yield number, line.removeprefix(_MARK) if number == 1 else line, read


def _skip(stream: BinaryIO) -> int:
    """Read up to the end of a line that is too long, and return how much that was."""
    read = 0
    while part := stream.readline(LONGEST_LINE):
        read += len(part)
        if part.endswith(b"\n"):
            break
    return read


def _shape(line: bytes, place: str, now: datetime) -> Any:
    if len(line) > LONGEST_LINE:
        return Refusal(place=place, code="TOO_LARGE", message=f"It has more than {LONGEST_LINE:,} bytes.")
    if not line.strip():
        return None
    try:
        return SHAPES.validate_json(line, context=now)
    except ValidationError as error:
        # The first step of a fault's path says which type of line it is.
        return refusal_of(error, place, skip=1)


def refusal_of(error: ValidationError, place: str, *, skip: int = 0) -> Refusal:
    """Return the refusal of the first of a line's faults; nothing of its values is in it."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = [str(step) for step in fault["loc"][skip:]]
    message = fault["msg"].removeprefix("Value error, ").rstrip(".")
    return Refusal(place=place, code="BAD_USER_INPUT", message=f"{message}.", field=field)


def _object(shape: Any, place: str) -> History | Refusal:
    if isinstance(shape, HeadShape):
        return Refusal(place=place, code="BAD_USER_INPUT", message="A file has one first line.")
    try:
        return object_of(shape)
    except DomainError as error:
        return Refusal(place=place, code=error.code, message=error.message, field=error.field or ())


def _check_head(shape: Any) -> None:
    if not isinstance(shape, HeadShape):
        raise StartupError("This is no export of incidentql: its first line does not say so.")
    if shape.format > FORMAT:
        raise StartupError(
            f"The file has format {shape.format}, of a database with schema {shape.schema_}: this incidentql "
            f"reads up to format {FORMAT}. Update incidentql."
        )
