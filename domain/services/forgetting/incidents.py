"""The part of an erasure that goes through the handle of incidents, so that their watchers get to know it."""

from dataclasses import replace
from functools import partial

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.model.actor import Actor
from domain.model.erasure import Forgotten
from domain.model.incident import Incident
from domain.persistence.erased_incidents import incidents_naming, rename_in_parts, rename_quietly
from domain.persistence.erasing import Batch
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident

NAME = "incidents"
#: How many incidents one transaction looks at, and the most that it writes.
_LOOKED_AT = 1000
_WRITTEN = 50


class NamedIncidents:
    """The incidents that name a person, with their timelines, assignees and relations."""

    name = NAME

    def __init__(self, handle: EntityHandle[Incident]) -> None:
        self._handle = handle

    async def rewrite(self, unit: UnitOfWork, forgotten: Forgotten, position: list[str] | None) -> Batch:
        """Replace the person in the next incidents: a change of each that is open, or that they are responsible for."""
        after = position[0] if position else ""
        ids, last = await incidents_naming(
            unit.connection, forgotten.former, after=after, looked_at=_LOOKED_AT, limit=_WRITTEN
        )
        if ids:
            await self._handle.lock(unit, ids)
            touched = await rename_in_parts(unit.connection, forgotten, ids)
            origin = Origin(rewrite=forgotten.without)

            async def apply(incident_id: str, before: Snapshot[Incident]) -> Applied[Incident]:
                incident = before.entity
                after = _renamed(incident, forgotten)
                if not incident.is_open and _responsible(incident) == _responsible(after):
                    await rename_quietly(unit.connection, forgotten, incident_id)
                    return Applied(after=before)
                await save_incident(unit, incident, after)
                return Applied(after=snapshot_of(after), touched=tuple(touched[incident_id]))

            await self._handle.mutate_many(unit, ids, apply, origin=origin)
        return Batch(len(ids), None if last is None else [last])


def _responsible(incident: Incident) -> tuple[object, ...]:
    return incident.lead, incident.acknowledged_by, incident.assignees


def _renamed(incident: Incident, forgotten: Forgotten) -> Incident:
    of = partial(_present, forgotten=forgotten)
    return replace(
        incident,
        opened_by=of(incident.opened_by),
        lead=of(incident.lead) if incident.lead else None,
        acknowledged_by=of(incident.acknowledged_by) if incident.acknowledged_by else None,
        # Once each: whoever was assigned again by a request under way was renamed before.
        assignees=tuple(sorted(set(map(of, incident.assignees)), key=lambda person: person.id)),
    )


def _present(actor: Actor, *, forgotten: Forgotten) -> Actor:
    former = forgotten.former
    return forgotten.present if (actor.type, actor.id) == (former.type, former.id) else actor
