"""Incidents that name a person who is being forgotten, and the rows of their timelines and relations."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.change import Touched
from domain.model.erasure import Forgotten
from domain.model.viewer import Visibility
from domain.persistence.people_tables import incident_assignees
from domain.persistence.relation_tables import incident_relations
from domain.persistence.rows import actor_columns
from domain.persistence.tables import incident_update_versions, incident_updates, incidents

_ACTORS = ("opened_by", "acknowledged_by", "lead")


async def incidents_naming(
    connection: AsyncConnection, former: Actor, *, after: str, looked_at: int, limit: int
) -> tuple[list[str], str | None]:
    """Return the incidents behind an id, among the next ones, that name a person, and the last one looked at.

    That is None where there is none behind it.
    """
    behind = incidents.c.id > after
    last = await connection.scalar(
        sa.select(incidents.c.id).where(behind).order_by(incidents.c.id).offset(looked_at - 1).limit(1)
    )
    within = behind if last is None else sa.and_(behind, incidents.c.id <= last)
    statement = sa.select(incidents.c.id).where(within, _names(former)).order_by(incidents.c.id).limit(limit)
    found = list(await connection.scalars(statement))
    return found, found[-1] if len(found) == limit else last


async def rename_in_parts(
    connection: AsyncConnection, forgotten: Forgotten, ids: Sequence[str]
) -> Mapping[str, list[Touched]]:
    """Replace a person in the timelines and relations of these incidents.

    Return the entries that they wrote or edited.
    """
    touched: dict[str, list[Touched]] = {identifier: [] for identifier in ids}
    columns = incident_updates.c
    edited = sa.exists().where(
        incident_update_versions.c.update_id == columns.id,
        _is(incident_update_versions, "replaced_by", forgotten.former),
    )
    entries = (
        sa.select(columns.id, columns.incident_id, columns.visibility)
        .where(columns.incident_id.in_(ids), sa.or_(_is(incident_updates, "created_by", forgotten.former), edited))
        .order_by(columns.id)
    )
    for entry_id, incident_id, visibility in await connection.execute(entries):
        seen = Visibility(visibility)
        touched[incident_id].append(Touched(part="updates", id=entry_id, before=seen, after=seen))
    update_ids = sa.select(columns.id).where(columns.incident_id.in_(ids))
    for table, prefix, of_incidents in (
        (incident_updates, "created_by", columns.incident_id.in_(ids)),
        (incident_update_versions, "replaced_by", incident_update_versions.c.update_id.in_(update_ids)),
        (incident_relations, "created_by", incident_relations.c.incident_id.in_(ids)),
    ):
        named = sa.and_(of_incidents, _is(table, prefix, forgotten.former))
        await connection.execute(sa.update(table).where(named).values(**actor_columns(prefix, forgotten.present)))
    return touched


async def rename_quietly(connection: AsyncConnection, forgotten: Forgotten, incident_id: str) -> None:
    """Replace a person in the row of an incident, without a change of it."""
    values: dict[str, Any] = {}
    for prefix in _ACTORS:
        is_named = _is(incidents, prefix, forgotten.former)
        for name, value in actor_columns(prefix, forgotten.present).items():
            values[name] = sa.case((is_named, sa.literal(str(value))), else_=incidents.c[name])
    await connection.execute(sa.update(incidents).where(incidents.c.id == incident_id).values(values))


def _names(former: Actor) -> sa.ColumnElement[bool]:
    entry = incident_updates.c
    of_incident = sa.select(sa.literal(1)).where(entry.incident_id == incidents.c.id)
    versions = of_incident.join_from(
        incident_updates, incident_update_versions, incident_update_versions.c.update_id == entry.id
    )
    parts = (
        of_incident.where(_is(incident_updates, "created_by", former)),
        versions.where(_is(incident_update_versions, "replaced_by", former)),
        _of(incident_assignees).where(incident_assignees.c.id == former.id, incident_assignees.c.type == former.type),
        _of(incident_relations).where(_is(incident_relations, "created_by", former)),
    )
    return sa.or_(*(_is(incidents, prefix, former) for prefix in _ACTORS), *(part.exists() for part in parts))


def _of(table: sa.Table) -> sa.Select[Any]:
    return sa.select(sa.literal(1)).where(table.c.incident_id == incidents.c.id)


def _is(table: sa.Table, prefix: str, actor: Actor) -> sa.ColumnElement[bool]:
    return sa.and_(table.c[f"{prefix}_id"] == actor.id, table.c[f"{prefix}_type"] == actor.type)
