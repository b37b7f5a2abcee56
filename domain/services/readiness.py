"""The readiness of this process to serve requests, for load balancers and orchestrators."""

import asyncio
import math
import time
from collections.abc import Sequence

from domain.errors import UnavailableError
from domain.messaging.tail import LogTail
from domain.persistence.database import Database
from domain.persistence.measures import ReplicaCounts
from domain.persistence.migrate import COMPATIBLE_SINCE, can_use, knows_revision

#: Probes time out soon, and so do these checks; the query continues in the background.
_ANSWER_SECONDS = 2.0
#: The database is checked no more often than this, however frequent the probes are.
_KEPT_SECONDS = 5.0

_AWAY = "The database is away, locked or full; the log says more."
_SLOW = f"The database does not answer within {_ANSWER_SECONDS:g} s."
_BEHIND = "The database has an older schema than this version needs: run `incidentql migrate`."
_AHEAD = "The database has a newer schema than this version can use: update incidentql."
_STUCK = "The event log is not being followed."


class Readiness:
    """Readiness checks: they fail at once during a known outage, and otherwise try a read and a small write."""

    def __init__(self, database: Database, tail: LogTail) -> None:
        self._database = database
        self._tail = tail
        self._trial: asyncio.Task[Sequence[str]] | None = None
        self._reading: asyncio.Task[bool] | None = None
        self._tried_at = 0.0

    async def reasons(self) -> Sequence[str]:
        """Return the reasons why this process is not ready, in sentences for operators; none when it is."""
        if self._database.outage.is_on:
            return [_AWAY]
        trial = self._trial
        if trial is None or (trial.done() and time.monotonic() - self._tried_at > _KEPT_SECONDS):
            trial = self._trial = asyncio.create_task(self._tried())
        done, _ = await asyncio.wait({trial}, timeout=_ANSWER_SECONDS)
        if not done:
            return [_SLOW]
        return [*trial.result(), *([] if self._tail.is_alive else [_STUCK])]

    def remarks(self) -> Sequence[str]:
        """Return what is not in order although this process is ready: replicas that answer no queries."""
        replicas = self._database.replicas
        counts = ReplicaCounts() if replicas is None else replicas.counts()
        # Anybody may ask: where they are, and what they answered, is for operators.
        unused = counts.count - counts.used
        return [f"Of {counts.count} replicas, {unused} answer no queries; the log says more."] if unused else []

    async def is_database_there(self) -> bool:
        """Return whether the database can be read."""
        reading = self._reading
        if reading is None or reading.done():
            reading = self._reading = asyncio.create_task(self._readable())
        done, _ = await asyncio.wait({reading}, timeout=_ANSWER_SECONDS)
        return bool(done) and reading.result()

    async def _readable(self) -> bool:
        try:
            await self._database.read(lambda session: session.changes.head())
        except UnavailableError:
            return False
        return True

    async def _tried(self) -> Sequence[str]:
        try:
            revision = await self._database.read(lambda session: session.state.revision())
            since = await self._database.read(lambda session: session.state.get(COMPATIBLE_SINCE))
            await self._database.try_out()
        except UnavailableError:
            # Not cached: once the outage is over, the database is checked again.
            self._tried_at = -math.inf
            return [_AWAY]
        self._tried_at = time.monotonic()
        if can_use(revision, since):
            return []
        return [_BEHIND] if knows_revision(revision) else [_AHEAD]
