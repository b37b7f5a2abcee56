"""The use cases of incidents: opening, changing, resolving and deleting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.clock import Clock
from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import ConflictError, InvalidInputError, NotFoundError
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.commands import CreateIncident, Keep, ResolveIncident, UpdateIncident, given
from domain.model.copies import changed
from domain.model.incident import OPENING, RESOLVED_MESSAGE, Incident, IncidentUpdate, Status, canonical_systems
from domain.model.labels import relabelled
from domain.model.texts import checked_dedupe_key, checked_description, checked_message, checked_title
from domain.model.viewer import Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import (
    added,
    append_entry,
    begun_at,
    checked_resolution,
    date_entry,
    save_begun,
    save_incident,
)
from domain.services.references import opened_on, system_ids_of
from domain.services.relating import drop_relations
from domain.services.writing import (
    Idempotency,
    Outcome,
    Writer,
    check_version,
    checked_moment,
    origin_of,
    recalled,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The incident of a create command, new or reused."""

    incident: Incident
    reused: bool


class IncidentService:
    """The use cases of incidents; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident], clock: Clock) -> None:
        self._writer = writer
        self._handle = handle
        self._clock = clock

    async def create(
        self, viewer: Viewer, command: CreateIncident, *, idempotency_key: str | None = None
    ) -> Outcome[Opened]:
        """Open an incident, or reuse an open one where the command asks for that.

        Raises:
            InvalidInputError: a field has a value that cannot be accepted.
            UnknownSystemError: a system is not in the catalog.
            ConflictError: the idempotency key was used with another input.
        """
        draft = self.draft(viewer.actor, command)
        origin = origin_of(viewer)

        async def work(unit: UnitOfWork) -> Opened:
            return await self.create_in(unit, draft, command, origin=origin)

        once = Idempotency(
            mutation="createIncident",
            key=idempotency_key,
            command=command,
            to_answer=lambda opened: {"id": opened.incident.id, "reused": opened.reused},
            from_answer=_opened,
        )
        return await self._writer.run_once(viewer, work, once)

    async def create_in(self, unit: UnitOfWork, draft: Incident, command: CreateIncident, *, origin: Origin) -> Opened:
        """Open an incident within a unit of work."""
        if command.dedupe_open_for_system:
            ordered = await system_ids_of(unit, command.systems)
            # Checked here as well, because a reused incident is not written.
            origin.permit(None, ordered)
            reused = await self._reused(unit, draft, command, ordered)
            if reused is not None:
                return reused
            number = await unit.incidents.next_number()
        else:
            ordered, number = await opened_on(unit, draft.id, command.systems, dedupe_key=draft.dedupe_key)
        incident = changed(
            draft,
            number=number,
            system_ids=canonical_systems(ordered),
            occurred_at=unit.moment() if command.occurred_at is None else min(draft.occurred_at, unit.moment()),
            created_at=unit.moment(),
            updated_at=unit.moment(),
        )
        mutation = await self._handle.create(
            unit, incident.id, lambda: self._insert(unit, incident, command), origin=origin
        )
        return Opened(incident=mutation.after.entity, reused=False)

    async def update(self, viewer: Viewer, command: UpdateIncident) -> Outcome[Incident]:
        """Change fields of an incident; fields that are not mentioned stay as they are.

        Raises NotFoundError, VersionConflictError, InvalidInputError, UnknownSystemError.
        """
        return await self._writer.run(lambda unit: self.update_in(unit, command, origin=origin_of(viewer)))

    async def update_in(self, unit: UnitOfWork, command: UpdateIncident, *, origin: Origin) -> Incident:
        """Change fields of an incident within a unit of work."""

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, command.id)
            check_version(incident, command.expected_version)
            return await self._updated(unit, incident, command, editor=origin.actor)

        return (await self._handle.mutate(unit, command.id, apply, origin=origin)).after.entity

    async def resolve(
        self,
        viewer: Viewer,
        incident_id: str,
        *,
        message: str | None = None,
        resolved_at: datetime | None = None,
        visibility: Visibility = Visibility.PUBLIC,
        expected_version: int | None = None,
    ) -> Outcome[Incident]:
        """Resolve an incident. A resolved one stays as it is, and a message then becomes a comment.

        Raises:
            NotFoundError, VersionConflictError
            InvalidInputError: also where it could not have been resolved at the moment given.
        """
        text = None if message is None or not message.strip() else checked_message(message)
        command = ResolveIncident(
            id=incident_id,
            message=text,
            resolved_at=resolved_at,
            visibility=visibility,
            expected_version=expected_version,
        )

        async def work(unit: UnitOfWork) -> Incident:
            return await self.resolve_in(unit, command, origin=origin_of(viewer))

        return await self._writer.run(work)

    async def resolve_in(self, unit: UnitOfWork, command: ResolveIncident, *, origin: Origin) -> Incident:
        """Resolve an incident within a unit of work."""

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, command.id)
            check_version(incident, command.expected_version)
            at = checked_resolution(incident, command.resolved_at, now=unit.moment())
            if not incident.is_open and command.message is None:
                return Applied(after=snapshot_of(incident))
            entry = IncidentUpdate(
                id=new_id("upd"),
                incident_id=incident.id,
                message=command.message or RESOLVED_MESSAGE,
                status_change=Status.RESOLVED if incident.is_open else None,
                visibility=command.visibility,
                created_at=unit.moment(),
                created_by=origin.actor,
            )
            if at is None:
                return (await append_entry(unit, incident, entry))[0]
            applied = await date_entry(unit, incident, replace(entry, created_at=at))
            if applied.after.entity.is_open:
                raise InvalidInputError(
                    "The incident took another status after this moment, which it would still have.",
                    field=["resolvedAt"],
                )
            return applied

        return (await self._handle.mutate(unit, command.id, apply, origin=origin)).after.entity

    async def delete(self, viewer: Viewer, incident_id: str, *, expected_version: int | None = None) -> Outcome[str]:
        """Delete an incident with its timeline and links.

        Raises:
            NotFoundError, VersionConflictError
        """

        async def work(unit: UnitOfWork) -> str:
            async def apply(before: Snapshot[Incident] | None) -> None:
                check_version(present(before, incident_id), expected_version)
                await unit.incidents.delete(incident_id)

            await drop_relations(unit, self._handle, incident_id, actor=viewer.actor)
            await self._handle.remove(unit, incident_id, apply, origin=origin_of(viewer))
            return incident_id

        return await self._writer.run(work)

    def draft(self, actor: Actor, command: CreateIncident) -> Incident:
        """Return the incident of a create command, checked as far as that is possible without a query.

        Raises:
            InvalidInputError: a field has a value that cannot be accepted.
        """
        now = self._clock.now()
        if command.initial_message is not None:
            checked_message(command.initial_message, field="initialMessage")
        occurred_at = command.occurred_at or now
        return Incident(
            id=new_id("inc"),
            number=0,
            title=checked_title(command.title),
            description=checked_description(command.description),
            status=OPENING,
            severity=command.severity,
            suppress_notifications=command.suppress_notifications,
            health_override=command.health_override,
            dedupe_key=checked_dedupe_key(command.dedupe_key),
            system_ids=(),
            version=1,
            opened_by=actor,
            occurred_at=checked_moment(occurred_at, now=now, field="occurredAt"),
            created_at=now,
            updated_at=now,
            labels=relabelled((), command.labels),
        )

    async def _reused(
        self, unit: UnitOfWork, draft: Incident, command: CreateIncident, ordered: Sequence[str]
    ) -> Opened | None:
        """Return the open incident that is there already; None where there is none, whose systems are claimed then."""
        primary, key = ordered[0], draft.dedupe_key if command.dedupe_key else None
        found = await unit.incidents.oldest_open_on(primary, dedupe_key=key)
        if found is not None:
            return Opened(incident=found, reused=True)
        if primary in await unit.claims.take_free(draft.id, ordered, draft.dedupe_key):
            return None
        return await self._reuse_rival(unit, draft.id, primary, dedupe_key=key)

    async def _reuse_rival(
        self, unit: UnitOfWork, incident_id: str, system_id: str, *, dedupe_key: str | None
    ) -> Opened:
        # The rival has committed by now, because taking the claim waited for it.
        await unit.claims.release(incident_id)
        found = await unit.incidents.oldest_open_on(system_id, dedupe_key=dedupe_key)
        if found is None:
            raise ConflictError("Another caller is opening or resolving this incident. Try again.")
        return Opened(incident=found, reused=True)

    async def _insert(self, unit: UnitOfWork, incident: Incident, command: CreateIncident) -> Applied[Incident]:
        await unit.incidents.insert(incident)
        header = (incident.id, incident.id, Visibility.PUBLIC, header_of(incident))
        if command.initial_message is None:
            await unit.search.insert_many([header])
            return Applied(after=snapshot_of(incident))
        entry = IncidentUpdate(
            id=new_id("upd"),
            incident_id=incident.id,
            message=checked_message(command.initial_message, field="initialMessage"),
            status_change=OPENING,
            visibility=command.initial_visibility,
            created_at=incident.occurred_at,
            created_by=incident.opened_by,
            is_opening=True,
        )
        await unit.timeline.insert(entry)
        await unit.search.insert_many([header, (entry.id, incident.id, entry.visibility, entry.message)])
        return Applied(after=snapshot_of(incident), touched=(added(entry),))

    async def _updated(
        self, unit: UnitOfWork, incident: Incident, command: UpdateIncident, *, editor: Actor
    ) -> Applied[Incident]:
        description = command.description
        after = replace(
            incident,
            title=incident.title if isinstance(command.title, Keep) else checked_title(command.title),
            description=incident.description if isinstance(description, Keep) else checked_description(description),
            severity=given(command.severity, incident.severity),
            suppress_notifications=given(command.suppress_notifications, incident.suppress_notifications),
            health_override=given(command.health_override, incident.health_override),
            labels=relabelled(incident.labels, command.labels) if command.labels else incident.labels,
        )
        if not isinstance(command.systems, Keep):
            after = replace(after, system_ids=canonical_systems(await system_ids_of(unit, command.systems)))
        begun = given(command.occurred_at, incident.occurred_at)
        if begun != incident.occurred_at:
            begun = checked_moment(begun, now=unit.moment(), field="occurredAt")
            after = await begun_at(unit, after, begun, field="occurredAt")
        if after == incident:
            return Applied(after=snapshot_of(incident))
        if (after.title, after.description) != (incident.title, incident.description):
            await unit.search.put(
                entry_id=after.id, incident_id=after.id, visibility=Visibility.PUBLIC, text=header_of(after)
            )
        if after.occurred_at != incident.occurred_at:
            return await save_begun(unit, incident, after, editor=editor)
        await save_incident(unit, incident, after)
        return Applied(after=snapshot_of(after))


def present(before: Snapshot[Incident] | None, incident_id: str, *, field: str = "id") -> Incident:
    """Return the incident before a write.

    Raises:
        NotFoundError: there is none.
    """
    if before is None:
        raise NotFoundError("Incident", incident_id, field=[field])
    return before.entity


def header_of(incident: Incident) -> str:
    """Return the text by which an incident is found, besides those of its timeline."""
    return f"{incident.reference} {incident.title} {incident.description or ''}"


async def _opened(unit: UnitOfWork, answer: Mapping[str, Any]) -> Opened:
    found = await unit.incidents.get_many([answer["id"]])
    return Opened(incident=recalled(found, answer["id"], noun="Incident"), reused=answer["reused"])
