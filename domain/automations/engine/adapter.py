"""The adapter of the durable engine, DBOS: an enqueued workflow runs to its end, whichever process dies.

DBOS keeps its queue in our own database. It guarantees that a workflow is resumed after a crash. That no effect is
repeated is up to the workflow, which is idempotent by the run's recorded steps.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, Queue
from sqlalchemy.engine import URL
from sqlalchemy.engine import Engine as Pool
from sqlalchemy.exc import SQLAlchemyError

from domain.automations.engine.file_slots import FileSlots
from domain.automations.engine.library import (
    ENGINE_VERSION,
    QUEUE,
    end_polls,
    forget_some,
    owner_of,
    resume,
    slot_under_way,
    start_enqueued,
)
from domain.automations.engine.log import take_over_log
from domain.automations.engine.postgres_slots import PostgresSlots
from domain.automations.engine.slots import SLOTS, Slots, take_any
from domain.errors import StartupError, UnavailableError
from domain.outages import Outage
from domain.persistence.addresses import PostgresAddress
from domain.persistence.availability import is_outage, reason_of
from domain.persistence.library import close_library_engine, library_engine, library_url
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

_SCHEMA = "dbos"
_PAUSE_SECONDS = 0.05
#: The library sleeps so long between looks for messages, which we never send, and stops only after a sleep.
_LISTEN_SECONDS = 0.05
#: The interval of the poll for workflows of processes that only enqueue or that died.
_LOOK_SECONDS = 1.0
#: The library needs one for its work, one to start more, and one to look after that of others; it would take twenty.
_POOLED = 3
#: The PostgreSQL connections of the engine: one more holds the slots' locks.
CONNECTIONS = _POOLED + 1
#: Some of the library's own work is done every half minute; reads succeed even while a file is locked.
_QUIET_SECONDS = 45.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_AWAY_SECONDS = 5.0


class Workflow(StrEnum):
    """The kind of a workflow."""

    RUN = "automation_run"
    DWELL = "automation_dwell"


Handler = Callable[[str], Awaitable[None]]


class Engine:
    """One process's part of the durable engine; a process that only enqueues needs no start."""

    def __init__(self, address: URL | PostgresAddress) -> None:
        self._address = address
        self._url = library_url(address)
        self._client: DBOSClient | None = None
        self._library: DBOS | None = None
        self._slots: Slots | None = None
        self._slot: int | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._enqueued = asyncio.Event()
        self._queue: Queue | None = None
        #: Whether the poll has to be made again, whether it is due or not.
        self._has_more = True
        #: Held while something is started, or everything is stopped.
        self._starting = asyncio.Lock()
        self._handlers: Mapping[Workflow, Handler] = {}
        self._halted = False
        self._outage = Outage("the automations' engine", quiet_seconds=_QUIET_SECONDS)

    async def prepare(self) -> None:
        """Create or migrate the engine's own tables.

        Raises:
            StartupError: they cannot be created.
        """
        take_over_log(self._outage)
        try:
            await asyncio.to_thread(DBOS.migrate, self._url, schema=_SCHEMA)
            await asyncio.to_thread(self._connected().register_queue, QUEUE, polling_interval_sec=_LOOK_SECONDS)
        except SQLAlchemyError as error:
            raise StartupError(f"The tables of the automations' engine cannot be made: {reason_of(error)}") from error

    async def enqueue(self, unit: UnitOfWork, workflow: Workflow, identifier: str) -> None:
        """Enqueue a workflow, to run once this unit of work is committed; idempotent by id."""
        client = self._connected()
        options = EnqueueOptions(
            workflow_name=workflow,
            queue_name=QUEUE,
            workflow_id=f"{workflow}:{identifier}",
            app_version=ENGINE_VERSION,
            serialization_type="portable",  # type: ignore[typeddict-item]  # an enum whose values are these words
        )
        await unit.connection.run_sync(
            lambda connection: client.enqueue_in_transaction(connection, options, identifier)
        )
        unit.when_committed(self._enqueued.set)

    async def start(self, handlers: Mapping[Workflow, Handler], is_due: Callable[[], bool] = lambda: True) -> None:
        """Run what is enqueued, and resume what dead processes left behind; look for it while `is_due` says so.

        Raises:
            StartupError: too many processes run automations on this database.
        """
        self._handlers = handlers
        self._slots = self._make_slots()
        await self._launch()
        self._tasks = [asyncio.create_task(self._poll(is_due)), asyncio.create_task(self._start_enqueued())]

    async def forget(self, *, before: datetime) -> None:
        """Delete what was enqueued before that moment and is over; the engine has to be started.

        Raises:
            UnavailableError: the database is away.
        """
        try:
            while await asyncio.to_thread(forget_some, before):
                pass
        except SQLAlchemyError as error:
            if is_outage(error, writing=True):
                raise UnavailableError from error
            raise

    async def stop(self) -> None:
        """Stop running; the next start, or another process within seconds, resumes what waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._slots is not None:
            await self._halt()
            await self._slots.close()

    async def close(self) -> None:
        """Close the connections to the database."""
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
        if "_pool" in vars(self) and self._pool is not None:
            await asyncio.to_thread(close_library_engine, self._pool)

    @cached_property
    def _pool(self) -> Pool | None:
        """The connections that the library's two parts share on PostgreSQL, once something is enqueued or run."""
        return library_engine(self._address, connections=_POOLED)

    def _connected(self) -> DBOSClient:
        if self._client is None:
            take_over_log(self._outage)
            self._client = DBOSClient(
                system_database_url=self._url, system_database_engine=self._pool, dbos_system_schema=_SCHEMA
            )
        return self._client

    async def _launch(self) -> None:
        """Launch the library under the name of a slot that no other process has."""
        assert self._slots is not None
        take_over_log(self._outage)
        slot = await take_any(self._slots)
        # Before the launch, and here: the library would do it in a thread that ends with its polls.
        await asyncio.to_thread(resume, self._connected(), slot)
        config = DBOSConfig(
            name="incidentql",
            system_database_url=self._url,
            dbos_system_schema=_SCHEMA,
            application_version=ENGINE_VERSION,
            executor_id=owner_of(slot),
            log_level="WARNING",
            run_migrations=False,
            use_listen_notify=False,
            system_database_engine=self._pool,
            scheduler_polling_interval_sec=3600.0,
            notification_listener_polling_interval_sec=_LISTEN_SECONDS,
        )
        self._halted = False
        self._library = DBOS(config=config)
        take_over_log(self._outage)
        for workflow, handler in self._handlers.items():
            self._register(workflow, handler)
        # In a thread: it waits for the database, and on SQLite perhaps for a transaction of this very loop.
        await asyncio.to_thread(DBOS.launch)
        end_polls(self._library)
        self._slot = slot

    async def _start_enqueued(self) -> None:
        """Start at once what this process enqueued, and what the poll may have found."""
        while True:
            await self._enqueued.wait()
            self._enqueued.clear()
            async with self._starting:
                if self._slot is not None and self._library is not None:
                    await self._start_some(self._library)
            # Debounced: a poll costs as much as a few runs; workflows enqueued meanwhile start together.
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _start_some(self, library: DBOS) -> None:
        starting = asyncio.create_task(asyncio.to_thread(self._start_in_thread, library))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread is not cancelled, and needs the library until it is done.
            await asyncio.wait([starting])
            raise
        except Exception as error:  # noqa: BLE001 - logged there
            self._has_more = True
            self._log(error, "enqueued workflows could not be started; the next poll will retry")

    def _start_in_thread(self, library: DBOS) -> None:
        if self._queue is None:
            self._queue = DBOS.retrieve_queue(QUEUE)
        if self._queue is not None:
            start_enqueued(library, self._queue)

    async def _halt(self) -> None:
        """Stop all workflows; their runs' progress is recorded."""
        async with self._starting:
            self._slot = None
        self._halted = True
        DBOS.logger.setLevel(logging.CRITICAL)
        for task in self._running:
            # Their transactions are shielded.
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=10)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    def _register(self, workflow: Workflow, handler: Handler) -> None:
        home = asyncio.get_running_loop()

        async def at_home(identifier: str) -> None:
            task = asyncio.current_task()
            assert task is not None
            if self._halted:
                raise asyncio.CancelledError
            self._running.add(task)
            try:
                await _insist(handler, identifier)
            finally:
                self._running.discard(task)

        async def work(identifier: str) -> None:
            # The library has a loop of its own; our connections belong to this one.
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(at_home(identifier), home))

        DBOS.workflow(name=workflow.value, max_recovery_attempts=None)(work)

    async def _poll(self, is_due: Callable[[], bool]) -> None:
        """Resume the workflows of dead processes, whose slots are free, start those enqueued, and keep our own slot."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._keep_slot()
                if is_due() or self._has_more:
                    # A process says nothing when it dies: as long as others run something, it is looked after.
                    self._has_more = True
                    self._has_more = await self._adopt_from_others()
                    self._enqueued.set()
            except Exception as error:  # noqa: BLE001 - logged there
                self._log(error, "taking over from other processes failed; trying again")
            else:
                self._outage.works()

    def _log(self, error: Exception, message: str) -> None:
        if is_outage(error, writing=True):
            self._outage.failed(reason_of(error))
        else:
            logger.error(message, exc_info=error)

    async def _keep_slot(self) -> None:
        assert self._slots is not None
        if self._slot is not None:
            if await self._slots.keep(self._slot):
                return
            logger.warning("another process took slot %s of this one; it goes on under another", self._slot)
            # The slot's new owner runs what this process ran under its name.
            await self._halt()
        await self._launch()

    async def _adopt_from_others(self) -> bool:
        """Enqueue what dead processes began; return whether any process but this one had begun something."""
        assert self._slots is not None
        others = [slot for slot in range(SLOTS) if slot != self._slot]
        while (slot := await asyncio.to_thread(slot_under_way, others)) is not None:
            others.remove(slot)
            if await self._slots.take(slot):
                await asyncio.to_thread(resume, self._connected(), slot)
                await self._slots.give(slot)
        return len(others) < SLOTS - 1

    def _make_slots(self) -> Slots:
        if isinstance(self._address, URL):
            return FileSlots(Path(self._address.database or ""))
        return PostgresSlots(self._address)


async def _insist(handler: Handler, identifier: str) -> None:
    """Call until it succeeds: the engine never runs a failed workflow again."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await handler(identifier)
        except UnavailableError:
            # A database that was away is mostly back soon.
            pause = min(pause, _LONGEST_AWAY_SECONDS)
        except Exception:
            logger.exception("%s could not be run to its end; trying again in %s s", identifier, pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
