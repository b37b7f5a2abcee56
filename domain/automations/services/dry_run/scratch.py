"""The scratch domain of a dry run, on a database that is thrown away."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typing_extensions import override

from domain.automations.actions.incidents import IncidentActions
from domain.automations.actions.registry import ActionContext, ActionRegistry, ActionType, Perform, Result
from domain.automations.actions.responders import ResponderActions
from domain.automations.engine.adapter import Engine, Workflow
from domain.automations.services.dry_run.clock import VirtualClock
from domain.automations.services.system import AutomationSystem, Parts
from domain.automations.validation.catalog import Catalog
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import EntityHandle
from domain.entities.incident import INCIDENT
from domain.entities.kinds import Kinds, registry_of
from domain.entities.masking import SecretMasker
from domain.entities.run import RUN
from domain.errors import NotFoundError
from domain.messaging.tail import LogTail
from domain.model.incident import Incident
from domain.persistence.database import Database
from domain.persistence.engines import Engines, create_engines, database_url
from domain.persistence.migrate import migrate
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import IncidentService
from domain.services.responders import ResponderService
from domain.services.timeline import TimelineService
from domain.services.writing import Writer

#: The output of a step that would call another server.
OUTSIDE = "outside"


class RecordingEngine(Engine):
    """An engine that only queues workflows; the simulation runs them."""

    def __init__(self, url: str) -> None:
        super().__init__(database_url(url))
        self._waiting: dict[tuple[Workflow, str], None] = {}
        self._taken: set[tuple[Workflow, str]] = set()

    @override
    async def enqueue(self, unit: UnitOfWork, workflow: Workflow, identifier: str) -> None:
        """Queue a workflow, once."""
        if (workflow, identifier) not in self._taken:
            self._waiting[workflow, identifier] = None

    def take(self) -> list[tuple[Workflow, str]]:
        """Return the workflows queued since the last call, in order."""
        taken = list(self._waiting)
        self._taken.update(taken)
        self._waiting.clear()
        return taken


class GivenSecrets:
    """A lookup of secrets for predictions: their values, looked up before, must not be shown."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    async def known(self, names: Collection[str]) -> Collection[str]:
        """Return those of these names that have a secret."""
        return [name for name in names if name in self._values]

    async def resolve(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the values of the secrets of these names."""
        for name in sorted(names):
            if name not in self._values:
                raise NotFoundError("Secret", name, field=["secrets"])
        return {name: self._values[name] for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """The parts of one dry run's domain."""

    database: Database
    clock: VirtualClock
    kinds: Kinds
    handle: EntityHandle[Incident]
    derivers: DeriverRegistry
    engine: RecordingEngine
    automations: AutomationSystem


@cache
def empty_database() -> bytes:
    """Return a SQLite file without rows, made once in a process; the caller's thread has no event loop."""
    with _folder() as folder:
        file = folder / "empty.db"
        asyncio.run(_migrate(file))
        return file.read_bytes()


async def _migrate(file: Path) -> None:
    engines = _engines(file)
    try:
        await migrate(engines)
    finally:
        await engines.dispose()


@asynccontextmanager
async def scratch_domain(
    empty: bytes, clock: VirtualClock, catalog: Catalog, secrets: Mapping[str, str]
) -> AsyncIterator[Scratch]:
    """Yield a domain on a copy of the empty database, deleted afterwards; nothing in it runs in the background."""
    with _folder() as folder:
        file = folder / "scratch.db"
        file.write_bytes(empty)
        engines = _engines(file)
        try:
            yield _assembled(Database(engines, clock), RecordingEngine(_url(file)), clock, catalog, secrets)
        finally:
            await engines.dispose()


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="incidentql-dry-run-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _engines(file: Path) -> Engines:
    return create_engines(database_url(_url(file)), sqlite_synchronous="OFF", inline=True)


def _url(file: Path) -> str:
    return f"sqlite:///{file}"


def _assembled(
    database: Database, engine: RecordingEngine, clock: VirtualClock, catalog: Catalog, secrets: Mapping[str, str]
) -> Scratch:
    derivers, masker = DeriverRegistry(), SecretMasker()
    registry = registry_of(catalog.kinds, clock=clock, derivers=derivers, masker=masker)
    handle = registry.handle(INCIDENT)
    writer = Writer(database, clock)
    incidents = IncidentService(writer=writer, handle=handle, clock=clock)
    timeline = TimelineService(writer=writer, handle=handle)
    responders = ResponderService(writer=writer, handle=handle)
    parts = Parts(
        database=database,
        clock=clock,
        writer=writer,
        registry=registry,
        runs=registry.handle(RUN),
        masker=masker,
        triggers=catalog.triggers,
        actions=_actions(
            catalog.actions, IncidentActions(incidents, timeline, logs=False), ResponderActions(responders, incidents)
        ),
        tail=LogTail(database),
        engine=engine,
        secrets=GivenSecrets(secrets),
        run_retention_days=0,
        fallback_poll_seconds=None,
        looks_up=False,
    )
    return Scratch(
        database=database,
        clock=clock,
        kinds=catalog.kinds,
        handle=handle,
        derivers=derivers,
        engine=engine,
        automations=AutomationSystem(parts),
    )


def _actions(real: ActionRegistry, incidents: IncidentActions, responders: ResponderActions) -> ActionRegistry:
    """Return the actions on incidents as they are, and every other action as one that does nothing and succeeds."""
    actions = ActionRegistry()
    incidents.register(actions)
    responders.register(actions)
    for artifact in real.artifacts():
        if actions.artifact(artifact.id) is None:
            actions.register_artifact(artifact)
    for action in real.all():
        if actions.get(action.id) is None:
            actions.register(replace(action, perform=_nothing(action), perform_in=None))
    return actions


def _nothing(action: ActionType) -> Perform:
    async def perform(config: Any, _context: ActionContext) -> Result:
        assumed = {} if action.assumed is None else action.assumed(config)
        return Result(details={**assumed, "skipped": OUTSIDE})

    return perform
