"""Writing on incidents' timelines; the header follows the newest entry that carries a status."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from domain.entities.handle import Applied, Apply, EntityHandle, Origin, Snapshot
from domain.entities.incident import snapshot_of
from domain.errors import NotFoundError
from domain.ids import new_id
from domain.model.change import Touched
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, Keep, given
from domain.model.incident import Incident, IncidentUpdate, IncidentUpdateVersion, Status, header_status
from domain.model.texts import checked_message
from domain.model.viewer import Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import present, save_incident, write_entry
from domain.services.writing import Idempotency, Outcome, Writer, check_version, checked_moment, origin_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An incident, and the entry that was written; None for what was deleted since."""

    incident: Incident | None
    update: IncidentUpdate | None


class TimelineService:
    """The use cases of timelines; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def add(
        self, viewer: Viewer, command: AddIncidentUpdate, *, idempotency_key: str | None = None
    ) -> Outcome[Written]:
        """Add an entry. One that names the status which the incident has already is a comment.

        Raises:
            NotFoundError, VersionConflictError, InvalidInputError, ConflictError
        """
        message = checked_message(command.message)
        update_id = new_id("upd")

        async def work(unit: UnitOfWork) -> Written:
            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, command.incident_id, field="incidentId")
                check_version(incident, command.expected_version)
                entry = IncidentUpdate(
                    id=update_id,
                    incident_id=incident.id,
                    message=message,
                    status_change=None if command.status_change is incident.status else command.status_change,
                    visibility=command.visibility,
                    created_at=unit.moment(),
                    created_by=viewer.actor,
                )
                return await write_entry(unit, incident, entry)

            return await self._written(unit, command.incident_id, update_id, apply, viewer)

        once = Idempotency(
            mutation="addIncidentUpdate",
            key=idempotency_key,
            command=command,
            to_answer=lambda written: {"incident": command.incident_id, "update": written.update and written.update.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def add_in(
        self,
        unit: UnitOfWork,
        incident_id: str,
        *,
        message: str,
        status_change: Status | None,
        origin: Origin,
    ) -> IncidentUpdate:
        """Add an entry that everybody may read in a unit of work that is under way.

        Raises:
            NotFoundError, InvalidInputError
        """
        entry = IncidentUpdate(
            id=new_id("upd"),
            incident_id=incident_id,
            message=checked_message(message),
            status_change=status_change,
            visibility=Visibility.PUBLIC,
            created_at=unit.moment(),
            created_by=origin.actor,
        )

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            incident = present(before, incident_id, field="incidentId")
            silent = replace(entry, status_change=None if status_change is incident.status else status_change)
            return await write_entry(unit, incident, silent)

        await self._handle.mutate(unit, incident_id, apply, origin=origin)
        return entry

    async def edit(self, viewer: Viewer, command: EditIncidentUpdate) -> Outcome[Written]:
        """Change an entry and keep what it said before; an edit that changes nothing leaves no trace.

        Raises:
            NotFoundError: the incident or the entry is unknown, or the entry belongs to another incident.
            VersionConflictError, InvalidInputError
        """

        async def work(unit: UnitOfWork) -> Written:
            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, command.incident_id, field="incidentId")
                entry = await _entry(unit, incident, command.id)
                check_version(incident, command.expected_version)
                return await self._edited(unit, incident, entry, command, viewer)

            return await self._written(unit, command.incident_id, command.id, apply, viewer)

        return await self._writer.run(work)

    async def delete(
        self, viewer: Viewer, *, update_id: str, incident_id: str, expected_version: int | None = None
    ) -> Outcome[Written]:
        """Remove an entry; the header follows the newest one left that carries a status, and stays without one.

        Raises:
            NotFoundError: the incident or the entry is unknown, or the entry belongs to another incident.
            VersionConflictError
        """

        async def work(unit: UnitOfWork) -> Written:
            async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
                incident = present(before, incident_id, field="incidentId")
                entry = await _entry(unit, incident, update_id)
                check_version(incident, expected_version)
                await unit.timeline.delete(entry.id)
                await unit.search.remove(entry.id)
                after = await _rederived(unit, incident) if entry.status_change else incident
                touched = Touched(part="updates", id=entry.id, before=entry.visibility)
                return Applied(after=snapshot_of(after), touched=(touched,))

            return await self._written(unit, incident_id, update_id, apply, viewer)

        return await self._writer.run(work)

    async def _written(
        self, unit: UnitOfWork, incident_id: str, update_id: str, apply: Apply[Incident], viewer: Viewer
    ) -> Written:
        made = await self._handle.mutate(unit, incident_id, apply, origin=origin_of(viewer, "incidentId"))
        found = await unit.timeline.get_many([update_id])
        return Written(incident=made.after.entity, update=found.get(update_id))

    async def _edited(
        self,
        unit: UnitOfWork,
        incident: Incident,
        entry: IncidentUpdate,
        command: EditIncidentUpdate,
        viewer: Viewer,
    ) -> Applied[Incident]:
        now = unit.moment()
        created_at = given(command.created_at, entry.created_at)
        edited = replace(
            entry,
            message=entry.message if isinstance(command.message, Keep) else checked_message(command.message),
            status_change=given(command.status_change, entry.status_change),
            visibility=given(command.visibility, entry.visibility),
            created_at=checked_moment(created_at, now=now, field="createdAt"),
        )
        if edited == entry:
            return Applied(after=snapshot_of(incident))
        edited = replace(edited, edited_at=now)
        former = IncidentUpdateVersion(
            id=new_id("upv"),
            update_id=entry.id,
            message=entry.message,
            status_change=entry.status_change,
            visibility=entry.visibility,
            created_at=entry.created_at,
            replaced_at=now,
            replaced_by=viewer.actor,
        )
        await unit.timeline.replace(edited, former=former)
        await unit.search.put(
            entry_id=entry.id, incident_id=incident.id, visibility=edited.visibility, text=edited.message
        )
        moved = edited.status_change != entry.status_change or edited.created_at != entry.created_at
        after = await _rederived(unit, incident) if moved else incident
        touched = Touched(part="updates", id=entry.id, before=entry.visibility, after=edited.visibility)
        return Applied(after=snapshot_of(after), touched=(touched,))


async def _rederived(unit: UnitOfWork, incident: Incident) -> Incident:
    timeline = await unit.timeline.carrying_status(incident.id)
    status = header_status(timeline, current=incident.status)
    if status is incident.status:
        return incident
    after = incident.with_status(status, at=timeline[0].created_at)
    await save_incident(unit, incident, after)
    return after


async def _entry(unit: UnitOfWork, incident: Incident, update_id: str) -> IncidentUpdate:
    entry = (await unit.timeline.get_many([update_id])).get(update_id)
    # By both ids: who may write on one incident must not reach another's timeline.
    if entry is None or entry.incident_id != incident.id:
        raise NotFoundError("Update", update_id)
    return entry


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Written:
    incidents = await unit.incidents.get_many([answer["incident"]])
    updates = await unit.timeline.get_many([answer["update"]])
    return Written(incident=incidents.get(answer["incident"]), update=updates.get(answer["update"]))
