"""The past as the public may read it: days of systems, incidents of a time, and all of one incident."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.errors import InvalidInputError, NotFoundError
from domain.model.filters import EVERYTHING, AllOf, Field, Filter, Operator, Term
from domain.model.health_history import HealthPeriod
from domain.model.incident import Incident, IncidentUpdate, reference_of
from domain.model.paging import LARGEST_SIZE, Order, PageRequest
from domain.model.positions import incident_position, update_position
from domain.model.public_days import Day, days_of
from domain.model.public_page import PublicIncident
from domain.model.series import TimeBucket, spans_between
from domain.model.system import System
from domain.model.viewer import Audience
from domain.services.health_history import Asked, HealthHistory
from domain.services.reads import Reads

#: The days that bars show, today included.
DAYS = 90
#: The incidents of one time, and the updates of one incident, that are shown, the newest ones.
MOST_INCIDENTS, MOST_UPDATES = 500, 1_000
#: The systems whose health is read at once: other requests go on in between.
_AT_ONCE = 25
_AUDIENCE = Audience.PUBLIC
_BY_BEGINNING = Order(field="occurred_at")


class PublicHistory:
    """Reads of the past, each for the public alone."""

    def __init__(self, *, reads: Reads, health: HealthHistory, clock: Clock) -> None:
        self._reads = reads
        self._health = health
        self._clock = clock

    async def days(self, system_ids: Sequence[str]) -> dict[str, list[Day]]:
        """Return the last 90 days of each of these systems, oldest first; a system with too many changes has none."""
        now = self._clock.now()
        since = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
        spans = spans_between(since, max(now, since + timedelta(seconds=1)), TimeBucket.DAY)
        found: dict[str, list[Day]] = {}
        for start in range(0, len(system_ids), _AT_ONCE):
            chunk = system_ids[start : start + _AT_ONCE]
            periods = await self._periods(chunk, Asked(since=since, until=None))
            found |= {identifier: days_of(each, spans) for identifier, each in periods.items()}
        return found

    async def _periods(self, system_ids: Sequence[str], asked: Asked) -> Mapping[str, list[HealthPeriod]]:
        try:
            return await self._health.of(system_ids, asked)
        except InvalidInputError:
            # Too much happened: one system of them may be all that is loud.
            if len(system_ids) == 1:
                return {}
            found: dict[str, list[HealthPeriod]] = {}
            for identifier in system_ids:
                found |= await self._periods([identifier], asked)
            return found

    async def began_between(self, since: datetime, until: datetime) -> list[PublicIncident]:
        """Return the incidents that began in a time, newest first, at most 500, each with its newest update."""
        began = Field.OCCURRED_AT
        tree = AllOf((Term(began, Operator.GTE, since), Term(began, Operator.LT, until)))
        found: list[Incident] = []
        with self._reads.snapshot():
            while len(found) < MOST_INCIDENTS:
                after = incident_position(found[-1], _BY_BEGINNING) if found else None
                request = PageRequest(size=LARGEST_SIZE, after=after)
                page = await self._reads.incident_page(tree, _BY_BEGINNING, request, _AUDIENCE)
                found += page.items
                if not page.has_next:
                    break
            updates: dict[str, Sequence[IncidentUpdate]] = {}
            for start in range(0, len(found), LARGEST_SIZE):
                ids = [incident.id for incident in found[start : start + LARGEST_SIZE]]
                pages = await self._reads.update_pages(ids, PageRequest(size=1), _AUDIENCE)
                updates |= {identifier: page.items for identifier, page in pages.items()}
        return [PublicIncident(incident=incident, updates=updates.get(incident.id, ())) for incident in found]

    async def first_beginning(self) -> datetime | None:
        """Return when the first incident began; None without any."""
        order = Order(field="occurred_at", descending=False)
        page = await self._reads.incident_page(EVERYTHING, order, PageRequest(size=1), _AUDIENCE)
        return page.items[0].occurred_at if page.items else None

    async def incident(self, number: int) -> tuple[PublicIncident, dict[str, System]]:
        """Return an incident with all of its public updates, newest first, and its systems by id.

        Raises:
            NotFoundError: there is none with that number.
        """
        with self._reads.snapshot():
            tree: Filter = Term(Field.NUMBER, Operator.EQ, number)
            found = await self._reads.incident_page(tree, _BY_BEGINNING, PageRequest(size=1), _AUDIENCE)
            if not found.items:
                raise NotFoundError("Incident", reference_of(number), field=["number"])
            incident = found.items[0]
            updates: list[IncidentUpdate] = []
            while len(updates) < MOST_UPDATES:
                after = update_position(updates[-1]) if updates else None
                request = PageRequest(size=LARGEST_SIZE, after=after)
                page = (await self._reads.update_pages([incident.id], request, _AUDIENCE)).get(incident.id)
                updates += page.items if page is not None else ()
                if page is None or not page.has_next:
                    break
            return PublicIncident(incident=incident, updates=updates), await self._reads.systems(incident.system_ids)
