"""Artifacts: the outputs of runs' actions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.automation import Artifact
from domain.model.paging import Page, PageRequest
from domain.persistence.automation_tables import (
    automation_artifacts,
    automation_runs,
)
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent


class ArtifactRepository:
    """Artifacts by id, by run and by the object that they name."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, artifact: Artifact, *, entity_id: str | None) -> None:
        """Write an artifact; a repeated step does not write it twice."""
        values = {**asdict(artifact), "entity_id": entity_id}
        await self._connection.execute(insert_or_ignore(self._connection, automation_artifacts, values))

    async def get_many(self, ids: Sequence[str]) -> dict[str, Artifact]:
        """Return the artifacts of these ids; unknown ones are left out."""
        statement = sa.select(automation_artifacts).where(automation_artifacts.c.id.in_(ids))
        return {row["id"]: _artifact(row) for row in (await self._connection.execute(statement)).mappings()}

    async def pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Artifact]]:
        """Return the page of each of these runs' artifacts, oldest first."""

        def picked(run_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.run_id == run_id)
            return paged(statement, [alias.c.id], page, descending=False)

        found = await per_parent(
            self._connection, parents=(automation_runs, run_ids), child=automation_artifacts, children_of=picked
        )
        artifacts = [(parent, _artifact(row)) for parent, row in found]
        return pages_of(artifacts, run_ids, page, order=lambda artifact: artifact.id, descending=False)

    async def counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of artifacts of each of these runs."""
        return await count_per_parent(self._connection, automation_artifacts.c.run_id, run_ids)

    async def newest_open(self, automation_id: str, type_: str, *, context_key: str) -> Artifact | None:
        """Return the newest open artifact of a type from earlier runs of an automation for the same context."""
        columns = automation_artifacts.c
        statement = (
            sa.select(automation_artifacts)
            .where(
                columns.automation_id == automation_id,
                columns.type == type_,
                columns.context_key == context_key,
                columns.closed_at.is_(None),
            )
            .order_by(columns.id.desc())
            .limit(1)
        )
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _artifact(row)

    async def open_entities(self) -> list[str]:
        """Return the ids of all objects that an open artifact names."""
        columns = automation_artifacts.c
        statement = sa.select(columns.entity_id).where(columns.entity_id.is_not(None), columns.closed_at.is_(None))
        return list(await self._connection.scalars(statement.distinct()))

    async def closed_entities(self, run_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the objects that closed artifacts of these runs name."""
        columns = automation_artifacts.c
        statement = sa.select(columns.run_id, columns.entity_id)
        statement = statement.where(columns.run_id.in_(run_ids), columns.closed_at.is_not(None))
        found: dict[str, set[str]] = {identifier: set() for identifier in run_ids}
        for run_id, entity_id in await self._connection.execute(statement):
            found[run_id].add(entity_id)
        return found

    async def close(self, entity_id: str, *, at: datetime) -> None:
        """Close all artifacts that name this entity."""
        columns = automation_artifacts.c
        statement = sa.update(automation_artifacts).where(columns.entity_id == entity_id, columns.closed_at.is_(None))
        await self._connection.execute(statement.values(closed_at=at))


def _artifact(row: sa.RowMapping) -> Artifact:
    return Artifact(**{name: value for name, value in row.items() if name not in {"entity_id", "parent_id"}})
