"""Queries that replicas answer: each on one snapshot of one replica, or on the primary where none is good enough."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from domain.model.freshness import Freshness
from domain.model.selection import Wanted
from domain.persistence.availability import DRIVER_ERRORS, is_outage, reason_of, state_of
from domain.persistence.measures import ReplicaCounts, no_answers
from domain.persistence.prepared import Prepared
from domain.persistence.projections import Projection
from domain.persistence.promotions import TIMELINE
from domain.persistence.replica import CURSOR_KEY, LOOK_SECONDS, Look, Replica, UnfitError
from domain.persistence.snapshots import ReplicaError, Snapshot
from domain.persistence.unit_of_work import ReadSession

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 1.0
#: So many seconds of the primary's write-ahead log are known; a replica that is further behind is not used anyhow.
_MOST_MARKS = 3600
#: A standby cancels a read that holds up what it has to replay.
_CONFLICT = "40001"
_UNKNOWN = -1
#: The end of the primary's write-ahead log, and its timeline; -1 of a server that is none.
_PRESENT_SQL = f"""concat_ws('/',
    CASE WHEN pg_is_in_recovery() THEN -1 ELSE CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bigint) END,
    (SELECT value FROM server_state WHERE name = '{TIMELINE}'))"""  # noqa: S608 - of constants
_PRESENT = Prepared(lambda _: sa.select(sa.literal_column(_PRESENT_SQL, sa.String).label("present")))


class Marks:
    """The primary's progress by time, so that a replica's lag is known without comparing clocks."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque(maxlen=_MOST_MARKS)

    def add(self, written: int, now: float) -> None:
        """Note how far the primary is."""
        if self._marks and written < self._marks[-1][0]:
            # Another server was promoted, which had less.
            self._marks.clear()
        if not self._marks or written > self._marks[-1][0]:
            self._marks.append((written, now))

    def lag(self, replayed: int, now: float) -> float:
        """Return for how many seconds the primary has been further than that."""
        return next((now - at for written, at in self._marks if written > replayed), 0.0)


class Replicas:
    """The replicas of one database, as this process uses them.

    A query that names a position waits for it for `wait_seconds`; a replica that is more than `lag_seconds` behind is
    not asked.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        *,
        wait_seconds: float,
        lag_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.all = replicas
        #: How queries were answered.
        self.answers = no_answers()
        self._wait_seconds = wait_seconds
        self._lag_seconds = lag_seconds
        self._now = now
        self._marks = Marks()
        self._timeline: str | None = None
        self._turn = count()
        self._stopping = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def counts(self) -> ReplicaCounts:
        """Return what is counted of them."""
        used = [replica for replica in self.all if replica.is_used]
        return ReplicaCounts(
            answers=self.answers,
            count=len(self.all),
            used=len(used),
            lag_seconds=max((replica.lag_seconds for replica in used), default=0.0),
        )

    async def start(self, present: Callable[[Prepared], Awaitable[Any]], key: str) -> None:
        """Begin to look after them; `present` asks the primary, and `key` is that of its cursors."""
        await self.look(present, key)
        self._watching = asyncio.create_task(self._watch(present, key))

    async def stop(self) -> None:
        """Stop looking after them, and close their connections."""
        self._stopping.set()
        if self._watching is not None:
            await self._watching
        for replica in self.all:
            await replica.close()

    async def look(self, present: Callable[[Prepared], Awaitable[Any]], key: str) -> None:
        """Look at the primary and then at each replica, and decide which of them are used."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                written, _, timeline = (await present(_PRESENT)).partition("/")
            if int(written) != _UNKNOWN:
                self._marks.add(int(written), self._now())
                self._timeline = timeline
        except Exception as error:  # noqa: BLE001 - the primary's own outages are told elsewhere
            logger.debug("the primary cannot be looked at: %s", error)
        await asyncio.gather(*(self._examine(replica, key) for replica in self.all))

    async def project(self, projection: Projection, wanted: Wanted) -> list[Any] | None:
        """Read as `Database.project` does, on a replica.

        Raises:
            ReplicaError: the primary has to be asked.
        """
        replica = self._next()
        if replica is None:
            raise ReplicaError
        try:
            found = await projection.read(replica.driver, wanted)
        except DRIVER_ERRORS as error:
            self._failed(replica, error, is_lost=True)
            raise ReplicaError from error
        self.answers["replica"] += 1
        return found

    async def serve(self, snapshot: Snapshot, freshness: Freshness) -> bool:
        """Carry out the reads of an operation on a replica; return False where the primary has to do it.

        Raises:
            ReplicaError: it failed after reads of the operation were carried out.
        """
        replica = self._next()
        if replica is None:
            return False
        try:
            return await self._serve(replica, snapshot, freshness)
        except Exception as error:
            # A standby that cancels a read may end its connection as well, which says nothing of the standby.
            self._failed(replica, error, is_lost=not snapshot.has_read)
            if snapshot.has_read:
                raise ReplicaError from error
            snapshot.is_on_replica = False
            return False

    async def _serve(self, replica: Replica, snapshot: Snapshot, freshness: Freshness) -> bool:
        position = freshness.after
        if position is not None and not await replica.reach(position, seconds=self._wait_seconds):
            self.answers["behind"] += 1
            return False
        async with replica.reader.connect() as connection:
            session = ReadSession(connection)
            # Asked in the snapshot itself: behind a balancer, another replica may have answered before.
            if position is not None and not await session.changes.keeps(position):
                self.answers["behind"] += 1
                return False
            snapshot.is_on_replica = True
            await snapshot.serve(session)
        self.answers["replica"] += 1
        return True

    def _next(self) -> Replica | None:
        used = [replica for replica in self.all if replica.is_used]
        if not used:
            self.answers["none_used"] += 1
            return None
        return used[next(self._turn) % len(used)]

    def _failed(self, replica: Replica, error: Exception, *, is_lost: bool) -> None:
        is_conflict = state_of(error) == _CONFLICT
        self.answers["conflict" if is_conflict else "failed"] += 1
        # What took long may take so anywhere; a replica that hangs is found by the next look at it.
        is_slow = isinstance(error, TimeoutError | PoolTimeoutError)
        if is_lost and is_outage(error) and not (is_conflict or is_slow):
            replica.outage.failed(reason_of(error))
        logger.debug("asking the primary in the place of %s: %s", replica.name, error)

    async def _examine(self, replica: Replica, key: str) -> None:
        try:
            look = await replica.look()
            now = self._now()
            replica.lag_seconds = self._marks.lag(look.replayed, now)
            self._check(look, key, replica.lag_seconds)
        except UnfitError as error:
            replica.outage.failed(error)
        else:
            replica.outage.works()
        replica.is_known = True

    def _check(self, look: Look, key: str, lag: float) -> None:
        if look.states.get(CURSOR_KEY) != key:
            raise UnfitError("it is one of another database")
        if look.states.get(TIMELINE, "") != (self._timeline or ""):
            # Or it follows a primary that others have left, and will never have what is written now.
            raise UnfitError("it has yet to follow the present primary")
        if lag > self._lag_seconds:
            raise UnfitError(f"it is {lag:.0f} s behind")

    async def _watch(self, present: Callable[[Prepared], Awaitable[Any]], key: str) -> None:
        while not self._stopping.is_set():
            try:
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._stopping.wait()
            except TimeoutError:
                await self.look(present, key)
