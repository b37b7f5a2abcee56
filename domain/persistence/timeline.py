"""Timeline entries of incidents, and the former versions of edited ones."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import IncidentUpdate, IncidentUpdateVersion, Status
from domain.model.paging import Page, PageRequest
from domain.model.timeline import Mark
from domain.model.viewer import Audience, Visibility
from domain.persistence.keyset import paged, per_parent
from domain.persistence.prepared import Bound, Prepared, among
from domain.persistence.rows import actor_columns, actor_of
from domain.persistence.tables import incident_update_versions as versions
from domain.persistence.tables import incident_updates as updates
from domain.persistence.tables import incidents

_COLUMNS = (
    "id",
    "incident_id",
    "message",
    "status_change",
    "visibility",
    "created_at",
    "edited_at",
    "comment_status",
    "is_opening",
)
_INSERT = Prepared(lambda _: sa.insert(updates).inline(), [column.name for column in updates.c])
_GET = Prepared(lambda sqlite: sa.select(updates).where(among(updates.c.id, "ids", sqlite=sqlite)))
_LAST = Prepared(
    lambda _: (
        sa.select(updates.c.created_at, updates.c.id)
        .where(updates.c.incident_id == sa.bindparam("incident"))
        .order_by(updates.c.created_at.desc(), updates.c.id.desc())
        .limit(sa.literal_column("1"))
    )
)
_NAMED = sa.func.coalesce(updates.c.status_change, updates.c.comment_status)
#: Former versions shown per entry, the newest ones.
VERSIONS_SHOWN = 100


class TimelineRepository:
    """Timeline entries, newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, IncidentUpdate]:
        """Return the entries of these ids; those that do not exist are left out."""
        rows = await _GET.rows(self._connection, {"ids": list(ids)})
        return {row["id"]: update_of(row) for row in rows}

    async def marks(self, incident_id: str) -> list[Mark]:
        """Return an incident's entries that name a status, without texts; its status and times follow from them."""
        statement = marks_statement().where(updates.c.incident_id == incident_id)
        return [mark_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def put_marks(self, marks: Sequence[Mark]) -> None:
        """Update for entries that name a status whether they are comments."""
        values = [
            {
                "entry_id": mark.id,
                "status_change": None if mark.is_comment else mark.status,
                "comment_status": mark.status if mark.is_comment else None,
            }
            for mark in marks
        ]
        if values:
            await self._connection.execute(sa.update(updates).where(updates.c.id == sa.bindparam("entry_id")), values)

    async def last_place(self, incident_id: str) -> tuple[datetime, str] | None:
        """Return the date and id of the last entry of an incident, if it has any."""
        rows = await _LAST.rows(self._connection, {"incident": incident_id})
        return (rows[0]["created_at"], rows[0]["id"]) if rows else None

    async def opening(self, incident_id: str) -> IncidentUpdate | None:
        """Return the opening entry of an incident, if it has one."""
        statement = sa.select(updates).where(updates.c.incident_id == incident_id, updates.c.is_opening)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else update_of(row)

    async def earliest(self, incident_id: str) -> datetime | None:
        """Return the date of an incident's first entry, without its opening entry."""
        written = sa.and_(updates.c.incident_id == incident_id, ~updates.c.is_opening)
        moment: datetime | None = await self._connection.scalar(
            sa.select(sa.func.min(updates.c.created_at)).where(written)
        )
        return moment

    async def pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[IncidentUpdate]]:
        """Return the page of each of these incidents' timelines that this audience may see, in one statement."""

        def newest(incident_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            seen = sa.and_(alias.c.incident_id == incident_id, alias.c.visibility.in_(audience.visibilities))
            return paged(sa.select(alias.c.id).where(seen), (alias.c.created_at, alias.c.id), page, descending=True)

        found = await per_parent(
            self._connection,
            parents=(incidents, incident_ids),
            child=updates,
            children_of=newest,
            page=page,
            form=("updates", audience),
        )
        lists: dict[str, list[IncidentUpdate]] = {identifier: [] for identifier in incident_ids}
        for parent, row in found:
            lists[parent].append(update_of(row))
        for entries in lists.values():
            entries.sort(key=lambda entry: (entry.created_at, entry.id), reverse=not page.backward)
        return {parent: page.cut(entries) for parent, entries in lists.items()}

    async def counts(self, incident_ids: Sequence[str], audience: Audience) -> dict[str, int]:
        """Return the number of entries of each of these incidents that this audience may see."""
        statement = (
            sa.select(updates.c.incident_id, sa.func.count())
            .where(updates.c.incident_id.in_(incident_ids), updates.c.visibility.in_(audience.visibilities))
            .group_by(updates.c.incident_id)
        )
        counted = {incident_id: count for incident_id, count in await self._connection.execute(statement)}
        return {incident_id: counted.get(incident_id, 0) for incident_id in incident_ids}

    async def get_versions(self, ids: Sequence[str]) -> dict[str, IncidentUpdateVersion]:
        """Return the former versions of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(versions).where(versions.c.id.in_(ids)))).mappings()
        return {row["id"]: version_of(row) for row in rows}

    async def versions_of(self, update_ids: Sequence[str]) -> dict[str, list[IncidentUpdateVersion]]:
        """Return the former versions of these entries, oldest first, the last 100 of each."""

        def newest(update_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.update_id == update_id)
            return statement.order_by(alias.c.id.desc()).limit(VERSIONS_SHOWN)

        found = await per_parent(
            self._connection, parents=(updates, update_ids), child=versions, children_of=newest, form="versions"
        )
        lists: dict[str, list[IncidentUpdateVersion]] = {identifier: [] for identifier in update_ids}
        for parent, row in found:
            lists[parent].append(version_of(row))
        return {parent: sorted(former, key=lambda version: version.id) for parent, former in lists.items()}

    async def insert(self, entry: IncidentUpdate) -> None:
        """Write a new entry."""
        await _INSERT.insert(self._connection, [_row(entry)])

    async def replace(self, entry: IncidentUpdate, *, former: IncidentUpdateVersion) -> None:
        """Write an edited entry and keep its former version."""
        values = {name: getattr(entry, name) for name in _COLUMNS if name not in {"id", "incident_id"}}
        await self._connection.execute(sa.update(updates).where(updates.c.id == entry.id).values(**values))
        await self.insert_versions([former])

    async def insert_versions(self, former: Sequence[IncidentUpdateVersion]) -> None:
        """Write former versions of entries."""
        names = ("id", "update_id", "message", "status_change", "visibility", "created_at", "replaced_at")
        rows = [
            {name: getattr(each, name) for name in names} | actor_columns("replaced_by", each.replaced_by)
            for each in former
        ]
        if rows:
            await self._connection.execute(sa.insert(versions), rows)

    async def delete(self, update_id: str) -> None:
        """Delete an entry with its former versions."""
        await self._connection.execute(sa.delete(updates).where(updates.c.id == update_id))


def bound_entries(dialect: sa.Dialect, loaded: Iterable[IncidentUpdate]) -> Bound:
    """Return the statement that writes entries of a history."""
    return _INSERT.bound(dialect, map(_row, loaded))


def marks_statement(*further: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return the query for entries that name a status, without texts, with further columns."""
    columns = updates.c
    return sa.select(
        columns.id,
        columns.created_at.label("at"),
        _NAMED.label("status"),
        columns.visibility,
        columns.is_opening,
        columns.status_change.is_(None).label("is_comment"),
        *further,
    ).where(_NAMED.is_not(None))


def mark_of(row: Mapping[Any, Any]) -> Mark:
    """Return the mark that a row of that query stands for."""
    return Mark(
        id=row["id"],
        at=row["at"],
        status=Status(row["status"]),
        visibility=Visibility(row["visibility"]),
        is_opening=row["is_opening"],
        is_comment=bool(row["is_comment"]),
    )


def _row(entry: IncidentUpdate) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _COLUMNS} | actor_columns("created_by", entry.created_by)


def update_of(row: Mapping[Any, Any]) -> IncidentUpdate:
    """Return the entry that a row stands for."""
    return IncidentUpdate(
        id=row["id"],
        incident_id=row["incident_id"],
        message=row["message"],
        status_change=Status(row["status_change"]) if row["status_change"] else None,
        visibility=Visibility(row["visibility"]),
        created_at=row["created_at"],
        created_by=actor_of("created_by", row),
        edited_at=row["edited_at"],
        comment_status=Status(row["comment_status"]) if row["comment_status"] else None,
        is_opening=row["is_opening"],
    )


def version_of(row: sa.RowMapping) -> IncidentUpdateVersion:
    """Return the former version that a row stands for."""
    return IncidentUpdateVersion(
        id=row["id"],
        update_id=row["update_id"],
        message=row["message"],
        status_change=Status(row["status_change"]) if row["status_change"] else None,
        visibility=Visibility(row["visibility"]),
        created_at=row["created_at"],
        replaced_at=row["replaced_at"],
        replaced_by=actor_of("replaced_by", row),
    )
