"""The use cases of relations between incidents: relating, unrelating and merging them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from domain.entities.handle import EntityHandle
from domain.entities.origin import Origin
from domain.errors import ConflictError, DuplicateError, InvalidInputError, NotFoundError
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.commands import MergeIncident, RelateIncidents
from domain.model.incident import Incident, IncidentUpdate, Status
from domain.model.relation import IncidentRelation, RelationType
from domain.model.texts import checked_message
from domain.model.viewer import Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import append_entry
from domain.services.incidents import present
from domain.services.relating import Changes, Found, add_relation, touching
from domain.services.writing import Idempotency, Outcome, Writer, check_version, recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Two incidents with the relation as the first one has it; None where there is none any more."""

    incident: Incident
    other: Incident
    relation: IncidentRelation | None


class RelationService:
    """The use cases of relations; each call is one transaction that changes both incidents."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def relate(
        self, viewer: Viewer, command: RelateIncidents, *, idempotency_key: str | None = None
    ) -> Outcome[Related]:
        """Relate an incident to another.

        Raises:
            InvalidInputError: both are the same.
            DuplicateError: they are related like this already.
            ConflictError: the relation would close a circle, or the idempotency key was used with another input.
            NotFoundError, VersionConflictError, ForbiddenError
        """
        _check_apart(command, field="to")

        async def apply(unit: UnitOfWork, found: Found) -> Changes:
            incident, other = _pair(viewer, command, found, field="to")
            if await unit.relations.between(incident.id, command.type, other.id):
                raise DuplicateError("These incidents are related like this already.", field=["to"])
            return await add_relation(unit, command, found, by=viewer.actor, field="to")

        async def work(unit: UnitOfWork) -> Related:
            await unit.relations.lock()
            return await self._written(unit, viewer, command, apply)

        return await self._once(viewer, work, "relateIncidents", command, idempotency_key)

    async def unrelate(self, viewer: Viewer, command: RelateIncidents) -> Outcome[Related]:
        """Take a relation from both of its incidents.

        Raises:
            NotFoundError: an incident is unknown, or they are not related like this.
            VersionConflictError, ForbiddenError
        """

        async def apply(unit: UnitOfWork, found: Found) -> Changes:
            incident, other = _pair(viewer, command, found, field="to")
            both = await unit.relations.between(incident.id, command.type, other.id)
            if not both:
                raise NotFoundError("A relation like this to", other.id, field=["to"])
            await unit.relations.delete([each.id for each in both])
            return touching(found, both, before=Visibility.PUBLIC)

        return await self._writer.run(lambda unit: self._written(unit, viewer, command, apply))

    async def merge(
        self, viewer: Viewer, command: MergeIncident, *, idempotency_key: str | None = None
    ) -> Outcome[Related]:
        """Resolve an incident as a duplicate of another; both keep their timelines. A merged one stays as it is.

        Raises:
            InvalidInputError: both are the same, or the message cannot be accepted.
            ConflictError: the other one is resolved, or is itself a duplicate of this one.
            NotFoundError, VersionConflictError, ForbiddenError
        """
        message = command.message
        text = None if message is None or not message.strip() else checked_message(message)
        pair = RelateIncidents(
            id=command.id, type=RelationType.DUPLICATE_OF, to=command.into, expected_version=command.expected_version
        )
        _check_apart(pair, field="into")

        async def apply(unit: UnitOfWork, found: Found) -> Changes:
            incident, other = _pair(viewer, pair, found, field="into")
            if await unit.relations.between(incident.id, pair.type, other.id):
                return {}
            if not other.is_open:
                raise ConflictError(
                    f"{other.reference} is resolved. Reopen it first, or merge into one that is open.", field=["into"]
                )
            changes = await add_relation(unit, pair, found, by=viewer.actor, field="into")
            entry = _entry(unit, incident, other, command, text=text, by=viewer.actor)
            merged, _ = await append_entry(unit, incident, entry)
            touched = (*merged.touched, *changes[incident.id].touched)
            return {**changes, incident.id: replace(merged, touched=touched)}

        async def work(unit: UnitOfWork) -> Related:
            await unit.relations.lock()
            return await self._written(unit, viewer, pair, apply)

        return await self._once(viewer, work, "mergeIncident", command, idempotency_key)

    async def _once(
        self,
        viewer: Viewer,
        work: Callable[[UnitOfWork], Awaitable[Related]],
        mutation: str,
        command: RelateIncidents | MergeIncident,
        key: str | None,
    ) -> Outcome[Related]:
        once = Idempotency(
            mutation=mutation,
            key=key,
            command=command,
            to_answer=lambda related: {"relation": related.relation and related.relation.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def _written(
        self,
        unit: UnitOfWork,
        viewer: Viewer,
        pair: RelateIncidents,
        apply: Callable[[UnitOfWork, Found], Awaitable[Changes]],
    ) -> Related:
        written = await self._handle.mutate_together(
            unit, [pair.id, pair.to], lambda found: apply(unit, found), origin=Origin(actor=viewer.actor)
        )
        both = await unit.relations.between(pair.id, pair.type, pair.to)
        return Related(
            incident=written[pair.id].after.entity,
            other=written[pair.to].after.entity,
            relation=both[0] if both else None,
        )


def _check_apart(pair: RelateIncidents, *, field: str) -> None:
    if pair.id == pair.to:
        raise InvalidInputError("An incident cannot be related to itself, or be merged into itself.", field=[field])


def _pair(viewer: Viewer, pair: RelateIncidents, found: Found, *, field: str) -> tuple[Incident, Incident]:
    """Return both incidents, if the caller may write on them and saw the version of the first."""
    incident = present(found.get(pair.id), pair.id)
    other = present(found.get(pair.to), pair.to, field=field)
    viewer.require_systems(incident.system_ids, field="id")
    viewer.require_systems(other.system_ids, field=field)
    check_version(incident, pair.expected_version)
    return incident, other


def _entry(
    unit: UnitOfWork, incident: Incident, other: Incident, command: MergeIncident, *, text: str | None, by: Actor
) -> IncidentUpdate:
    return IncidentUpdate(
        id=new_id("upd"),
        incident_id=incident.id,
        message=text or f"Duplicate of {other.reference}",
        status_change=Status.RESOLVED if incident.is_open else None,
        visibility=command.visibility,
        created_at=unit.moment(),
        created_by=by,
    )


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Related:
    relation = recalled(await unit.relations.get_many([answer["relation"]]), answer["relation"], noun="Relation")
    found = await unit.incidents.get_many([relation.incident_id, relation.related_id])
    return Related(incident=found[relation.incident_id], other=found[relation.related_id], relation=relation)
