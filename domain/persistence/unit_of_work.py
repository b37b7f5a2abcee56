"""What one transaction can reach: repositories to read, and in a unit of work to write as well."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.clock import Clock
from domain.model.change import Change, Transition
from domain.persistence.artifacts import ArtifactRepository
from domain.persistence.automations import AutomationRepository
from domain.persistence.changes import ChangeRepository
from domain.persistence.claims import ClaimRepository
from domain.persistence.dwells import DwellRepository
from domain.persistence.health import HealthRepository
from domain.persistence.idempotency import IdempotencyRepository
from domain.persistence.incidents import IncidentRepository
from domain.persistence.links import LinkRepository
from domain.persistence.past import PastRepository
from domain.persistence.readers import ReaderRepository
from domain.persistence.runs import RunRepository
from domain.persistence.search import SearchRepository
from domain.persistence.secrets import SecretRepository
from domain.persistence.state import StateRepository
from domain.persistence.systems import SystemRepository
from domain.persistence.timeline import TimelineRepository
from domain.persistence.tokens import TokenRepository
from domain.persistence.windows import WindowRepository


class ReadSession:
    """One consistent look at the database; the connection behind it refuses writes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.incidents = IncidentRepository(connection)
        self.timeline = TimelineRepository(connection)
        self.links = LinkRepository(connection)
        self.systems = SystemRepository(connection)
        self.health = HealthRepository(connection)
        self.changes = ChangeRepository(connection)
        self.readers = ReaderRepository(connection)
        self.tokens = TokenRepository(connection)
        self.secrets = SecretRepository(connection)
        self.state = StateRepository(connection)
        self.automations = AutomationRepository(connection)
        self.runs = RunRepository(connection)
        self.artifacts = ArtifactRepository(connection)
        self.dwells = DwellRepository(connection)
        self.past = PastRepository(connection)


class UnitOfWork(ReadSession):
    """One transaction: all that happened in it is committed together, or nothing is. Nobody commits it by hand."""

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        super().__init__(connection)
        self._clock = clock
        self._moment: datetime | None = None
        self.claims = ClaimRepository(connection)
        self.idempotency = IdempotencyRepository(connection)
        self.search = SearchRepository(connection)
        self.windows = WindowRepository(connection)
        self._pending: list[tuple[Change, Sequence[Transition]]] = []
        self._closing: list[Callable[[int], Awaitable[None]]] = []
        self._when_committed: list[Callable[[], None]] = []

    def moment(self) -> datetime:
        """The one moment at which everything in this unit of work happens.

        Read when it is first asked for, which is after the locks: a later write of an entity is never dated earlier.
        """
        if self._moment is None:
            self._moment = self._clock.now()
        return self._moment

    @property
    def has_changes(self) -> bool:
        """Whether the log will grow by this unit of work."""
        return bool(self._pending)

    def record(self, change: Change, transitions: Sequence[Transition]) -> None:
        """Have a change appended to the log when the work is done."""
        self._pending.append((change, transitions))

    def before_commit(self, step: Callable[[int], Awaitable[None]]) -> None:
        """Have a step run after the append, with the log's position as this unit of work leaves it."""
        self._closing.append(step)

    def when_committed(self, tell: Callable[[], None]) -> None:
        """Have this called once the unit of work is committed, and never where it is not; after a crash neither."""
        self._when_committed.append(tell)

    def committed(self) -> None:
        """Tell those who wanted to know that it is committed."""
        for tell in self._when_committed:
            tell()

    async def finish(self) -> int:
        """Append what was recorded, last of all because appenders wait for each other; the log's position."""
        seq = await self.changes.append(self._pending) if self._pending else await self.changes.head()
        for step in self._closing:
            await step(seq)
        return seq
