"""The commands of operators with their options; their code is imported on use."""

from pathlib import Path
from typing import Annotated

import typer

from gql.cli.running import DatabaseUrl, late, run, settings_of

_WORK = "gql.cli.operating_work"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs, one object a line.")]


def verify(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Look through the whole database for damage, while servers go on; it writes nothing.

    Exits with 0 where the database is sound, with 1 where it is damaged, and with 2 where it could not be read.
    """
    run(late(_WORK, "print_findings")(settings_of(database_url=database_url), as_json=as_json))


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there already.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Write all of one moment to a file, while servers go on."""
    run(late(_WORK, "back_up_to")(settings_of(database_url=database_url), file, force=force))


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what the database has.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Restore a backup into a database that no server uses: all of it or nothing."""
    run(late(_WORK, "restore_from")(settings_of(database_url=database_url), file, force=force))


def doctor(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Examine settings, the database, and the servers that this one needs, before or beside a running one.

    Exits with 0 where no part has a problem, and with 1 else; no secret is printed.
    """
    run(late(_WORK, "print_examination")({"database_url": database_url}, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(backup)
    app.command()(restore)
    app.command()(doctor)
