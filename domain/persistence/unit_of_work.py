"""The scope of one transaction: repositories to read, and in a unit of work to write as well."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.clock import Clock
from domain.model.change import Change, Transition
from domain.model.health_effects import Effect, ReportEffect
from domain.model.health_history import HealthSpan
from domain.persistence.artifacts import ArtifactRepository
from domain.persistence.audit import AuditRepository
from domain.persistence.automations import AutomationRepository
from domain.persistence.changes import ChangeRepository
from domain.persistence.channels import ChannelRepository
from domain.persistence.claims import ClaimRepository
from domain.persistence.counts import CountRepository
from domain.persistence.dialects import lock_log
from domain.persistence.dwells import DwellRepository
from domain.persistence.erasures import ErasureRepository
from domain.persistence.exports import ExportRepository
from domain.persistence.gauges import GaugeRepository
from domain.persistence.health import HealthRepository
from domain.persistence.health_spans import HealthSpanRepository
from domain.persistence.idempotency import IdempotencyRepository
from domain.persistence.incidents import IncidentRepository
from domain.persistence.integration_alerts import IntegrationAlertRepository
from domain.persistence.integration_deliveries import IntegrationDeliveryRepository
from domain.persistence.integrations import IntegrationRepository
from domain.persistence.links import LinkRepository
from domain.persistence.maintenance import MaintenanceRepository
from domain.persistence.maintenance_instances import MaintenanceInstanceRepository
from domain.persistence.metrics import MetricsRepository
from domain.persistence.openings import OpeningRepository
from domain.persistence.past import PastRepository
from domain.persistence.past_timelines import PastTimelineRepository
from domain.persistence.people import PersonRepository
from domain.persistence.prepared import Bound, run_bound
from domain.persistence.readers import ReaderRepository
from domain.persistence.relations import RelationRepository
from domain.persistence.replay import ReplayRepository
from domain.persistence.runs import RunRepository
from domain.persistence.search import SearchRepository
from domain.persistence.secrets import SecretRepository
from domain.persistence.state import StateRepository
from domain.persistence.systems import SystemRepository
from domain.persistence.timeline import TimelineRepository
from domain.persistence.timeline_items import TimelineItemRepository
from domain.persistence.tokens import TokenRepository
from domain.persistence.transitions import TransitionRepository
from domain.persistence.visitor_queues import VisitorQueueRepository
from domain.persistence.visitors import VisitorRepository
from domain.persistence.webhook_deliveries import WebhookDeliveryRepository
from domain.persistence.webhook_queues import WebhookQueueRepository
from domain.persistence.webhooks import WebhookRepository
from domain.persistence.windows import WindowRepository

T = TypeVar("T")


class _Made(Generic[T]):
    """A repository that a session makes when it is first asked for: most need few."""

    def __init__(self, make: Callable[[AsyncConnection], T]) -> None:
        self._make = make

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, session: "ReadSession", _: type) -> T:
        made = session.__dict__[self._name] = self._make(session.connection)
        return made


class ReadSession:
    """One consistent view of the database; the connection behind it refuses writes."""

    incidents = _Made(IncidentRepository)
    timeline = _Made(TimelineRepository)
    timeline_items = _Made(TimelineItemRepository)
    links = _Made(LinkRepository)
    relations = _Made(RelationRepository)
    systems = _Made(SystemRepository)
    health = _Made(HealthRepository)
    health_spans = _Made(HealthSpanRepository)
    changes = _Made(ChangeRepository)
    transitions = _Made(TransitionRepository)
    readers = _Made(ReaderRepository)
    tokens = _Made(TokenRepository)
    secrets = _Made(SecretRepository)
    channels = _Made(ChannelRepository)
    state = _Made(StateRepository)
    automations = _Made(AutomationRepository)
    runs = _Made(RunRepository)
    artifacts = _Made(ArtifactRepository)
    dwells = _Made(DwellRepository)
    past = _Made(PastRepository)
    replay = _Made(ReplayRepository)
    past_timeline = _Made(PastTimelineRepository)
    counts = _Made(CountRepository)
    metrics = _Made(MetricsRepository)
    gauges = _Made(GaugeRepository)
    people = _Made(PersonRepository)
    integrations = _Made(IntegrationRepository)
    deliveries = _Made(IntegrationDeliveryRepository)
    erasures = _Made(ErasureRepository)
    exports = _Made(ExportRepository)
    webhooks = _Made(WebhookRepository)
    webhook_deliveries = _Made(WebhookDeliveryRepository)
    webhook_queues = _Made(WebhookQueueRepository)
    visitors = _Made(VisitorRepository)
    visitor_queues = _Made(VisitorQueueRepository)
    maintenance = _Made(MaintenanceRepository)
    maintenance_instances = _Made(MaintenanceInstanceRepository)
    audit = _Made(AuditRepository)

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection


class UnitOfWork(ReadSession):
    """One transaction, which commits on a clean exit or rolls back; no code commits it by hand."""

    claims = _Made(ClaimRepository)
    alerts = _Made(IntegrationAlertRepository)
    idempotency = _Made(IdempotencyRepository)
    openings = _Made(OpeningRepository)
    search = _Made(SearchRepository)
    windows = _Made(WindowRepository)

    def __init__(self, connection: AsyncConnection, clock: Clock) -> None:
        super().__init__(connection)
        self._clock = clock
        self._moment: datetime | None = None
        self._pending: list[tuple[Change, Sequence[Transition]]] = []
        #: By the place of their change among those.
        self._effects: list[tuple[int, Effect]] = []
        self._spans: dict[int, Sequence[HealthSpan]] = {}
        self._loaded: list[Bound] = []
        self._closing: list[Callable[[int], Awaitable[None]]] = []
        self._when_committed: list[Callable[[], None]] = []

    def moment(self) -> datetime:
        """Return the one moment at which everything in this unit of work happens.

        The clock is read on the first call, after the locks, so that a later write of an entity is never dated earlier.
        """
        if self._moment is None:
            self._moment = self._clock.now()
        return self._moment

    @property
    def has_changes(self) -> bool:
        """Return whether this unit of work appends to the log."""
        return bool(self._pending or self._loaded)

    @property
    def recorded(self) -> Sequence[Change]:
        """The changes that this unit of work appends to the log, in their order."""
        return [change for change, _ in self._pending]

    def record(
        self,
        change: Change,
        transitions: Sequence[Transition],
        effect: Effect | None = None,
        *,
        spans: Sequence[HealthSpan] | None = None,
    ) -> None:
        """Record a change, with its effect on the health of systems, to be appended to the log before the commit.

        `spans` are written in place of what would follow from the effect, for an entity with a past.
        """
        if effect is not None:
            self._effects.append((len(self._pending), effect))
        if spans is not None:
            self._spans[len(self._pending)] = spans
        self._pending.append((change, transitions))

    async def load(self, rows: Sequence[Bound], log: Sequence[Bound]) -> None:
        """Write rows of a history now, and append what it has for the log before the commit."""
        for bound in rows:
            await run_bound(self.connection, bound)
        self._loaded += log

    def before_commit(self, step: Callable[[int], Awaitable[None]]) -> None:
        """Register a step to run after the append, with the log's position in this unit of work."""
        self._closing.append(step)

    def when_committed(self, notify: Callable[[], None]) -> None:
        """Register a function to call after the commit; not after a rollback or a crash."""
        self._when_committed.append(notify)

    def committed(self) -> None:
        """Call the functions registered for the commit."""
        for notify in self._when_committed:
            notify()

    async def finish(self) -> int:
        """Append the recorded changes, last because appenders wait for each other, and return the log's position."""
        await self._settle_health()
        if self._loaded:
            await self.changes.load(self._loaded)
        seq = await self.changes.append(self._pending) if self._pending else await self.changes.head()
        for step in self._closing:
            await step(seq)
        return seq

    async def _settle_health(self) -> None:
        """Keep what the changes did to the health of systems, and note in each what it came to."""
        await self.health_spans.insert_many([span for spans in self._spans.values() for span in spans])
        if not self._effects:
            return
        await self.health_spans.write([effect for place, effect in self._effects if place not in self._spans])
        reports = {place for place, effect in self._effects if isinstance(effect, ReportEffect)}
        last = {system_id: place for place, effect in self._effects for system_id in effect.systems}
        if not last:
            return
        # Under the lock, with which all that earlier changes did is committed: no step is left out between two writers.
        await lock_log(self.connection)
        steps = await self.health_spans.settle(sorted(last))
        for place in sorted(set(last.values())):
            change, transitions = self._pending[place]
            of_change = [step for step in steps if last[step.system_id] == place]
            told = tuple(step for step in of_change if place in reports or step.status is not step.previous)
            self._pending[place] = replace(change, health=told), transitions
