"""The audit log, which is only added to and pruned."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.audit import AuditAction, AuditEntry, AuditFilter, AuditKind, FieldChange
from domain.model.paging import Page, PageRequest
from domain.persistence.audit_tables import audit_entries as entries
from domain.persistence.keyset import paged
from domain.persistence.rows import actor_columns, actor_of


class AuditRepository:
    """Entries, newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, entry: AuditEntry) -> None:
        """Write an entry."""
        values = {
            "id": entry.id,
            "occurred_at": entry.occurred_at,
            **actor_columns("actor", entry.actor),
            "token_id": entry.token_id,
            "kind": entry.kind,
            "action": entry.action,
            "object_id": entry.object_id,
            "object_name": entry.object_name,
            "changes": [change.as_json() for change in entry.changes],
        }
        await self._connection.execute(sa.insert(entries).values(values))

    async def get_many(self, ids: Sequence[str]) -> dict[str, AuditEntry]:
        """Return the entries with these ids that exist, by id."""
        found = await self._connection.execute(sa.select(entries).where(entries.c.id.in_(ids)))
        return {row["id"]: _entry(row) for row in found.mappings()}

    async def page(self, page: PageRequest, wanted: AuditFilter) -> Page[AuditEntry]:
        """Return one page of the entries that match, newest first."""
        statement = paged(sa.select(entries).where(*_conditions(wanted)), [entries.c.id], page, descending=True)
        return page.cut([_entry(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, wanted: AuditFilter) -> int:
        """Return the number of entries that match."""
        statement = sa.select(sa.func.count()).select_from(entries).where(*_conditions(wanted))
        return int(await self._connection.scalar(statement) or 0)

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` entries that are older than a moment, and return how many."""
        old = sa.select(entries.c.id).where(entries.c.occurred_at < before).limit(limit)
        return (await self._connection.execute(sa.delete(entries).where(entries.c.id.in_(old)))).rowcount


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    columns, found = entries.c, list[sa.ColumnElement[bool]]()
    if wanted.kinds:
        found.append(columns.kind.in_([str(kind) for kind in wanted.kinds]))
    if wanted.actor_id is not None:
        found.append(columns.actor_id == wanted.actor_id)
    if wanted.object_id is not None:
        found.append(columns.object_id == wanted.object_id)
    if wanted.since is not None:
        found.append(columns.occurred_at >= wanted.since)
    if wanted.until is not None:
        found.append(columns.occurred_at < wanted.until)
    return found


def _entry(row: sa.RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        occurred_at=row["occurred_at"],
        actor=actor_of("actor", row),
        token_id=row["token_id"],
        kind=AuditKind(row["kind"]),
        action=AuditAction(row["action"]),
        object_id=row["object_id"],
        object_name=row["object_name"],
        changes=tuple(FieldChange.from_json(change) for change in row["changes"]),
    )
