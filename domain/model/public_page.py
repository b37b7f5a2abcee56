"""Systems and incidents as the public may read them in feeds and on status pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.model.incident import OPENING, Health, Incident, IncidentUpdate, Status
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceStatus, MaintenanceUpdate
from domain.model.system import System

#: The date of a page on which nothing has happened yet.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicIncident:
    """An incident with the newest of its public updates, newest first."""

    incident: Incident
    updates: Sequence[IncidentUpdate]

    @property
    def updated_at(self) -> datetime:
        """The moment of the last thing that happened to it in the public's sight.

        Not the incident's own date, which hidden changes move as well.
        """
        incident = self.incident
        entries = [moment for update in self.updates for moment in (update.created_at, update.edited_at)]
        moments = (incident.occurred_at, incident.created_at, *(moment for moment, _ in self._reached), *entries)
        return max(moment for moment in moments if moment is not None)

    def statuses(self) -> list[Status]:
        """Return the status that held when each update was written, in their order."""
        steps = [*self._reached, *((update.created_at, update.names) for update in self.updates if update.names)]
        steps.sort(key=lambda step: step[0])
        return [update.names or self._held(steps, update.created_at) for update in self.updates]

    @property
    def _reached(self) -> list[tuple[datetime, Status]]:
        """The statuses that it reached last, with their moments, which are public also where no entry is."""
        incident = self.incident
        moments = {
            Status.IDENTIFIED: incident.identified_at,
            Status.FIXING: incident.fixing_at,
            Status.MONITORING: incident.monitoring_at,
            Status.RESOLVED: incident.resolved_at,
        }
        return [(moment, status) for status, moment in moments.items() if moment is not None]

    @staticmethod
    def _held(steps: Sequence[tuple[datetime, Status]], at: datetime) -> Status:
        return next((status for moment, status in reversed(steps) if moment <= at), OPENING)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSystem:
    """A system with its health, and since when it was reported so."""

    system: System
    health: Health
    since: datetime | None
    is_under_maintenance: bool = False

    @property
    def updated_at(self) -> datetime:
        """The moment at which it was last renamed, or its reported health last changed."""
        return max(self.system.updated_at, self.since or self.system.updated_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicMaintenance:
    """One time that a public maintenance window takes place, with the public updates of the window, newest first."""

    window: Maintenance
    instance: MaintenanceInstance
    updates: Sequence[MaintenanceUpdate]

    @property
    def name(self) -> str:
        """The name that it keeps however it is moved: that of the window, and for one of several when it was due."""
        window, due = self.window, self.instance.original_start
        # A window that takes place once may have had a rule before.
        is_only = window.recurrence is None and due == window.starts_at
        return window.id if is_only else f"{window.id}-{due:%Y%m%dT%H%M%SZ}"

    @property
    def title(self) -> str:
        """Its title, or that of the window."""
        return self.instance.title or self.window.title

    @property
    def description(self) -> str | None:
        """Its description, or that of the window."""
        return self.instance.description or self.window.description


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPage:
    """All that the public may read at a position of the event log, or what of it is about one system."""

    position: int
    #: The systems of the catalog, by name.
    systems: Sequence[PublicSystem]
    #: All open incidents and the newest of all, newest first.
    incidents: Sequence[PublicIncident]
    #: The systems that incidents and maintenance name, by id.
    named: Mapping[str, System]
    #: In the order in which they begin.
    maintenances: Sequence[PublicMaintenance] = ()
    #: What ended before is not among them.
    listed_since: datetime = BEGINNING

    @property
    def updated_at(self) -> datetime:
        """The moment of the last thing that happened on it."""
        moments = [
            *(shown.updated_at for shown in self.incidents),
            *(shown.updated_at for shown in self.systems),
            *(shown.window.updated_at for shown in self.maintenances),
        ]
        return max(moments, default=BEGINNING)

    @property
    def open(self) -> Sequence[PublicIncident]:
        """The incidents that are not resolved, newest first."""
        return [shown for shown in self.incidents if shown.incident.is_open]

    @property
    def active(self) -> Sequence[PublicMaintenance]:
        """The maintenance that takes place."""
        return [shown for shown in self.maintenances if shown.instance.status is MaintenanceStatus.ACTIVE]

    @property
    def upcoming(self) -> Sequence[PublicMaintenance]:
        """The maintenance to come, soonest first: of a window that takes place again and again, the next time."""
        found: dict[str, PublicMaintenance] = {}
        for shown in self.maintenances:
            if shown.instance.status is MaintenanceStatus.SCHEDULED:
                found.setdefault(shown.window.id, shown)
        return list(found.values())

    @property
    def current(self) -> Sequence[PublicMaintenance]:
        """For each window the time that it takes place now, else the next one, else the last."""
        found: dict[str, PublicMaintenance] = {}
        # Of the past, the latest comes first.
        past = [shown for shown in reversed(self.maintenances) if shown.instance.due_at is None]
        for shown in (*self.active, *self.upcoming, *past):
            found.setdefault(shown.window.id, shown)
        return list(found.values())

    @property
    def completed(self) -> Sequence[PublicMaintenance]:
        """The maintenance that is over, newest first."""
        return [shown for shown in reversed(self.maintenances) if shown.instance.status is MaintenanceStatus.ENDED]

    def systems_of(self, affecting: Incident | Maintenance) -> list[System]:
        """Return the systems that an incident or a maintenance affects."""
        return [self.named[system_id] for system_id in affecting.system_ids if system_id in self.named]
