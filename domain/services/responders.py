"""The use cases of responders: who has seen an incident, who is on it, and until when it is left alone."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import InvalidInputError, RevokedPersonError, UnknownPersonError
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

            def snoozed(incident: Incident) -> Incident:
                if moment is not None and not now < moment <= now + LONGEST_SNOOZE:
                    raise InvalidInputError("Name a moment in the next 30 days, or null to end it.", field=["until"])
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
            RevokedPersonError: a person who was not on it yet has a token that is revoked.
            InvalidInputError: they are too many.
        """
        return await self._writer.run(lambda unit: self.assign_in(unit, command, origin=origin_of(viewer)))

    async def assign_in(self, unit: UnitOfWork, command: AssignIncident, *, origin: Origin) -> Incident:
        """Name the people on an incident within a unit of work."""
        several = [] if isinstance(command.assignees, Keep) else list(dict.fromkeys(command.assignees))
        too_many = len(several) > ASSIGNEES
        lead = None if isinstance(command.lead, Keep) else command.lead
        # Before the incident is locked, as where a person is erased.
        named = [] if too_many else [*several, *([] if lead is None else [lead])]
        known = await _known(unit, named, origin.actor)
        revoked = await unit.people.revoked(known.values())

        # What is refused is refused below, once it is clear that the caller may write about the incident.
        def assigned(incident: Incident) -> Incident:
            if too_many:
                raise InvalidInputError(f"At most {ASSIGNEES} people are assigned to an incident.", field=["assignees"])
            there = {person.id for person in (*incident.assignees, *([incident.lead] if incident.lead else []))}
            people = _People(known, revoked - there)
            leading = None if lead is None else people.find(lead, "lead")
            several_now = {people.find(each, "assignees", str(place)) for place, each in enumerate(several)}
            ordered = tuple(sorted(several_now, key=lambda person: person.id))
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


@dataclass(frozen=True, slots=True)
class _People:
    """The people that a caller may name for an incident: those that are known, but for these."""

    known: Mapping[str, Actor]
    revoked: Set[str]

    def find(self, reference: str, *field: str) -> Actor:
        """Return the person by this reference.

        Raises:
            UnknownPersonError, RevokedPersonError
        """
        if reference not in self.known:
            raise UnknownPersonError(reference, field=field)
        if reference in self.revoked:
            raise RevokedPersonError(reference, field=field)
        return self.known[reference]
