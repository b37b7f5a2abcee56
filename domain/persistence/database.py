"""Transactions: each runs shielded in its own task, so that a caller's cancellation never interrupts it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from domain.clock import Clock
from domain.errors import CursorExpiredError, DomainError, InvalidInputError, UnavailableError
from domain.model.change import Change
from domain.model.freshness import PRESENT, Freshness
from domain.model.selection import Root, Wanted
from domain.model.viewer import Audience
from domain.outages import Outage
from domain.persistence.availability import DRIVER_ERRORS, READ_ONLY_STATE, is_outage, state_of
from domain.persistence.engines import Engines
from domain.persistence.fresh import FreshChanges
from domain.persistence.measures import DatabaseCounts, PoolUse
from domain.persistence.prepared import DirectConnection, Prepared, Values
from domain.persistence.projections import Projection
from domain.persistence.recovery import Recovery
from domain.persistence.replicas import Replicas
from domain.persistence.snapshots import Snapshot, current
from domain.persistence.texts import is_no_text
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.tracing import SpanKind, Tracer, current_trace, span_of

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: How often a transaction is attempted that PostgreSQL refuses for what another attempt may not meet.
_ATTEMPTS = 3
_DEADLOCK = "40P01"
#: A prepared statement's types have changed with the schema, or somebody has dropped the statement: so it is on each
#: connection that prepared it.
_OUTDATED = frozenset({"0A000", "26000"})
#: What is said of a cursor that no answer can have reached.
_NOT_KEPT = "This database does not have the state of this cursor, or no longer. Send the operation without it."
#: The name of the value that checks write.
_TRIED = "tried_at"


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """The result of a unit of work, with the log's position at its commit."""

    value: T
    seq: int


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """A unit of work that is to be committed, with what it returned."""

    unit: UnitOfWork
    value: T
    seq: int


