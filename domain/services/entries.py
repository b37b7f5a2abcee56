"""Writes of timeline entries, and the updates of incidents that follow from them."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.entities.handle import Applied
from domain.entities.incident import snapshot_of
from domain.errors import InvalidInputError
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.change import Touched
from domain.model.copies import changed
from domain.model.incident import Incident, IncidentUpdate, IncidentUpdateVersion
from domain.model.moment import iso
from domain.model.timeline import settled
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import checked_moment

#: The resolution of all stored moments.
TICK = timedelta(milliseconds=1)


async def save_incident(unit: UnitOfWork, before: Incident, after: Incident) -> None:
    """Write the fields that differ, and update the claims: an open incident claims what is free on its systems."""
    await unit.incidents.save(before, after, now=unit.moment())
    if not after.is_open:
        if before.is_open:
            await unit.claims.release(after.id)
        return
    removed = set(before.system_ids) - set(after.system_ids)
    if removed:
        await unit.claims.release(after.id, sorted(removed))
    wanted = set(after.system_ids) if not before.is_open else set(after.system_ids) - set(before.system_ids)
    await unit.claims.take_free(after.id, sorted(wanted), after.dedupe_key)


async def insert_entry(unit: UnitOfWork, entry: IncidentUpdate) -> Touched:
    """Write a timeline entry, index it for search, and return the touched part."""
    await unit.timeline.insert(entry)
    await unit.search.insert_many([(entry.id, entry.incident_id, entry.visibility, entry.message)])
    return added(entry)


def added(entry: IncidentUpdate) -> Touched:
    """Return the part that a new entry is."""
    return Touched(part="updates", id=entry.id, after=entry.visibility)


async def append_entry(
    unit: UnitOfWork, incident: Incident, entry: IncidentUpdate
) -> tuple[Applied[Incident], IncidentUpdate]:
    """Append a timeline entry dated now and return it as stored; one that names the present status is a comment."""
    # The rule of timelines for the last entry needs no other entry: together they amount to the present status.
    entry = changed(entry, created_at=await _end_of(unit, incident, entry))
    after = incident
    if entry.status_change is incident.status:
        entry = changed(entry, status_change=None, comment_status=entry.status_change)
    elif entry.status_change is not None:
        after = incident.with_status(entry.status_change, at=entry.created_at).following(incident)
        await save_incident(unit, incident, after)
    return Applied(after=snapshot_of(after), touched=(await insert_entry(unit, entry),)), entry


async def date_entry(unit: UnitOfWork, incident: Incident, entry: IncidentUpdate) -> Applied[Incident]:
    """Write a timeline entry at its date, wherever that is."""
    touched = await insert_entry(unit, entry)
    if entry.names is None:
        return Applied(after=snapshot_of(incident), touched=(touched,))
    return await settle(unit, incident, incident, touched)


async def settle(
    unit: UnitOfWork, before: Incident, after: Incident, touched: Touched | None = None
) -> Applied[Incident]:
    """Update an incident by its stored timeline, and return it with the parts touched by that or before.

    Entries that thereby became comments, or ceased to be, count as edited.
    """
    stored = await unit.timeline.marks(before.id)
    after, marks = settled(after, stored)
    moved = [mark for mark in marks if mark not in stored]
    await unit.timeline.put_marks(moved)
    if after != before:
        await save_incident(unit, before, after)
    edited = [
        Touched(part="updates", id=mark.id, before=mark.visibility, after=mark.visibility)
        for mark in moved
        if touched is None or mark.id != touched.id
    ]
    return Applied(after=snapshot_of(after), touched=tuple([touched, *edited] if touched else edited))


async def begun_at(unit: UnitOfWork, incident: Incident, at: datetime, *, field: str) -> Incident:
    """Return the incident with another beginning.

    Raises:
        InvalidInputError: an entry of its timeline, or its acknowledgement, lies before that.
    """
    earliest = await unit.timeline.earliest(incident.id)
    if earliest is not None and earliest < at:
        raise InvalidInputError(
            f"An entry of the timeline is dated earlier, {iso(earliest)}: move that one first.", field=[field]
        )
    if incident.acknowledged_at is not None and incident.acknowledged_at < at:
        raise InvalidInputError(f"It was acknowledged earlier, {iso(incident.acknowledged_at)}.", field=[field])
    return replace(incident, occurred_at=at)


async def save_begun(unit: UnitOfWork, before: Incident, after: Incident, *, editor: Actor) -> Applied[Incident]:
    """Write an incident with another beginning; its opening entry moves along."""
    opening = await unit.timeline.opening(before.id)
    touched = None
    if opening is not None:
        touched = await edit_entry(unit, opening, replace(opening, created_at=after.occurred_at), editor=editor)
    return await settle(unit, before, after, touched)


def check_begun(incident: Incident, at: datetime, *, field: str) -> None:
    """Check that a date does not lie before the incident's beginning.

    Raises:
        InvalidInputError: it does.
    """
    if at < incident.occurred_at:
        raise InvalidInputError(
            f"This moment lies before the incident's beginning, {iso(incident.occurred_at)}: move `occurredAt` first.",
            field=[field],
        )


def checked_resolution(incident: Incident, moment: datetime | None, *, now: datetime) -> datetime | None:
    """Return the past moment of a resolution; None for now, or where the incident has that moment already.

    Raises:
        InvalidInputError: the moment cannot be the one of the resolution.
    """
    if moment is None:
        return None
    at = checked_moment(moment, now=now, field="resolvedAt")
    check_begun(incident, at, field="resolvedAt")
    if at in (now, incident.resolved_at):
        return None
    if incident.resolved_at is not None:
        raise InvalidInputError(
            f"It is resolved already, since {iso(incident.resolved_at)}: move the entry that says so.",
            field=["resolvedAt"],
        )
    return at


async def edit_entry(unit: UnitOfWork, entry: IncidentUpdate, edited: IncidentUpdate, *, editor: Actor) -> Touched:
    """Write an edited entry, keep its former version, and return the touched part."""
    now = unit.moment()
    former = IncidentUpdateVersion(
        id=new_id("upv"),
        update_id=entry.id,
        message=entry.message,
        status_change=entry.status_change,
        visibility=entry.visibility,
        created_at=entry.created_at,
        replaced_at=now,
        replaced_by=editor,
    )
    await unit.timeline.replace(replace(edited, edited_at=now), former=former)
    return Touched(part="updates", id=entry.id, before=entry.visibility, after=edited.visibility)


async def _end_of(unit: UnitOfWork, incident: Incident, entry: IncidentUpdate) -> datetime:
    """Return now, or a later moment that makes the entry the last: other processes' clocks may be ahead."""
    now = max(unit.moment(), incident.occurred_at)
    last = await unit.timeline.last_place(incident.id) if entry.status_change is not None else None
    return now if last is None or last < (now, entry.id) else last[0] + TICK
