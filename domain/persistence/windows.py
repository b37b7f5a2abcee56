"""Firings of triggers with a window."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.automation_tables import (
    automation_artifacts,
    automation_runs,
    automation_window_events,
)
from domain.persistence.dialects import insert_or_ignore


class WindowRepository:
    """Firings of triggers with a window."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, automation_id: str, trigger_id: str, partition: str, *, key: str, at: datetime) -> bool:
        """Note a firing; return False where it is noted already."""
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
        """Return the number of firings of that partition in the window."""
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
        """Delete firings that no window reaches any more."""
        columns = automation_window_events.c
        statement = sa.delete(automation_window_events).where(
            columns.automation_id == automation_id, columns.trigger_id == trigger_id, columns.occurred_at < before
        )
        await self._connection.execute(statement)

    async def restart(self, entity_id: str, *, until: datetime) -> None:
        """Delete firings up to that moment from windows whose runs have an open artifact for this entity.

        Firings of other windows stay.
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
