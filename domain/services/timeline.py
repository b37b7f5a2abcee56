"""The use cases of timelines; incidents' status and times follow from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.entities.handle import Applied, Apply, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import NotFoundError
from domain.ids import new_id
from domain.model.change import Touched
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, Keep, given
from domain.model.incident import Incident, IncidentUpdate, Status
from domain.model.texts import checked_message
from domain.model.viewer import Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import append_entry, begun_at, check_begun, date_entry, edit_entry, settle
from domain.services.incidents import present
from domain.services.writing import Idempotency, Outcome, Writer, check_version, checked_moment, origin_of, recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An incident with the entry that was written; None for a deleted one."""

    incident: Incident
    update: IncidentUpdate | None


class TimelineService:
    """The use cases of timelines; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[Incident]) -> None:
        self._writer = writer
        self._handle = handle

    async def add(
        self, viewer: Viewer, command: AddIncidentUpdate, *, idempotency_key: str | None = None
    ) -> Outcome[Written]:
        """Add an entry, dated now or earlier. One whose status was already in effect at its date is a comment.

        Raises:
            NotFoundError, VersionConflictError, InvalidInputError, ConflictError
        """
        message = checked_message(command.message)
        update_id = new_id("upd")

        async def work(unit: UnitOfWork) -> Written:
            return await self._added(unit, viewer, command, message=message, update_id=update_id)

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
        visibility: Visibility = Visibility.PUBLIC,
    ) -> IncidentUpdate:
        """Add an entry within a unit of work.

        Raises:
            NotFoundError, InvalidInputError
        """
        entry = IncidentUpdate(
            id=new_id("upd"),
            incident_id=incident_id,
            message=checked_message(message),
            status_change=status_change,
            visibility=visibility,
            created_at=unit.moment(),
            created_by=origin.actor,
        )

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            return (await append_entry(unit, present(before, incident_id, field="incidentId"), entry))[0]

        await self._handle.mutate(unit, incident_id, apply, origin=origin)
        return entry

    async def edit(self, viewer: Viewer, command: EditIncidentUpdate) -> Outcome[Written]:
        """Edit an entry and keep its former version; an edit that changes nothing is not recorded.

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
        """Delete an entry; the incident's status and times follow from the remaining ones.

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
                touched = Touched(part="updates", id=entry.id, before=entry.visibility)
                if entry.names is None:
                    return Applied(after=snapshot_of(incident), touched=(touched,))
                return await settle(unit, incident, incident, touched)

            return await self._written(unit, incident_id, update_id, apply, viewer)

        return await self._writer.run(work)

    async def _added(
        self, unit: UnitOfWork, viewer: Viewer, command: AddIncidentUpdate, *, message: str, update_id: str
    ) -> Written:
        stored: IncidentUpdate | None = None

        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            nonlocal stored
            incident = present(before, command.incident_id, field="incidentId")
            check_version(incident, command.expected_version)
            entry = IncidentUpdate(
                id=update_id,
                incident_id=incident.id,
                message=message,
                status_change=command.status_change,
                visibility=command.visibility,
                created_at=unit.moment(),
                created_by=viewer.actor,
            )
            if command.created_at is None:
                applied, stored = await append_entry(unit, incident, entry)
                return applied
            at = checked_moment(command.created_at, now=unit.moment(), field="createdAt")
            check_begun(incident, at, field="createdAt")
            return await date_entry(unit, incident, replace(entry, created_at=at))

        made = await self._handle.mutate(unit, command.incident_id, apply, origin=origin_of(viewer, "incidentId"))
        # At an earlier date, it may have become a comment.
        stored = stored or (await unit.timeline.get_many([update_id]))[update_id]
        return Written(incident=made.after.entity, update=stored)

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
        edited = _with_edits(entry, command, now=unit.moment())
        if edited == entry:
            return Applied(after=snapshot_of(incident))
        after = incident
        if edited.created_at != entry.created_at:
            if entry.is_opening:
                after = await begun_at(unit, incident, edited.created_at, field="createdAt")
            else:
                check_begun(incident, edited.created_at, field="createdAt")
        touched = await edit_entry(unit, entry, edited, editor=viewer.actor)
        await unit.search.put(
            entry_id=entry.id, incident_id=incident.id, visibility=edited.visibility, text=edited.message
        )
        if (edited.names, edited.created_at) == (entry.names, entry.created_at):
            return Applied(after=snapshot_of(incident), touched=(touched,))
        return await settle(unit, incident, after, touched)


def _with_edits(entry: IncidentUpdate, command: EditIncidentUpdate, *, now: datetime) -> IncidentUpdate:
    edited = replace(
        entry,
        message=entry.message if isinstance(command.message, Keep) else checked_message(command.message),
        visibility=given(command.visibility, entry.visibility),
    )
    if not isinstance(command.created_at, Keep):
        edited = replace(edited, created_at=checked_moment(command.created_at, now=now, field="createdAt"))
    if not isinstance(command.status_change, Keep) and command.status_change is not entry.names:
        edited = replace(edited, status_change=command.status_change, comment_status=None)
    return edited


async def _entry(unit: UnitOfWork, incident: Incident, update_id: str) -> IncidentUpdate:
    entry = (await unit.timeline.get_many([update_id])).get(update_id)
    # By both ids: a caller who may write on one incident must not reach another's timeline.
    if entry is None or entry.incident_id != incident.id:
        raise NotFoundError("Update", update_id)
    return entry


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Written:
    incidents = await unit.incidents.get_many([answer["incident"]])
    updates = await unit.timeline.get_many([answer["update"]])
    return Written(
        incident=recalled(incidents, answer["incident"], noun="Incident"),
        update=recalled(updates, answer["update"], noun="Update"),
    )
