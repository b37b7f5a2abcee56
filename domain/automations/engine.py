"""The durable engine under automations: whatever is enqueued in a transaction is run to its end, whoever dies.

DBOS keeps its queue in our own database. It guarantees that a workflow is run again after a crash; that nothing in it
is done twice is up to the workflow, which finds in the run's own steps what is done already.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos._dbos import _get_dbos_instance
from sqlalchemy.engine import URL

from domain.automations.slots import SLOTS, FileSlots, PostgresSlots, Slots, take_any
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

#: Raised when the steps of runs get another order; runs of an older one finish on processes that still have it.
_ENGINE_VERSION = "1"
_QUEUE = "automations"
_SCHEMA = "dbos"
_POLL_SECONDS = 0.1
_ADOPT_SECONDS = 1.0
_SLOT_PREFIX = "slot-"
_FORGOTTEN = 500


class Workflow(StrEnum):
    """What can be enqueued."""

    RUN = "automation_run"
    DWELL = "automation_dwell"


Handler = Callable[[str], Awaitable[None]]


class Engine:
    """One process's part of the durable engine. A process that only enqueues needs no start."""

    def __init__(self, url: URL) -> None:
        self._is_sqlite = url.get_backend_name() == "sqlite"
        driver = "sqlite" if self._is_sqlite else "postgresql+psycopg"
        self._url = url.set(drivername=driver).render_as_string(hide_password=False)
        self._plain_url = url.set(drivername=url.get_backend_name())
        self._client: DBOSClient | None = None
        self._slots: Slots | None = None
        self._slot: int | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._adopting: asyncio.Task[None] | None = None
        self._stopping = False

    async def prepare(self) -> None:
        """Make the engine's own tables, or bring them up to date."""
        _quiet()
        await asyncio.to_thread(DBOS.migrate, self._url, schema=_SCHEMA)
        await asyncio.to_thread(self._connected().register_queue, _QUEUE, polling_interval_sec=_POLL_SECONDS)

    async def enqueue(self, unit: UnitOfWork, workflow: Workflow, identifier: str) -> None:
        """Have a workflow run once this unit of work is committed; the same one again is enqueued once."""
        client = self._connected()
        options = EnqueueOptions(
            workflow_name=workflow,
            queue_name=_QUEUE,
            workflow_id=f"{workflow}:{identifier}",
            app_version=_ENGINE_VERSION,
            serialization_type="portable",  # type: ignore[typeddict-item]  # an enum whose values are these words
        )
        await unit.connection.run_sync(
            lambda connection: client.enqueue_in_transaction(connection, options, identifier)
        )

    async def start(self, handlers: dict[Workflow, Handler]) -> None:
        """Run what is enqueued, and what processes that died left behind.

        Raises:
            StartupError: too many processes run automations on this database.
        """
        _quiet()
        self._slots = self._make_slots()
        self._slot = await take_any(self._slots)
        config = DBOSConfig(
            name="incidentql",
            system_database_url=self._url,
            dbos_system_schema=_SCHEMA,
            application_version=_ENGINE_VERSION,
            executor_id=f"{_SLOT_PREFIX}{self._slot}",
            log_level="WARNING",
            run_migrations=False,
            use_listen_notify=False,
            scheduler_polling_interval_sec=3600.0,
        )
        DBOS(config=config)
        _quiet()
        for workflow, handler in handlers.items():
            self._register(workflow, handler)
        # In a thread: it waits for the database, and on SQLite perhaps for a transaction of this very loop.
        await asyncio.to_thread(DBOS.launch)
        self._adopting = asyncio.create_task(self._adopt())

    async def forget(self, *, before: datetime) -> None:
        """Drop what was enqueued before that moment and is over; of a started engine."""
        # Its async methods would make its thread pool the one of our loop, and take it away at the end.
        while await asyncio.to_thread(_forget_some, before):
            pass

    async def stop(self) -> None:
        """Run no more; what waits is taken up again by the next start, or by another process within seconds."""
        self._stopping = True
        if self._adopting is not None:
            self._adopting.cancel()
            with suppress(asyncio.CancelledError):
                await self._adopting
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        for task in self._running:
            # Their transactions are shielded; where they stand is recorded.
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=10)
        if self._slots is not None:
            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
            await self._slots.close()

    async def close(self) -> None:
        """Let go of the database."""
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)

    def _connected(self) -> DBOSClient:
        if self._client is None:
            _quiet()
            self._client = DBOSClient(system_database_url=self._url, dbos_system_schema=_SCHEMA)
        return self._client

    def _register(self, workflow: Workflow, handler: Handler) -> None:
        home = asyncio.get_running_loop()

        async def at_home(identifier: str) -> None:
            task = asyncio.current_task()
            assert task is not None
            if self._stopping:
                raise asyncio.CancelledError
            self._running.add(task)
            try:
                await handler(identifier)
            finally:
                self._running.discard(task)

        async def work(identifier: str) -> None:
            # The library has a loop of its own; our connections belong to this one.
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(at_home(identifier), home))

        DBOS.workflow(name=workflow.value, max_recovery_attempts=None)(work)

    async def _adopt(self) -> None:
        """Take over what processes left behind whose slots were freed by their death."""
        assert self._slots is not None
        while True:
            await asyncio.sleep(_ADOPT_SECONDS)
            try:
                for slot in await asyncio.to_thread(self._foreign_slots):
                    if await self._slots.take(slot):
                        await asyncio.to_thread(DBOS._recover_pending_workflows, [f"{_SLOT_PREFIX}{slot}"])  # noqa: SLF001 - the library's documented recovery, without its admin server
                        await self._slots.give(slot)
            except Exception:
                logger.exception("taking over from other processes failed; trying again")

    def _foreign_slots(self) -> Sequence[int]:
        table = "workflow_status" if self._is_sqlite else f"{_SCHEMA}.workflow_status"
        query = sa.text(f"SELECT DISTINCT executor_id FROM {table} WHERE status = 'PENDING'")  # noqa: S608 - a constant
        with _system_engine().connect() as connection:
            owners = [str(row[0]) for row in connection.execute(query)]
        named = [owner.removeprefix(_SLOT_PREFIX) for owner in owners if owner.startswith(_SLOT_PREFIX)]
        return [int(slot) for slot in named if slot.isdigit() and int(slot) != self._slot and int(slot) < SLOTS]

    def _make_slots(self) -> Slots:
        if self._is_sqlite:
            return FileSlots(Path(self._plain_url.database or ""))
        return PostgresSlots(self._plain_url.render_as_string(hide_password=False))


def _system_engine() -> sa.Engine:
    # The library's own connection: it has no query for this, and a second one would wait for the first on SQLite.
    return _get_dbos_instance()._sys_db.engine  # noqa: SLF001


def _forget_some(before: datetime) -> int:
    over = DBOS.list_workflows(
        status=["SUCCESS", "ERROR", "CANCELLED"],
        end_time=before.isoformat(),
        limit=_FORGOTTEN,
        load_input=False,
        load_output=False,
    )
    DBOS.delete_workflows([workflow.workflow_id for workflow in over])
    return len(over)


def _quiet() -> None:
    """The library's own log lines go where ours go."""
    library = logging.getLogger("dbos")
    library.handlers.clear()
    library.propagate = True
    library.setLevel(logging.WARNING)
