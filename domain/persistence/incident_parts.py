"""The parts of many incidents at once, as an inspection compares them with their incidents."""

from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.timeline import Mark
from domain.persistence.inspecting import MOST_NAMED
from domain.persistence.tables import counters, incident_updates, incidents, open_incident_claims, search_entries
from domain.persistence.timeline import mark_of, marks_statement


async def marks_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[Mark]]:
    """Return the entries of these incidents that name a status."""
    statement = marks_statement(incident_updates.c.incident_id).where(incident_updates.c.incident_id.in_(ids))
    found: dict[str, list[Mark]] = {}
    for row in (await connection.execute(statement)).mappings():
        found.setdefault(row["incident_id"], []).append(mark_of(row))
    return found


async def claims_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the systems and keys that these incidents claim."""
    columns = open_incident_claims.c
    statement = sa.select(columns.incident_id, columns.system_id, columns.dedupe_key)
    found: dict[str, list[tuple[str, str]]] = {}
    for incident_id, system_id, key in await connection.execute(statement.where(columns.incident_id.in_(ids))):
        found.setdefault(incident_id, []).append((system_id, key))
    return found


async def texts_of(connection: AsyncConnection, entry_ids: Sequence[str]) -> dict[str, sa.RowMapping]:
    """Return what the search has of incidents' headers or timeline entries."""
    columns = search_entries.c
    statement = sa.select(columns.entry_id, columns.visibility, columns.body).where(columns.entry_id.in_(entry_ids))
    return {row["entry_id"]: row for row in (await connection.execute(statement)).mappings()}


async def strange_texts(connection: AsyncConnection) -> AsyncIterator[str]:
    """Yield the texts of the search that are those of no incident and of no entry, or of another incident's."""
    columns = search_entries.c
    of_header = sa.exists().where(incidents.c.id == columns.entry_id, incidents.c.id == columns.incident_id)
    of_entry = sa.exists().where(
        incident_updates.c.id == columns.entry_id, incident_updates.c.incident_id == columns.incident_id
    )
    strange = sa.select(columns.entry_id).where(~of_header, ~of_entry).order_by(columns.id).limit(MOST_NAMED)
    for entry_id in await connection.scalars(strange):
        yield entry_id


async def largest_number(connection: AsyncConnection) -> tuple[int, int | None]:
    """Return the largest number of an incident, and the counter that the next number comes from."""
    largest = await connection.scalar(sa.select(sa.func.max(incidents.c.number)))
    counter = await connection.scalar(sa.select(counters.c.value).where(counters.c.name == "incident"))
    return int(largest or 0), counter
