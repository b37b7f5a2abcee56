"""The commands of `incidentql` with their options; their code is imported on use."""

import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from domain.errors import StartupError
from gql.cli import automations, operating, remote, transfer
from gql.cli.running import BroadcastUrl, DatabaseUrl, Workers, fail, late, run, settings_of


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"incidentql {version('incidentql')}")
        raise typer.Exit


app = typer.Typer(
    name="incidentql",
    help="Incident management as a GraphQL API with live subscriptions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(automations.app)
app.add_typer(remote.app)
transfer.register(app)
operating.register(app)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on. (default: 127.0.0.1)", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; 0 takes a free one. (default: 8000)", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
    broadcast_url: BroadcastUrl = None,
    workers: Workers = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Seed an empty database and keep a gentle stream of marked events going.")
    ] = False,
) -> None:
    """Serve the API. Migrations run first; the first start prints an admin token."""
    settings = settings_of(
        host=host, port=port, workers=workers, database_url=database_url, broadcast_url=broadcast_url
    )
    if settings.workers > 1:
        raise typer.Exit(late("gql.cli.serving", "serve_by_workers")(settings, demo=demo, say=typer.echo))
    run(late("gql.cli.serving", "serve")(settings, demo=demo, say=typer.echo))


@app.command()
def work(workers: Workers = None, database_url: DatabaseUrl = None, broadcast_url: BroadcastUrl = None) -> None:
    """Run automations, webhooks and notifications without serving HTTP."""
    settings = settings_of(workers=workers, database_url=database_url, broadcast_url=broadcast_url)
    raise typer.Exit(late("gql.cli.working", "work")(settings, say=typer.echo))


@app.command(name="demo")
def fill(
    incidents: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many past incidents to add.", show_default=True)
    ] = 1000,
    seed: Annotated[int, typer.Option(help="The seed of the random history.")] = 1,
    database_url: DatabaseUrl = None,
) -> None:
    """Fill the database with a believable history: systems, incidents over months, updates and links."""
    settings = settings_of(database_url=database_url)
    run(late("gql.cli.work", "fill")(settings, incidents=incidents, seed=seed))


@app.command()
def migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version."""
    run(late("gql.cli.work", "migrate")(settings_of(database_url=database_url), say=typer.echo))


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    typer.echo(late("gql.schema", "sdl")(), nl=False)


@app.command()
def events(
    after: Annotated[str | None, typer.Option(help="Only what follows this cursor.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as changes happen.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Print the log of all changes, one JSON object a line."""
    run(late("gql.cli.work", "print_events")(settings_of(database_url=database_url), after=after, follow=follow))


@app.command()
def audit(database_url: DatabaseUrl = None) -> None:
    """Print who changed tokens, secrets and other settings, the newest first, one JSON object a line."""
    run(late("gql.cli.work", "print_audit")(settings_of(database_url=database_url)))


def main() -> None:
    """Run the command line; print a failure as one line with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal with a small character set gets escapes instead of a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except StartupError as error:
        fail(error.message)
