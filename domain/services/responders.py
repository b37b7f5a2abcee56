"""The use cases of responders: who has seen an incident, who is on it, and until when it is left alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import InvalidInputError, UnknownPersonError
from domain.model.actor import Actor, ActorType
from domain.model.commands import AssignIncident, Keep
from domain.model.incident import Incident
from domain.model.moment import cut
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident
from domain.services.incidents import present
from domain.services.writing import Outcome, Writer, check_version, origin_of

ASSIGNEES = 20
LONGEST_SNOOZE = timedelta(days=30)


class ResponderService:
    """The use cases of responders; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def acknowledge(
        self, viewer: Viewer, incident_id: str, *, expected_version: int | None = None
    ) -> Outcome[Incident]:
        """Acknowledge an open incident; one that is acknowledged or resolved stays as it is.

        Raises:
            NotFoundError, VersionConflictError
        """
        origin = origin_of(viewer)
        return await self._writer.run(
            lambda unit: self.acknowledge_in(unit, incident_id, expected_version=expected_version, origin=origin)
        )

    async def acknowledge_in(
        self, unit: UnitOfWork, incident_id: str, *, origin: Origin, expected_version: int | None = None
    ) -> Incident:
        """Acknowledge an open incident within a unit of work."""

        def acknowledged(incident: Incident) -> Incident:
            if incident.acknowledged_at is not None or not incident.is_open:
                return incident
            # Not before its beginning: the clock of the process that opened it may be ahead.
            at = max(unit.moment(), incident.occurred_at)
            return replace(incident, acknowledged_at=at, acknowledged_by=origin.actor)

        return await self._change(unit, incident_id, acknowledged, origin=origin, expected_version=expected_version)

    async def snooze(
        self, viewer: Viewer, incident_id: str, until: datetime | None, *, expected_version: int | None = None
    ) -> Outcome[Incident]:
        """Silence reminders of an open incident until a moment, or no longer; a resolved one stays as it is.

        Raises:
            NotFoundError, VersionConflictError
            InvalidInputError: the moment is not in the next 30 days.
        """
        moment = None if until is None else cut(until)

        async def work(unit: UnitOfWork) -> Incident:
            now = unit.moment()
            if moment is not None and not now < moment <= now + LONGEST_SNOOZE:
                raise InvalidInputError("Name a moment in the next 30 days, or null to end it.", field=["until"])

            def snoozed(incident: Incident) -> Incident:
                return replace(incident, snoozed_until=moment) if incident.is_open else incident

            return await self._change(
                unit, incident_id, snoozed, origin=origin_of(viewer), expected_version=expected_version
            )

        return await self._writer.run(work)

    async def assign(self, viewer: Viewer, command: AssignIncident) -> Outcome[Incident]:
        """Name the people on an incident; what is not mentioned stays as it is.

        Raises:
            NotFoundError, VersionConflictError
            UnknownPersonError: a person is not known here.
            InvalidInputError: they are too many.
        """
        return await self._writer.run(lambda unit: self.assign_in(unit, command, origin=origin_of(viewer)))

    async def assign_in(self, unit: UnitOfWork, command: AssignIncident, *, origin: Origin) -> Incident:
        """Name the people on an incident within a unit of work."""
        several = [] if isinstance(command.assignees, Keep) else list(dict.fromkeys(command.assignees))
        if len(several) > ASSIGNEES:
            raise InvalidInputError(f"At most {ASSIGNEES} people are assigned to an incident.", field=["assignees"])
        lead = None if isinstance(command.lead, Keep) else command.lead
        # Before the incident is locked, as where a person is erased.
        known = await _known(unit, [*several, *([] if lead is None else [lead])], origin.actor)

        def assigned(incident: Incident) -> Incident:
            leading = None if lead is None else _found(known, lead, "lead")
            people = {_found(known, each, "assignees", str(place)) for place, each in enumerate(several)}
            ordered = tuple(sorted(people, key=lambda person: person.id))
            return replace(
                incident,
                lead=incident.lead if isinstance(command.lead, Keep) else leading,
                assignees=incident.assignees if isinstance(command.assignees, Keep) else ordered,
            )

        return await self._change(unit, command.id, assigned, origin=origin, expected_version=command.expected_version)

    async def _change(
        self,
        unit: UnitOfWork,
        incident_id: str,
        change: Callable[[Incident], Incident],
        *,
        origin: Origin,
        expected_version: int | None,
    ) -> Incident:
        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, incident_id)
            check_version(incident, expected_version)
            after = change(incident)
            if after != incident:
                await save_incident(unit, incident, after)
            return Applied(after=snapshot_of(after))

        return (await self._handle.mutate(unit, incident_id, apply, origin=origin)).after.entity


async def _known(unit: UnitOfWork, references: Sequence[str], caller: Actor) -> Mapping[str, Actor]:
    """Return the people by these references; callers may name themselves before they first act."""
    if not references:
        return {}
    found = await unit.people.resolve(references)
    if caller.type is ActorType.USER and caller.id in references and caller.id not in found:
        await unit.people.note(caller, at=unit.moment())
        found = await unit.people.resolve(references)
    return found


def _found(known: Mapping[str, Actor], reference: str, *field: str) -> Actor:
    if reference not in known:
        raise UnknownPersonError(reference, field=field)
    return known[reference]
