"""Timelines as they were: the entries of then, with what edits have replaced since.

Audiences that may not see former versions get entries that they may see now and could see then, as they read now: an
edit may have taken away what they must not read.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import IncidentUpdate
from domain.model.paging import Page, PageRequest
from domain.model.place import Place
from domain.model.viewer import Audience
from domain.persistence.dialects import one_of_texts
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.replay import ReplayRepository
from domain.persistence.tables import incident_update_versions as versions
from domain.persistence.tables import incident_updates as updates
from domain.persistence.tables import incidents
from domain.persistence.timeline import TimelineRepository, update_of


class PastTimelineRepository:
    """Timeline entries as of a place in the past, newest first; those that were deleted since are lost."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience, place: Place
    ) -> dict[str, Page[IncidentUpdate]]:
        """Return the page of each of these incidents' timelines that this audience may see, in four statements."""
        added = await self._added(incident_ids, place)

        def newest(incident_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            date = _then(alias, "created_at", place) if audience.sees_edit_history else alias.c.created_at
            seen = sa.and_(alias.c.incident_id == incident_id, _seen(alias, audience, place), self._there(alias, added))
            return paged(sa.select(alias.c.id).where(seen), (date, alias.c.id), page, descending=True)

        found = await per_parent(
            self._connection, parents=(incidents, incident_ids), child=updates, children_of=newest, page=page
        )
        entries = {row["id"]: update_of(row) for _, row in found}
        if audience.sees_edit_history:
            entries |= await self._as_they_were(entries, place)
        parts = [(parent, entries[row["id"]]) for parent, row in found]
        return pages_of(parts, incident_ids, page, order=lambda entry: (entry.created_at, entry.id), descending=True)

    async def counts(self, incident_ids: Sequence[str], audience: Audience, place: Place) -> dict[str, int]:
        """Return the number of entries of each of these incidents that this audience may see."""
        added = await self._added(incident_ids, place)
        conditions = _seen(updates, audience, place), self._there(updates, added)
        return await count_per_parent(self._connection, updates.c.incident_id, incident_ids, *conditions)

    async def _added(self, incident_ids: Sequence[str], place: Place) -> list[str]:
        return sorted(await ReplayRepository(self._connection).parts_added_since(incident_ids, place))

    def _there(self, alias: sa.FromClause, added: Sequence[str]) -> sa.ColumnElement[bool]:
        return sa.not_(one_of_texts(self._connection.dialect, alias.c.id, added))

    async def _as_they_were(self, entries: dict[str, IncidentUpdate], place: Place) -> dict[str, IncidentUpdate]:
        """Return those of the entries that were edited since, as they were before."""
        replaced = versions.c.replaced_at
        statement = (
            sa.select(
                versions.c.update_id,
                sa.func.max(sa.case((replaced <= place.moment, replaced))).label("edited_at"),
                sa.func.min(sa.case((replaced > place.moment, versions.c.id))).label("version_id"),
            )
            .where(versions.c.update_id.in_(list(entries)))
            .group_by(versions.c.update_id)
        )
        rows = (await self._connection.execute(statement)).all()
        edited: dict[str, datetime | None] = {row.version_id: row.edited_at for row in rows if row.version_id}
        former = await TimelineRepository(self._connection).get_versions(list(edited))
        return {
            version.update_id: replace(
                entries[version.update_id],
                message=version.message,
                status_change=version.status_change,
                visibility=version.visibility,
                created_at=version.created_at,
                edited_at=edited[version.id],
            )
            for version in former.values()
        }


def _seen(alias: sa.FromClause, audience: Audience, place: Place) -> sa.ColumnElement[bool]:
    seen = alias.c.visibility.in_(audience.visibilities)
    if audience.sees_edit_history:
        return seen
    return sa.and_(seen, _then(alias, "visibility", place).in_(audience.visibilities))


def _then(alias: sa.FromClause, column: str, place: Place) -> sa.ColumnElement[Any]:
    """Return the value of then of a column of entries: the one that the first edit since has replaced."""
    replaced = (
        sa.select(versions.c[column])
        .where(versions.c.update_id == alias.c.id, versions.c.replaced_at > place.moment)
        .order_by(versions.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return sa.type_coerce(sa.func.coalesce(replaced, alias.c[column]), alias.c[column].type)
