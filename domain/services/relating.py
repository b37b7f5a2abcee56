"""Writes of relations, always of both their incidents, which are locked together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import ConflictError
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.change import Touched
from domain.model.commands import RelateIncidents
from domain.model.incident import Incident
from domain.model.relation import IncidentRelation
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import UnitOfWork

Found = Mapping[str, Snapshot[Incident]]
Changes = dict[str, Applied[Incident]]


async def add_relation(unit: UnitOfWork, pair: RelateIncidents, found: Found, *, by: Actor, field: str) -> Changes:
    """Write a new relation of both incidents.

    Raises:
        ConflictError: it would close a circle.
    """
    if not pair.type.is_mutual and await unit.relations.leads(pair.to, pair.type, pair.id):
        raise ConflictError("The relation would lead in a circle, back to the incident itself.", field=[field])
    ways = ((pair.id, pair.to, False), (pair.to, pair.id, not pair.type.is_mutual))
    both = [
        IncidentRelation(
            id=new_id("rel"),
            incident_id=incident_id,
            type=pair.type,
            related_id=related_id,
            is_inverse=is_inverse,
            created_at=unit.moment(),
            created_by=by,
        )
        for incident_id, related_id, is_inverse in ways
    ]
    await unit.relations.insert(both)
    return touching(found, both, after=Visibility.PUBLIC)


def touching(
    found: Found,
    relations: Sequence[IncidentRelation],
    *,
    before: Visibility | None = None,
    after: Visibility | None = None,
) -> Changes:
    """Return the incidents of these relations, with those that it has as the parts that are touched."""
    changes: Changes = {}
    for relation in relations:
        known = changes.get(relation.incident_id) or Applied(after=found[relation.incident_id])
        part = Touched(part="relations", id=relation.id, before=before, after=after)
        changes[relation.incident_id] = replace(known, touched=(*known.touched, part))
    return changes


async def drop_relations(unit: UnitOfWork, handle: EntityHandle[Incident], incident_id: str, *, actor: Actor) -> None:
    """Take the relations of an incident that is to be deleted from all others; it is locked together with them."""
    await unit.relations.lock(shared=True)
    known = await unit.relations.to_incident(incident_id)
    if not known:
        return

    async def detach(found: Found) -> Changes:
        # Nobody can have added one meanwhile, but others may be gone by now.
        return touching(found, await unit.relations.to_incident(incident_id), before=Visibility.PUBLIC)

    # It follows from the deletion, whatever systems the others are about.
    ids = [incident_id, *(each.incident_id for each in known)]
    await handle.mutate_together(unit, ids, detach, origin=Origin(actor=actor))
