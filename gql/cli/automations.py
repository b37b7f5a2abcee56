"""The commands of `incidentql automations` with their options; their code is imported on use."""

from pathlib import Path
from typing import Annotated

import typer

from gql.cli.running import DatabaseUrl, late, run, settings_of

_WORK = "gql.cli.automation_work"

app = typer.Typer(
    name="automations", help="Apply automations from files, and look at their runs.", no_args_is_help=True
)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A YAML or JSON file: one automation, or a list under `automations`.")],
    dry: Annotated[bool, typer.Option("--dry", help="Show what would change, and change nothing.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Create or update automations by their names, and show the changes."""
    run(late(_WORK, "apply")(settings_of(database_url=database_url), file, dry=dry))


@app.command(name="list")
def list_(database_url: DatabaseUrl = None) -> None:
    """List all automations."""
    run(late(_WORK, "print_all")(settings_of(database_url=database_url)))


@app.command()
def runs(
    automation: Annotated[str | None, typer.Option(help="Only those of the automation with this name or id.")] = None,
    skipped: Annotated[bool, typer.Option("--skipped", help="Also firings that led to no run.")] = False,
    last: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    database_url: DatabaseUrl = None,
) -> None:
    """List the newest runs."""
    settings = settings_of(database_url=database_url)
    run(late(_WORK, "print_runs")(settings, automation=automation, skipped=skipped, last=last))


@app.command()
def trace(
    run_id: Annotated[str, typer.Argument(help="The run's id.", metavar="RUN")], database_url: DatabaseUrl = None
) -> None:
    """Show what a run did, step by step."""
    run(late(_WORK, "print_trace")(settings_of(database_url=database_url), run_id))
