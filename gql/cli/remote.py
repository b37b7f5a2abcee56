"""The commands that call a server, with their options; their code is imported on use."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gql.cli.profiles import target_of
from gql.cli.running import late, run

_WORK = "gql.cli.remote_work"

app = typer.Typer()

Server = Annotated[
    str | None,
    typer.Option(
        help="The server's address. (default: INCIDENTQL_SERVER, the profile's, or http://127.0.0.1:8000)",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        help="The token. Other users see options: prefer INCIDENTQL_TOKEN or a profile.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="A profile of ~/.config/incidentql/profiles.toml. (default: INCIDENTQL_PROFILE, or `default`)",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Incident = Annotated[str, typer.Argument(help="Its reference, number or id.", metavar="INCIDENT")]


class Severity(StrEnum):
    """The severity of an incident, as the command line writes it."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@app.command()
def watch(
    system: Annotated[list[str] | None, typer.Option(help="Only incidents of this system; may be repeated.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every change: comments, links and titles, too.")] = False,
    after: Annotated[
        str | None, typer.Option(help="Begin behind this cursor, and not now.", show_default=False)
    ] = None,
    cursor_file: Annotated[
        Path | None,
        typer.Option(help="Keep the cursor in this file, and begin behind it the next time.", show_default=False),
    ] = None,
    json: Json = False,
    server: Server = None,
    token: Token = None,
    profile: Profile = None,
) -> None:
    """Print what happens to incidents, as it happens; resume after lost connections."""
    work = late(_WORK, "watch")
    target = target_of(server=server, token=token, profile=profile)
    run(work(target, systems=system or (), is_every_change=all_, after=after, cursor_file=cursor_file, is_json=json))


@app.command(name="open")
def open_(
    title: Annotated[str, typer.Argument(help="Its title.")],
    system: Annotated[list[str], typer.Option(help="The key or id of what is affected; may be repeated.")],
    severity: Annotated[Severity, typer.Option(help="How bad it is.", case_sensitive=False)] = Severity.MAJOR,
    message: Annotated[str | None, typer.Option(help="The first entry of its timeline.", show_default=False)] = None,
    key: Annotated[
        str | None,
        typer.Option(help="An idempotency key: the same one opens nothing twice.", show_default=False),
    ] = None,
    json: Json = False,
    server: Server = None,
    token: Token = None,
    profile: Profile = None,
) -> None:
    """Open an incident."""
    work = late(_WORK, "create")
    fields = {"title": title, "systemIds": system, "severity": severity.name, "initialMessage": message}
    run(work(target_of(server=server, token=token, profile=profile), key=key, is_json=json, **fields))


@app.command()
def resolve(
    incident: Incident,
    message: Annotated[str | None, typer.Option(help="What ended it.", show_default=False)] = None,
    json: Json = False,
    server: Server = None,
    token: Token = None,
    profile: Profile = None,
) -> None:
    """Resolve an incident."""
    target = target_of(server=server, token=token, profile=profile)
    run(late(_WORK, "change")(target, "resolveIncident", incident, message=message, is_json=json))


@app.command(name="ack")
def acknowledge(
    incident: Incident, json: Json = False, server: Server = None, token: Token = None, profile: Profile = None
) -> None:
    """Acknowledge an incident: you are on it."""
    target = target_of(server=server, token=token, profile=profile)
    run(late(_WORK, "change")(target, "acknowledgeIncident", incident, is_json=json))
