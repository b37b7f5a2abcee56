"""The commands of `incidentql`."""

import sys
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.automations.demo import install
from domain.bootstrap import running_domain
from domain.errors import StartupError
from domain.model.change import Change
from domain.services.demo import DEMO
from domain.settings import Settings
from gql.cli.automations import app as automations
from gql.cli.running import DatabaseUrl, fail, run, settings_of
from gql.cli.serving import serve as serve_forever
from gql.schema import sdl

_PAGE = 500

app = typer.Typer(
    name="incidentql",
    help="Incident management as a GraphQL API with live subscriptions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(automations)


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on. (default: 127.0.0.1)", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; 0 takes a free one. (default: 8000)", show_default=False)
    ] = None,
    database_url: DatabaseUrl = None,
    broadcast_url: Annotated[
        str | None,
        typer.Option(
            help="How processes wake each other: memory://, redis://host or postgresql://host/name. "
            "(default: memory://)",
            show_default=False,
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Seed an empty database and keep a gentle stream of marked events going.")
    ] = False,
) -> None:
    """Serve the API. Migrations run first; the first start prints an admin token."""
    settings = settings_of(host=host, port=port, database_url=database_url, broadcast_url=broadcast_url)
    run(serve_forever(settings, demo=demo, say=typer.echo))


@app.command(name="demo")
def fill(
    incidents: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many past incidents to add.", show_default=True)
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Another seed tells other stories.")] = 1,
    database_url: DatabaseUrl = None,
) -> None:
    """Fill the database with a believable history: systems, incidents over months, updates and links."""

    async def work(settings: Settings) -> None:
        async with running_domain(settings, live=False) as domain:
            with Progress(
                TextColumn("Incidents"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            ) as progress:
                bar = progress.add_task("incidents", total=incidents)
                await domain.demo.fill(incidents, seed=seed, progress=lambda added: progress.advance(bar, added))
            await install(domain.automations.service, DEMO)

    run(work(settings_of(database_url=database_url)))


@app.command()
def migrate(database_url: DatabaseUrl = None) -> None:
    """Bring the database to the schema of this version."""

    async def work(settings: Settings) -> None:
        async with running_domain(settings, live=False):
            typer.echo("The database is up to date.")

    run(work(settings_of(database_url=database_url)))


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    typer.echo(sdl(), nl=False)


@app.command()
def events(
    after: Annotated[str | None, typer.Option(help="Only what follows this cursor.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as changes happen.")] = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Print the log of all changes, one JSON object a line."""

    async def work(settings: Settings) -> None:
        # Following is all it does: whoever serves runs the automations.
        async with running_domain(replace(settings, automations=False), live=follow) as domain:
            position = await domain.events.start_of(after) if after is not None else 0

            def show(change: Change) -> None:
                line = orjson.dumps({"cursor": domain.cursors.position(change.seq), **change.as_json()})
                sys.stdout.buffer.write(line + b"\n")

            if follow:
                async with aclosing(domain.events.follow_raw(position)) as changes:
                    async for change in changes:
                        show(change)
                        sys.stdout.flush()
                return
            while page := await domain.events.raw(position, limit=_PAGE):
                for change in page:
                    show(change)
                position = page[-1].seq

    run(work(settings_of(database_url=database_url)))


def main() -> None:
    """Run the command line; what stops it from starting is one line and exit code 2."""
    try:
        app()
    except StartupError as error:
        fail(error.message)
