"""All that a process counts of its own work, for metrics."""

from collections.abc import Mapping

from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.gauges import Gauges
from domain.persistence.database import Database
from domain.persistence.measures import DatabaseCounts, PoolUse, ReplicaCounts
from domain.services.gauges import GaugeService
from domain.services.tallies import Tallies
from domain.tracing import Tracer


class Measures:
    """The counts of the database, of the log and of what was written."""

    def __init__(self, database: Database, tail: LogTail, readers: Mapping[str, DurableReader]) -> None:
        self._database = database
        self._tail = tail
        self._readers = readers
        self._gauges = GaugeService(database)
        #: What this process has written.
        self.tallies = Tallies()
        database.on_commit(self.tallies.take)

    @property
    def tracer(self) -> Tracer | None:
        """The tracer of this process; None where it traces nothing."""
        return self._database.tracer

    @property
    def transactions(self) -> DatabaseCounts:
        """The counts of transactions."""
        return self._database.counts

    @property
    def replicas(self) -> ReplicaCounts:
        """The counts of queries that replicas answer."""
        replicas = self._database.replicas
        return ReplicaCounts() if replicas is None else replicas.counts()

    @property
    def outages(self) -> int:
        """The number of outages of the database that have begun."""
        return self._database.outage.count

    @property
    def is_up(self) -> bool:
        """Return whether the database is not known to be away."""
        return not self._database.outage.is_on

    @property
    def kind_of_database(self) -> str:
        """The name of the database's kind."""
        return "sqlite" if self._database.is_sqlite else "postgresql"

    @property
    def last_read(self) -> int:
        """The position of the last change that this process has read."""
        return self._tail.last

    def pools(self) -> Mapping[str, PoolUse]:
        """Return how many connections of each pool are in use."""
        return self._database.pools()

    def behind(self) -> Mapping[str, int]:
        """Return how many positions of the log each durable reader is behind; of those that run in this process."""
        last = self._tail.last
        return {name: max(0, last - each.reached) for name, each in self._readers.items() if each.reached >= 0}

    async def gauges(self) -> Gauges | None:
        """Return what the database says; None where it is away, or takes too long."""
        return await self._gauges.read()
