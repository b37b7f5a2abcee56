"""The commands `export` and `import` with their options; their code is imported on use."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gql.cli.running import DatabaseUrl, late, run, settings_of

_WORK = "gql.cli.transfer_work"


class ExportFormat(StrEnum):
    """The format of an export."""

    NDJSON = "ndjson"
    CSV = "csv"
    MARKDOWN = "markdown"


class ImportFormat(StrEnum):
    """The format of what is imported."""

    NDJSON = "ndjson"
    STATUSPAGE = "statuspage"


def export(
    format: Annotated[  # noqa: A002 - it is the name of the option
        ExportFormat,
        typer.Option(
            help="ndjson: all of it, to be imported elsewhere; csv: a row for each incident; markdown: one timeline."
        ),
    ] = ExportFormat.NDJSON,
    incident: Annotated[str | None, typer.Option(help="The incident of a timeline, such as INC-42.")] = None,
    output: Annotated[Path | None, typer.Option(help="The file to write. (default: standard output)")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the history of incidents to a file: as of one moment, and without secrets."""
    if (format is ExportFormat.MARKDOWN) is not (incident is not None):
        raise typer.BadParameter("--incident goes with --format markdown, and the other way round.")
    settings = settings_of(database_url=database_url)
    run(late(_WORK, "export")(settings, form=format, incident=incident, output=output))


def import_(
    file: Annotated[Path, typer.Argument(help="The file, or for statuspage also a folder of *.json.")],
    format: Annotated[  # noqa: A002 - it is the name of the option
        ImportFormat,
        typer.Option(
            help="ndjson: an export of this program; statuspage: what /api/v2/incidents.json and such answer."
        ),
    ] = ImportFormat.NDJSON,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken, and write nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End at the first thing that cannot be taken.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="A file for all that was not taken, one JSON object a line.")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Take over a history quietly: nothing is triggered by it. What is here already stays as it is."""
    if report is not None and report.exists() and file.exists() and report.samefile(file):
        raise typer.BadParameter("--report would overwrite the file that is imported.")
    settings = settings_of(database_url=database_url)
    work = late(_WORK, "import_")(settings, file, form=format, is_dry=dry_run, is_strict=strict, report=report)
    run(work)


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(name="export")(export)
    app.command(name="import")(import_)
