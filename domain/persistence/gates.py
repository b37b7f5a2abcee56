"""What gates and artifacts of automations keep between firings: dwells, windows and artifacts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.automation import Artifact, Dwell, Firing
from domain.model.moment import iso, parse_iso
from domain.model.paging import Page, PageRequest
from domain.persistence.automation_tables import (
    automation_artifacts,
    automation_dwells,
    automation_runs,
    automation_window_events,
)
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent


class DwellRepository:
    """Dwells: at most one per trigger and thing."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def arm(self, dwell: Dwell) -> bool:
        """Write a dwell; False where one is armed already, which keeps its deadline."""
        statement = insert_or_ignore(self._connection, automation_dwells, _dwell_row(dwell))
        return (await self._connection.execute(statement)).rowcount > 0

    async def get(self, dwell_id: str) -> Dwell | None:
        """The dwell of that id, while it is armed."""
        statement = sa.select(automation_dwells).where(automation_dwells.c.id == dwell_id)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _dwell(row)

    async def of_trigger(self, automation_id: str, trigger_id: str, context_key: str | None) -> Dwell | None:
        """The dwell of a trigger for a thing, while it is armed."""
        columns = automation_dwells.c
        statement = sa.select(automation_dwells).where(
            columns.automation_id == automation_id,
            columns.trigger_id == trigger_id,
            columns.context_key == (context_key or ""),
        )
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _dwell(row)

    async def on(self, kind: str, entity_id: str) -> list[Dwell]:
        """The dwells that a change of this entity may break."""
        columns = automation_dwells.c
        statement = sa.select(automation_dwells).where(columns.kind == kind, columns.entity_id == entity_id)
        return [_dwell(row) for row in (await self._connection.execute(statement.order_by(columns.id))).mappings()]

    async def entities(self) -> list[str]:
        """The ids of all things that a dwell is about."""
        columns = automation_dwells.c
        return list(await self._connection.scalars(sa.select(columns.entity_id).where(columns.entity_id.is_not(None))))

    async def of_automation(self, automation_id: str) -> list[Dwell]:
        """The dwells of an automation."""
        columns = automation_dwells.c
        statement = sa.select(automation_dwells).where(columns.automation_id == automation_id)
        return [_dwell(row) for row in (await self._connection.execute(statement.order_by(columns.id))).mappings()]

    async def claim(self, dwell_id: str) -> bool:
        """Take a dwell away; False where somebody else did."""
        statement = sa.delete(automation_dwells).where(automation_dwells.c.id == dwell_id)
        return (await self._connection.execute(statement)).rowcount > 0


