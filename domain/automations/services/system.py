"""The automations of one process: what runs them, put together from its parts."""

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
from domain.automations.running.work import NET_SECONDS, Tools
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
from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.automation import AutomationRun
from domain.persistence.database import Database
from domain.services.writing import Writer

#: How many transactions of runs may stand in line for the database at once: people's writes stand in the same line.
_WRITING = 4
_READING = 8
#: How long a chain of causes may be before what it fires is no longer run.
DEPTH = 8


class Secrets(Protocol):
    """Where the values of secrets come from."""

    async def known(self, names: Collection[str]) -> Collection[str]:
        """Which of these names have a secret."""

    async def resolve(self, names: Collection[str]) -> Mapping[str, str]:
        """The values under these names; raises for one that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What automations take from the rest of the domain."""

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
    #: For how long runs are kept that are over; 0 is for ever.
    run_retention_days: int
    #: Whether what definitions name beside the catalog, such as secrets, is there to be looked up.
    looks_up: bool = True
    #: How long a wait may be without a look; None where no wake-up can get lost.
    net_seconds: float | None = NET_SECONDS

    def catalog(self) -> Catalog:
        """What definitions may name."""
        return Catalog(triggers=self.triggers, actions=self.actions, kinds=self.registry.definitions())


class AutomationSystem:
    """All that there is of automations in a process. A process that does not start them can still keep them."""

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
        self.router = Router(gates=self.gates, dwells=self.dwells)
        self.scheduler = Scheduler(database=parts.database, clock=parts.clock, gates=self.gates)
        self.jumps = ClockJumps(clock=parts.clock, wakes=self.wakes)
        self.upkeep = RunUpkeep(
            database=parts.database,
            clock=parts.clock,
            engine=parts.engine,
            retention_days=parts.run_retention_days,
        )
        self.runner = Runner(self._tools())
        self.explanations = Explanations(parts.database)
        self.reads = AutomationReads(parts.database)
        self.service = AutomationService(
            writer=parts.writer,
            clock=parts.clock,
            catalog=self.catalog,
            journal=self.journal,
            admission=self.admission,
            lookups=self._lookups() if parts.looks_up else None,
        )

    async def prepare(self) -> None:
        """Make what runs are enqueued in, for a process that enqueues them and leaves running them to others."""
        await self._parts.engine.prepare()

    async def start(self) -> None:
        """Route and run what is there to be, from now on."""
        parts = self._parts
        await self.wakes.start()
        await parts.engine.start({Workflow.RUN: self.runner.execute, Workflow.DWELL: self.dwells.keep})
        reader = DurableReader(
            GROUP,
            kinds=self.routed,
            handler=self.router.route,
            database=parts.database,
            tail=parts.tail,
            clock=parts.clock,
            concerns=self.router.concerned,
        )
        await reader.register()
        self._tasks = [
            asyncio.create_task(reader.run(self._stopping)),
            asyncio.create_task(self.scheduler.run(self._stopping)),
            asyncio.create_task(self.jumps.run(self._stopping)),
            asyncio.create_task(self.upkeep.run(self._stopping)),
        ]

    async def stop(self) -> None:
        """Run no more; whatever waits goes on waiting in the database."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self._parts.engine.stop()
        await self.wakes.stop()

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
            net_seconds=parts.net_seconds,
        )

    async def _named_secrets(self, definition: Definition) -> Mapping[str, str]:
        if not definition.secrets:
            return {}
        return await self._parts.secrets.resolve(await self._parts.secrets.known(definition.secrets))
