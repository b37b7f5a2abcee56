"""Repairs that a migration leaves to the handle: entries that timelines of an older version lack."""

from datetime import datetime

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import BY_SYSTEM
from domain.ids import new_id
from domain.model.incident import Incident, IncidentUpdate, Status
from domain.model.timeline import settled
from domain.model.viewer import Visibility
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import TICK, insert_entry, settle

#: The name of a state that a migration sets where there is something to repair.
INCOMPLETE_TIMELINES = "incomplete_timelines"
_BATCH = 100
_MESSAGE = "An older version kept this status without an entry; this one was added by an upgrade."


class Repairs:
    """The repairs at startup, before other writes; several processes or a crash do not repeat them."""

    def __init__(self, *, database: Database, handle: EntityHandle[Incident]) -> None:
        self._database = database
        self._handle = handle

    async def run(self) -> None:
        """Complete what a migration has left, where it has set that state."""
        after = ""
        while ids := await self._incomplete(after):
            for incident_id in ids:
                await self._complete(incident_id)
            after = ids[-1]
        await self._database.write(lambda unit: unit.state.remove(INCOMPLETE_TIMELINES))

    async def _incomplete(self, after: str) -> list[str]:
        return await self._database.read(lambda session: session.incidents.without_entry(after=after, limit=_BATCH))

    async def _complete(self, incident_id: str) -> None:
        async def work(unit: UnitOfWork) -> None:
            async def apply(_: str, before: Snapshot[Incident]) -> Applied[Incident]:
                return await _completed(unit, before.entity)

            await self._handle.mutate_many(unit, [incident_id], apply, origin=BY_SYSTEM)

        await self._database.write(work)


async def _completed(unit: UnitOfWork, incident: Incident) -> Applied[Incident]:
    """Append the entry that the present status lacks, so that the status stays and follows from the timeline."""
    marks = await unit.timeline.marks(incident.id)
    if settled(incident, marks)[0].status is incident.status:
        return Applied(after=snapshot_of(incident))
    at = max(_entered(incident), incident.occurred_at, *(mark.at + TICK for mark in marks))
    entry = IncidentUpdate(
        id=new_id("upd"),
        incident_id=incident.id,
        message=_MESSAGE,
        status_change=incident.status,
        visibility=Visibility.PUBLIC,
        created_at=at,
        created_by=BY_SYSTEM.actor,
    )
    return await settle(unit, incident, incident, await insert_entry(unit, entry))


def _entered(incident: Incident) -> datetime:
    """Return when the incident took its status, as far as that was kept."""
    kept = {
        Status.IDENTIFIED: incident.identified_at,
        Status.FIXING: incident.fixing_at,
        Status.MONITORING: incident.monitoring_at,
        Status.RESOLVED: incident.resolved_at,
    }
    return kept.get(incident.status) or incident.updated_at
