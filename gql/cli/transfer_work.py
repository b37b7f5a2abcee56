"""The code of the commands `export` and `import`."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import orjson
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from domain.bootstrap import Domain, running_domain
from domain.errors import InvalidInputError, StartupError
from domain.model.histories import Note, Refusal
from domain.settings import Settings
from domain.transfer import spreadsheet
from domain.transfer.importing import Tally
from domain.transfer.reading import read_lines
from domain.transfer.statuspage_files import read_statuspage
from domain.transfer.story import markdown_of
from gql.cli.transfer import ExportFormat, ImportFormat

#: How many refusals are shown; all of them are in the report.
_SHOWN = 20
_REFERENCE = re.compile(r"INC-([1-9]\d{0,9})", re.IGNORECASE | re.ASCII)


async def export(settings: Settings, *, form: ExportFormat, incident: str | None, output: Path | None) -> None:
    """Write the history of a database, or one incident's."""
    async with running_domain(replace(settings, automations=False), live=False) as domain:
        with _replacing(output) as stream:
            try:
                await _export(domain, _Sink(stream), form=form, incident=incident)
            except _WriteError as error:
                raise error.error from None


async def import_(
    settings: Settings, file: Path, *, form: ImportFormat, is_dry: bool, is_strict: bool, report: Path | None
) -> None:
    """Take over a history; exit with code 1 where something of it was not taken."""
    async with running_domain(replace(settings, automations=False), live=False) as domain:
        imports = domain.transfer.imports
        with ExitStack() as stack:
            lines = stack.enter_context(_writing(report)) if report is not None else None
            read = read_statuspage if form is ImportFormat.STATUSPAGE else read_lines
            items = read(file, now=imports.now())
            columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            progress, bar = stack.enter_context(_bar("Import", *columns))
            progress.update(bar, total=_size_of(file))
            listener = _Listener(progress, bar, lines)
            tally = await imports.run(items, listener, is_dry=is_dry, is_strict=is_strict)
    for line in _summary(tally, notes=listener.notes, is_dry=is_dry):
        typer.echo(line, err=True)
    if tally.refused:
        raise typer.Exit(1)


class _WriteError(Exception):
    """A failure to write, which is none of the database's whose reading it interrupts."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Sink:
    """A writer to a stream, under a reading of the database."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write bytes."""
        try:
            self._stream.write(data)
        except OSError as error:
            raise _WriteError(error) from error


class _Listener:
    """A writer of what an import comes to, on the terminal and in the report."""

    def __init__(self, progress: Progress, bar: TaskID, report: BinaryIO | None) -> None:
        self._progress = progress
        self._bar = bar
        self._report = report
        self._shown = 0
        self.notes: dict[str, int] = {}

    def refused(self, refusal: Refusal) -> None:
        """Show a refusal, unless there were many, and report it."""
        path = ".".join(refusal.field)
        self._shown += 1
        if self._shown <= _SHOWN:
            where = f"{refusal.place}, {path}" if path else refusal.place
            self._say(f"{where}: {refusal.code}: {refusal.message}")
        elif self._shown == _SHOWN + 1:
            self._say("... and more, which --report FILE writes down.")
        self._write(refusal)

    def noted(self, note: Note) -> None:
        """Count and report what is to be known."""
        self.notes[note.code] = self.notes.get(note.code, 0) + 1
        self._write(note)

    def advanced(self, size_bytes: int) -> None:
        """Move the bar."""
        self._progress.update(self._bar, completed=size_bytes)

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _write(self, note: Note) -> None:
        if self._report is not None:
            fields = {"place": note.place, "code": note.code, "field": ".".join(note.field), "message": note.message}
            self._report.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))


async def _export(domain: Domain, stream: _Sink, *, form: ExportFormat, incident: str | None) -> None:
    exports = domain.transfer.exports
    if incident is not None:
        stream.write(markdown_of(*await exports.incident(_number_of(incident))).encode())
        return
    if form is ExportFormat.CSV:
        stream.write(spreadsheet.header())
        await exports.incidents(lambda history, names: stream.write(spreadsheet.row_of(history, names)))
        return
    with _bar("Export", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as (progress, bar):
        await exports.lines(
            stream.write, progress=lambda count: progress.update(bar, completed=count.done, total=count.total)
        )


def _number_of(reference: str) -> int:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise InvalidInputError("An incident is named by its reference, such as INC-42.", field=["incident"])
    return int(found[1])


@contextmanager
def _replacing(file: Path | None) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of one once it is whole, so that a failure costs no former export."""
    if file is None or (file.exists() and not file.is_file()):
        with _writing(file) as stream:
            yield stream
        return
    whole = file.resolve()
    part = whole.with_name(f"{whole.name}.{os.getpid()}.part")
    try:
        with _writing(part) as stream:
            yield stream
        part.replace(whole)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writing(file: Path | None) -> Iterator[BinaryIO]:
    """Open a file, a new one for its owner alone, or standard output."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        # What is internal is in it.
        with open(file, "wb", opener=_private) as stream:
            yield stream
    except OSError as error:
        raise StartupError(f"{file} cannot be written: {error.strerror}.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def _bar(name: str, *columns: ProgressColumn) -> Iterator[tuple[Progress, TaskID]]:
    """Show a bar of progress, on a terminal."""
    console = Console(stderr=True)
    with Progress(TextColumn(name), *columns, console=console, disable=not console.is_terminal) as progress:
        yield progress, progress.add_task(name, total=None)


def _size_of(file: Path) -> int:
    files = [file] if file.is_file() else file.glob("*.json")
    return sum(each.stat().st_size for each in files)


def _summary(tally: Tally, *, notes: Mapping[str, int], is_dry: bool) -> Iterator[str]:
    yield f"{'Would be taken' if is_dry else 'Taken'}: {_counted(tally.taken)}."
    yield f"Here already: {_counted(tally.present)}."
    for code, count in notes.items():
        yield f"{_NOTED[code]}: {count:,}."
    if tally.refused:
        yield f"Not taken: {tally.refused:,}."


def _counted(counts: dict[str, int]) -> str:
    parts = [f"{count:,} {_NOUNS[kind][count != 1]}" for kind, count in counts.items() if count]
    return ", ".join(parts) or "nothing"


_NOTED = {
    "RENUMBERED": "With another number here",
    "DIFFERS": "Here already, but with less than there",
}
_NOUNS = {
    "system": ("system", "systems"),
    "person": ("person", "people"),
    "health": ("health of a system", "healths of systems"),
    "incident": ("incident", "incidents"),
    "relation": ("relation", "relations"),
    "maintenance": ("maintenance window", "maintenance windows"),
}
