"""The automations of one process, wired together."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.automations.actions.registry import ActionRegistry
from domain.automations.conditions.scope import StateReader
from domain.automations.definitions.definition import Definition
from domain.automations.engine.adapter import Engine, Workflow
from domain.automations.engine.jumps import ClockJumps
from domain.automations.engine.upkeep import RunUpkeep
from domain.automations.engine.wakes import WakeIndex
from domain.automations.routing.admission import Admission
from domain.automations.routing.dwells import Dwells
from domain.automations.routing.gates import Gates
from domain.automations.routing.router import GROUP, Router
from domain.automations.routing.scheduler import Scheduler
from domain.automations.running.journal import Journal
from domain.automations.running.runner import Runner
from domain.automations.running.work import FALLBACK_POLL_SECONDS, Tools
from domain.automations.services.automations import AutomationService
from domain.automations.services.explanation import Explanations
from domain.automations.services.reads import AutomationReads
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.lookups import Lookups
from domain.clock import Clock
from domain.entities.handle import EntityHandle
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.entities.triggers import TriggerRegistry
from domain.messaging.activity import Activity
from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.automation import AutomationRun
from domain.persistence.database import Database
from domain.services.writing import Writer

#: The most transactions of runs that wait for the database at once: people's writes wait in the same queue.
_WRITING = 4
_READING = 8
#: How long the engine's poll rests in an idle database: workflows that nobody enqueued just now are those of the dead.
_ENGINE_RESTS_SECONDS = 30.0
#: The longest chain of causes whose firings are still run.
DEPTH = 8


class Secrets(Protocol):
    """A lookup of secrets by name."""

    async def known(self, names: Collection[str]) -> Collection[str]:
        """Return those of these names that have a secret."""

    async def resolve(self, names: Collection[str]) -> Mapping[str, str]:
        """Return the values of the secrets of these names; raise if one is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of the domain that automations depend on."""

    database: Database
    clock: Clock
    writer: Writer
    registry: EntityRegistry
    runs: EntityHandle[AutomationRun]
    masker: SecretMasker
    triggers: TriggerRegistry
    actions: ActionRegistry
    tail: LogTail
    engine: Engine
    secrets: Secrets
    #: The retention of finished runs; 0 is for ever.
    run_retention_days: int
    #: Whether names outside of the catalog, such as secrets, can be looked up.
    looks_up: bool = True
    #: The interval of a wait's fallback poll; None where no wake-up can get lost.
    fallback_poll_seconds: float | None = FALLBACK_POLL_SECONDS

    def catalog(self) -> Catalog:
        """Return the catalog of names for definitions."""
        return Catalog(triggers=self.triggers, actions=self.actions, kinds=self.registry.definitions())


class AutomationSystem:
    """The services and loops of automations in one process; a process that does not start the loops can still write."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.catalog = parts.catalog()
        #: The kinds of entities whose changes are routed.
        self.routed = tuple(kind.name for kind in parts.registry.definitions() if kind.is_routed)
        self.journal = Journal(handle=parts.runs, masker=parts.masker)
        self.wakes = WakeIndex(parts.tail)
        self.states = StateReader(parts.registry)
        self.admission = Admission(journal=self.journal, enqueue=parts.engine.enqueue)
        self.gates = self._gates()
        self.dwells = Dwells(
            database=parts.database,
            clock=parts.clock,
            registry=parts.registry,
            admission=self.admission,
            gates=self.gates,
            wakes=self.wakes,
        )
        self.router = Router(database=parts.database, gates=self.gates, dwells=self.dwells)
        self.scheduler = Scheduler(database=parts.database, clock=parts.clock, tail=parts.tail, gates=self.gates)
        self.jumps = ClockJumps(clock=parts.clock, wakes=self.wakes)
        self.upkeep = RunUpkeep(
            database=parts.database,
            clock=parts.clock,
            engine=parts.engine,
            retention_days=parts.run_retention_days,
        )
        self.runner = Runner(self._tools())
        #: The work queue of changes, which the router handles.
        self.changes = self._reader()
        self.explanations = Explanations(parts.database)
        self.reads = AutomationReads(parts.database)
        self.service = self._service()

    async def prepare(self) -> None:
        """Make the engine's tables, for a process that enqueues runs and leaves running them to others."""
        await self._parts.engine.prepare()

    async def start(self) -> None:
        """Start routing changes and running runs."""
        parts = self._parts
        await self.wakes.start()
        handlers = {Workflow.RUN: self.runner.execute, Workflow.DWELL: self.dwells.keep}
        await parts.engine.start(handlers, is_due=Activity(parts.tail, rest_seconds=_ENGINE_RESTS_SECONDS).is_due)
        await self.changes.register()
        self._tasks = [
            asyncio.create_task(self.changes.run(self._stopping)),
            asyncio.create_task(self.scheduler.run(self._stopping)),
            asyncio.create_task(self.jumps.run(self._stopping)),
            asyncio.create_task(self.upkeep.run(self._stopping)),
        ]

    async def stop(self) -> None:
        """Stop routing and running; what waits stays in the database."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self._parts.engine.stop()
        await self.wakes.stop()

    def _reader(self) -> DurableReader:
        return DurableReader(
            GROUP,
            kinds=self.routed,
            handler=self.router.route,
            database=self._parts.database,
            tail=self._parts.tail,
            clock=self._parts.clock,
            concerns=self.router.concerned,
        )

    def _service(self) -> AutomationService:
        return AutomationService(
            writer=self._parts.writer,
            clock=self._parts.clock,
            catalog=self.catalog,
            journal=self.journal,
            admission=self.admission,
            on_schedule=self.scheduler.look,
            lookups=self._lookups() if self._parts.looks_up else None,
        )

    def _lookups(self) -> Lookups:
        return Lookups(database=self._parts.database, clock=self._parts.clock, secrets=self._parts.secrets)

    def _gates(self) -> Gates:
        return Gates(
            admission=self.admission,
            states=self.states,
            enqueue=self._parts.engine.enqueue,
            depth=DEPTH,
            now=self._parts.clock.now,
        )

    def _tools(self) -> Tools:
        parts = self._parts
        return Tools(
            database=parts.database,
            clock=parts.clock,
            journal=self.journal,
            actions=parts.actions,
            states=self.states,
            wakes=self.wakes,
            masker=parts.masker,
            secrets=parts.secrets.resolve,
            named_secrets=self._named_secrets,
            proceed=self.admission.proceed,
            writing=asyncio.Semaphore(_WRITING),
            reading=asyncio.Semaphore(_READING),
            fallback_poll_seconds=parts.fallback_poll_seconds,
        )

    async def _named_secrets(self, definition: Definition) -> Mapping[str, str]:
        if not definition.secrets:
            return {}
        return await self._parts.secrets.resolve(await self._parts.secrets.known(definition.secrets))
