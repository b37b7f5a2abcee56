"""The code of the commands that need the database and end by themselves."""

import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domain.bootstrap import Domain, running_domain
from domain.demo.automations import install
from domain.demo.service import DEMO
from domain.model.audit import AuditFilter
from domain.model.change import Change
from domain.model.paging import PageRequest
from domain.settings import Settings

_PAGE = 500


async def fill(settings: Settings, *, incidents: int, seed: int) -> None:
    """Add made-up past incidents, and show the progress."""
    async with running_domain(settings, live=False) as domain:
        with Progress(TextColumn("Incidents"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as progress:
            bar = progress.add_task("incidents", total=incidents)
            await domain.demo.fill(incidents, seed=seed, progress=lambda added: progress.advance(bar, added))
        await install(domain.automations.service, DEMO)


async def migrate(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Bring the database to the schema of this version."""
    async with running_domain(settings, live=False):
        say("The database is up to date.")


async def print_events(settings: Settings, *, after: str | None, follow: bool) -> None:
    """Print the log behind a cursor as lines of JSON; with `follow`, go on as changes happen."""
    # It only follows the log: the processes that serve run the automations.
    async with running_domain(replace(settings, automations=False), live=follow) as domain:
        position = await domain.events.start_of(after) if after is not None else 0
        if follow:
            async with aclosing(domain.events.follow_raw(position)) as changes:
                async for change in changes:
                    _print(domain, change)
                    sys.stdout.flush()
            return
        while page := await domain.events.raw(position, limit=_PAGE):
            for change in page:
                _print(domain, change)
            position = page[-1].seq


def _print(domain: Domain, change: Change) -> None:
    line = orjson.dumps({"cursor": domain.events.cursor_of(change.seq), **change.as_json()})
    sys.stdout.buffer.write(line + b"\n")


async def print_audit(settings: Settings) -> None:
    """Print the audit log as lines of JSON, the newest entry first."""
    async with running_domain(settings, live=False) as domain:
        page = PageRequest(size=_PAGE)
        while entries := (await domain.audit.page(page, AuditFilter())).items:
            for entry in entries:
                sys.stdout.buffer.write(orjson.dumps(entry.as_json()) + b"\n")
            page = PageRequest(size=_PAGE, after=(entries[-1].id,))