class Database:
    """The access to the data: `read` and `write` take a function and run it in one transaction."""

    def __init__(
        self,
        engines: Engines,
        clock: Clock | None = None,
        tracer: Tracer | None = None,
        replicas: Replicas | None = None,
    ) -> None:
        self._engines = engines
        #: What may answer queries in the place of the primary; None where there is none.
        self.replicas = replicas
        #: What traces writes, and whatever follows from them.
        self.tracer = tracer
        self._clock = clock or Clock()
        self._running: set[asyncio.Task[Any]] = set()
        self._on_append: list[Callable[[], None]] = []
        self._on_commit: list[Callable[[Sequence[Change]], None]] = []
        self._recovery = Recovery(self.try_out)
        #: The log's position as of the latest write of this process.
        self.written = 0
        #: The changes of this process that its reader of the log has yet to take.
        self.fresh = FreshChanges(is_sqlite=self.is_sqlite)
        #: What this process has done here so far.
        self.counts = DatabaseCounts()

    @property
    def is_sqlite(self) -> bool:
        """Return whether the data is in a SQLite file."""
        return self._engines.writer.dialect.name == "sqlite"

    @property
    def outage(self) -> Outage:
        """The record of the database's outages."""
        return self._recovery.outage

    @property
    def is_idle(self) -> bool:
        """Return whether no transaction is in progress."""
        return not self._running

    def on_append(self, notify: Callable[[], None]) -> None:
        """Register a function to call after every commit that appended to the log."""
        self._on_append.append(notify)

    def on_commit(self, notify: Callable[[Sequence[Change]], None]) -> None:
        """Register a function to call after every commit of this process, with the changes that it recorded."""
        self._on_commit.append(notify)

    def pools(self) -> Mapping[str, PoolUse]:
        """Return how many connections of each pool are in use."""
        return self._engines.use()

    async def write(self, work: Callable[[UnitOfWork], Awaitable[T]], *, joins: bool = False) -> Committed[T]:
        """Run a unit of work and commit it, or roll it back on failure; it may run more than once.

        With `joins` it may share its commit with others, on SQLite: it waits for nothing but its own statements.
        A DomainError is raised with `log_head` set to the log's position in this transaction.

        Raises:
            UnavailableError: the database is away, locked or full. It may still commit the work.
        """
        if self.tracer is None or current_trace.get() is None:
            return await self._shielded(self._write(work, joins=joins), writing=True)
        with span_of(self.tracer, "write", kind=SpanKind.INTERNAL) as span:
            committed = await self._shielded(self._write(work, joins=joins), writing=True)
            if span is not None:
                span.set(incidentql_seq=committed.seq)
            return committed

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Run a read on one consistent snapshot: that of the operation in `snapshot`, else its own.

        Raises:
            UnavailableError: the database is away, or locked.
        """
        snapshot = current.get()
        if snapshot is None or snapshot.is_closed or snapshot.owner is not self:
            return await self._shielded(self._read(work), writing=False)
        return await self._understood(snapshot.read(work), writing=False)

    @contextmanager
    def snapshot(self, freshness: Freshness = PRESENT) -> Iterator[Snapshot]:
        """Have all reads in the block, and in the tasks that it starts, see one moment: that of the first.

        Its connection is kept until the end of the block, so nothing slow belongs in there. Reads raise a ReplicaError
        where a replica failed after the first of them: all of them are then to be done again, on the primary.
        """
        snapshot = Snapshot(self, partial(self._serve, freshness=freshness))
        token = current.set(snapshot)
        try:
            yield snapshot
        finally:
            current.reset(token)
            snapshot.close()

    @property
    def can_project(self) -> bool:
        """Return whether `project` would try: it has a connection, and the database is not known to be away."""
        driver = self._engines.driver
        return driver is not None and driver.is_ready and not self._recovery.outage.is_on

    def projection(self, roots: Sequence[Root], audience: Audience) -> Projection:
        """Prepare the roots as that audience sees them, to be read by `project` as often as is wanted.

        Raises:
            ValueError: a row would have more values than a statement can hold.
        """
        return Projection(roots, audience, self._engines.reader.dialect)

    async def project(self, projection: Projection, wanted: Wanted) -> list[Any] | None:
        """Read what is wanted of each root, all on one snapshot; None where `read` has to be asked instead.

        On SQLite it is read in the loop, unless that takes long.
        """
        driver = self._engines.driver
        if driver is None or not self.can_project:
            return None
        try:
            return await projection.read(driver, wanted)
        except DRIVER_ERRORS as error:
            logger.debug("reading anew, through the pool: %s", error)
            return None

    def project_at_once(self, projection: Projection, wanted: Wanted) -> list[Any] | None:
        """Do as `project` where that takes no waiting; None where it would."""
        driver = self._engines.driver
        if driver is None or not (driver.is_immediate and self.can_project):
            return None
        try:
            return projection.read_at_once(driver, wanted)
        except DRIVER_ERRORS as error:
            logger.debug("reading anew, through the pool: %s", error)
            return None

    async def glance(self, statement: Prepared, values: Values | None = None) -> Any:
        """Return the first value of a short statement's only row, as of now: outside of snapshots, and for little.

        Raises:
            UnavailableError: the database is away, or locked.
        """
        driver, wanted = self._engines.driver, values or {}
        if driver is not None and self.can_project:
            try:
                return await statement.glance(driver, self._engines.reader.dialect, wanted)
            except DRIVER_ERRORS as error:
                logger.debug("reading anew, through the pool: %s", error)
        reading = self._read(lambda session: statement.value(session.connection, wanted))
        return await self._shielded(reading, writing=False)

    def commits(self) -> Hashable | None:
        """Return a value that is another one after each commit of any process; None where that is not known.

        Only SQLite knows, and as long as it is not away.
        """
        return self._engines.driver.commits() if self._engines.driver is not None and self.can_project else None

    async def try_out(self) -> None:
        """Read and write a value without meaning, to check that both work.

        Raises:
            UnavailableError: one of them does not work.
        """
        await self.read(lambda session: session.state.get(_TRIED))
        # Another value each time: SQLite does not write an unchanged page.
        moment = self._clock.now().isoformat()
        await self.write(lambda unit: unit.state.set(_TRIED, moment))

    async def close(self) -> None:
        """Wait for running transactions, after which the connections can be closed."""
        await self._recovery.stop()
        while self._running:
            await asyncio.wait(self._running)

    async def _shielded(self, transaction: Coroutine[Any, Any, T], *, writing: bool) -> T:
        # Cancelling inside a transaction loses the connection, and on SQLite with it the write lock.
        return await asyncio.shield(self._start(self._understood(transaction, writing=writing)))

    def _start(self, transaction: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    async def _understood(self, transaction: Coroutine[Any, Any, T], *, writing: bool) -> T:
        try:
            return await transaction
        except Exception as error:
            if is_no_text(error):
                raise InvalidInputError("Text must not contain a NUL character or half of a surrogate pair.") from error
            # After a failover, all connections may lead to the server that is a standby now.
            if state_of(error) in _OUTDATED or (writing and state_of(error) == READ_ONLY_STATE):
                await self._engines.leave()
            elif isinstance(error, PoolTimeoutError):
                # Commits wait for a standby that is the primary now, others wait behind them, and all hold connections.
                await self._engines.leave_if_moved()
            if not is_outage(error, writing=writing):
                self.counts.failed(error)
                raise
            self.counts.errors["outage"] += 1
            self._recovery.failed(error)
            raise UnavailableError from error

    def _serve(self, snapshot: Snapshot, *, freshness: Freshness) -> None:
        async def present(session: ReadSession) -> None:
            if freshness.after is not None and not await session.changes.keeps(freshness.after):
                raise CursorExpiredError(_NOT_KEPT, field=freshness.field)
            await snapshot.serve(session)

        async def serve() -> None:
            replicas = self.replicas if freshness.may_lag else None
            try:
                if replicas is None or not await replicas.serve(snapshot, freshness):
                    await self._read(present)
            except Exception as error:  # noqa: BLE001 - those who wait for a read get it
                snapshot.fail(error)

        self._start(serve())

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved even when its caller was cancelled

    async def _write(self, work: Callable[[UnitOfWork], Awaitable[T]], *, joins: bool) -> Committed[T]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._attempt(work, joins=joins)
            except (DBAPIError, asyncpg.PostgresError) as error:
                state = state_of(error)
                if attempt == _ATTEMPTS or not (state == _DEADLOCK or state in _OUTDATED):
                    raise
                if state in _OUTDATED:
                    await self._engines.leave()
                self.counts.retries += 1
                logger.info("retrying a transaction: %s", error, extra={"attempt": attempt})
        raise AssertionError("unreachable")

    async def _attempt(self, work: Callable[[UnitOfWork], Awaitable[T]], *, joins: bool) -> Committed[T]:
        asked = time.perf_counter()

        async def whole(connection: DirectConnection) -> _Done[T]:
            self.counts.write_wait.add(time.perf_counter() - asked)
            unit = UnitOfWork(connection, self._clock)
            try:
                value = await work(unit)
            except DomainError as error:
                with suppress(DBAPIError, *DRIVER_ERRORS):
                    error.log_head = await unit.changes.head()
                raise
            return _Done(unit, value, await unit.finish())

        done = await self._engines.transactions.run(whole, self._kept, joins=joins)
        self.counts.write_seconds.add(time.perf_counter() - asked)
        done.unit.committed()
        return Committed(done.value, done.seq)

    def _kept(self, committed: Sequence["_Done[Any]"]) -> None:
        self.counts.together.add(len(committed))
        for done in committed:
            self.written = max(self.written, done.seq)
            if done.unit.has_changes:
                recorded = done.unit.recorded
                self.fresh.add(recorded, done.seq)
                for take in self._on_commit:
                    take(recorded)
        if any(done.unit.has_changes for done in committed):
            for notify in self._on_append:
                notify()

    async def _read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        async with self._engines.reader.connect() as connection:
            return await work(ReadSession(connection))
