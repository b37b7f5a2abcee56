"""Relations between incidents: a row for each of the two, written and deleted together."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.relation import IncidentRelation, RelationType
from domain.persistence.dialects import lock_relations
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.relation_tables import incident_relations as relations
from domain.persistence.rows import actor_columns, actor_of
from domain.persistence.tables import incidents


class RelationRepository:
    """Relations of incidents, oldest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, *, shared: bool = False) -> None:
        """Lock all relations against new ones until the commit, before any incident is locked.

        Two new relations of four incidents could close a circle that neither of them sees. With `shared`, others may
        have the same lock.
        """
        await lock_relations(self._connection, shared=shared)

    async def get_many(self, ids: Sequence[str]) -> dict[str, IncidentRelation]:
        """Return the relations of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(relations).where(relations.c.id.in_(ids)))).mappings()
        return {row["id"]: relation_of(row) for row in rows}

    async def between(self, incident_id: str, kind: RelationType, related_id: str) -> list[IncidentRelation]:
        """Return a relation as both incidents have it, beginning with the first; nothing where there is none."""
        columns = relations.c
        given = sa.and_(columns.incident_id == incident_id, columns.related_id == related_id, ~columns.is_inverse)
        inverse = columns.is_inverse if not kind.is_mutual else ~columns.is_inverse
        other = sa.and_(columns.incident_id == related_id, columns.related_id == incident_id, inverse)
        statement = sa.select(relations).where(columns.type == kind, sa.or_(given, other))
        found = [relation_of(row) for row in (await self._connection.execute(statement)).mappings()]
        return sorted(found, key=lambda relation: relation.incident_id != incident_id)

    async def to_incident(self, incident_id: str) -> list[IncidentRelation]:
        """Return all relations of an incident as the other incidents have them."""
        statement = sa.select(relations).where(relations.c.related_id == incident_id).order_by(relations.c.id)
        return [relation_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def leads(self, start: str, kind: RelationType, end: str) -> bool:
        """Return whether relations of that type lead from one incident to another, over any number of others."""
        columns = relations.c
        forward = sa.and_(columns.type == kind, ~columns.is_inverse)
        path = sa.select(columns.related_id).where(columns.incident_id == start, forward).cte("path", recursive=True)
        further = sa.select(columns.related_id).join(path, columns.incident_id == path.c.related_id).where(forward)
        path = path.union(further)
        found = sa.select(sa.literal(1)).select_from(path).where(path.c.related_id == end).limit(1)
        return await self._connection.scalar(found) is not None

    async def pages(self, incident_ids: Sequence[str], page: PageRequest) -> dict[str, Page[IncidentRelation]]:
        """Return the page of each of these incidents' relations, in one statement."""

        def oldest(incident_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.incident_id == incident_id)
            return paged(statement, (alias.c.id,), page, descending=False)

        found = await per_parent(
            self._connection,
            parents=(incidents, incident_ids),
            child=relations,
            children_of=oldest,
            page=page,
            form="relations",
        )
        rows = [(parent, relation_of(row)) for parent, row in found]
        return pages_of(rows, incident_ids, page, order=lambda relation: relation.id, descending=False)

    async def counts(self, incident_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of relations of each of these incidents."""
        return await count_per_parent(self._connection, relations.c.incident_id, incident_ids)

    async def insert(self, both: Sequence[IncidentRelation]) -> None:
        """Write a new relation as both incidents have it; they are locked, and not related like this."""
        await self._connection.execute(sa.insert(relations), [_columns(each) for each in both])

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete these relations."""
        await self._connection.execute(sa.delete(relations).where(relations.c.id.in_(ids)))


def _columns(relation: IncidentRelation) -> dict[str, Any]:
    names = ("id", "incident_id", "type", "related_id", "is_inverse", "created_at")
    return {name: getattr(relation, name) for name in names} | actor_columns("created_by", relation.created_by)


def relation_of(row: sa.RowMapping) -> IncidentRelation:
    """Return the relation that a row stands for."""
    return IncidentRelation(
        id=row["id"],
        incident_id=row["incident_id"],
        type=RelationType(row["type"]),
        related_id=row["related_id"],
        is_inverse=row["is_inverse"],
        created_at=row["created_at"],
        created_by=actor_of("created_by", row),
    )