class WindowRepository:
    """When triggers with a window fired."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, automation_id: str, trigger_id: str, partition: str, *, key: str, at: datetime) -> bool:
        """Note a firing; False where it is noted already."""
        values = {
            "automation_id": automation_id,
            "trigger_id": trigger_id,
            "partition_key": partition,
            "firing_key": key,
            "occurred_at": at,
        }
        statement = insert_or_ignore(self._connection, automation_window_events, values)
        return (await self._connection.execute(statement)).rowcount > 0

    async def count(self, automation_id: str, trigger_id: str, partition: str, *, since: datetime) -> int:
        """How many firings of that partition lie in the window."""
        columns = automation_window_events.c
        statement = sa.select(sa.func.count()).select_from(automation_window_events)
        statement = statement.where(
            columns.automation_id == automation_id,
            columns.trigger_id == trigger_id,
            columns.partition_key == partition,
            columns.occurred_at >= since,
        )
        return int(await self._connection.scalar(statement) or 0)

    async def forget(self, automation_id: str, trigger_id: str, *, before: datetime) -> None:
        """Drop what no window reaches any more."""
        columns = automation_window_events.c
        statement = sa.delete(automation_window_events).where(
            columns.automation_id == automation_id, columns.trigger_id == trigger_id, columns.occurred_at < before
        )
        await self._connection.execute(statement)

    async def restart(self, entity_id: str, *, until: datetime) -> None:
        """Drop what was counted up to that moment in windows whose runs left an open artifact that names this entity.

        What was counted apart from that stays.
        """
        events, runs, artifacts = automation_window_events.c, automation_runs.c, automation_artifacts.c
        counted = sa.and_(
            events.automation_id == runs.automation_id,
            events.trigger_id == runs.trigger_id,
            events.firing_key == runs.firing_key,
        )
        led_there = (
            sa.select(events.automation_id, events.trigger_id, events.partition_key)
            .join(automation_runs, counted)
            .join(automation_artifacts, artifacts.run_id == runs.id)
            .where(artifacts.entity_id == entity_id, artifacts.closed_at.is_(None))
            .distinct()
        )
        for automation_id, trigger_id, partition in (await self._connection.execute(led_there)).all():
            statement = sa.delete(automation_window_events).where(
                events.automation_id == automation_id,
                events.trigger_id == trigger_id,
                events.partition_key == partition,
                events.occurred_at <= until,
            )
            await self._connection.execute(statement)


class ArtifactRepository:
    """What actions handed on."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, artifact: Artifact, *, entity_id: str | None) -> None:
        """Write an artifact; the same step's again is one."""
        values = {**asdict(artifact), "entity_id": entity_id}
        await self._connection.execute(insert_or_ignore(self._connection, automation_artifacts, values))

    async def get_many(self, ids: Sequence[str]) -> dict[str, Artifact]:
        """The artifacts of these ids; unknown ones are left out."""
        statement = sa.select(automation_artifacts).where(automation_artifacts.c.id.in_(ids))
        return {row["id"]: _artifact(row) for row in (await self._connection.execute(statement)).mappings()}

    async def pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Artifact]]:
        """The page of each of these runs' artifacts, oldest first."""

        def picked(run_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.run_id == run_id)
            return paged(statement, [alias.c.id], page, descending=False)

        found = await per_parent(
            self._connection, parents=(automation_runs, run_ids), child=automation_artifacts, children_of=picked
        )
        artifacts = [(parent, _artifact(row)) for parent, row in found]
        return pages_of(artifacts, run_ids, page, order=lambda artifact: artifact.id, descending=False)

    async def counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """How many artifacts each of these runs handed on."""
        return await count_per_parent(self._connection, automation_artifacts.c.run_id, run_ids)

    async def of_runs(self, run_ids: Sequence[str]) -> dict[str, list[Artifact]]:
        """The artifacts of these runs, oldest first."""
        columns = automation_artifacts.c
        statement = sa.select(automation_artifacts).where(columns.run_id.in_(run_ids)).order_by(columns.id)
        found: dict[str, list[Artifact]] = {identifier: [] for identifier in run_ids}
        for row in (await self._connection.execute(statement)).mappings():
            found[row["run_id"]].append(_artifact(row))
        return found

    async def newest_open(self, automation_id: str, type_: str, *, context_key: str) -> Artifact | None:
        """The newest open artifact of a type that earlier runs of an automation left for the same thing."""
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
        """The ids of all things that an open artifact names."""
        columns = automation_artifacts.c
        statement = sa.select(columns.entity_id).where(columns.entity_id.is_not(None), columns.closed_at.is_(None))
        return list(await self._connection.scalars(statement.distinct()))

    async def closed_entities(self, run_ids: Sequence[str]) -> dict[str, set[str]]:
        """The ids of the things that closed artifacts of these runs name."""
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


def _dwell_row(dwell: Dwell) -> dict[str, Any]:
    return {
        "id": dwell.id,
        "automation_id": dwell.automation_id,
        "trigger_id": dwell.trigger_id,
        "context_key": dwell.firing.context_key or "",
        "kind": dwell.firing.kind,
        "entity_id": dwell.firing.entity_id,
        "firing": firing_json(dwell.firing),
        "state": dwell.state,
        "armed_at": dwell.armed_at,
        "fire_at": dwell.fire_at,
    }


def _dwell(row: sa.RowMapping) -> Dwell:
    return Dwell(
        id=row["id"],
        automation_id=row["automation_id"],
        trigger_id=row["trigger_id"],
        firing=firing_from_json(row["firing"]),
        state=row["state"],
        armed_at=row["armed_at"],
        fire_at=row["fire_at"],
    )


def _artifact(row: sa.RowMapping) -> Artifact:
    return Artifact(**{name: value for name, value in row.items() if name not in {"entity_id", "parent_id"}})


def firing_json(firing: Firing) -> dict[str, Any]:
    """A firing as JSON."""
    data = asdict(firing)
    return {**data, "actor": firing.actor.as_json(), "occurred_at": iso(firing.occurred_at)}


def firing_from_json(data: Mapping[str, Any]) -> Firing:
    """The firing that `firing_json` described."""
    return Firing(**{**data, "actor": Actor.from_json(data["actor"]), "occurred_at": parse_iso(data["occurred_at"])})
