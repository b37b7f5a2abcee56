"""Automations, their versions, and which of them listens to what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.automation import Automation, AutomationVersion
from domain.model.paging import Page, PageRequest
from domain.persistence.automation_tables import automation_triggers, automation_versions, automations
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.rows import actor_columns, actor_of

_PRESENT = sa.and_(
    automation_versions.c.automation_id == automations.c.id, automation_versions.c.number == automations.c.number
)
_AUTOMATION = sa.select(automations, automation_versions.c.definition).join(automation_versions, _PRESENT)


class AutomationRepository:
    """Automations by id, by name, and by the event that they listen to."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, Automation]:
        """The automations of these ids; unknown ones are left out."""
        rows = (await self._connection.execute(_AUTOMATION.where(automations.c.id.in_(ids)))).mappings()
        return {row["id"]: _automation(row) for row in rows}

    async def named(self, name: str) -> Automation | None:
        """The automation of that name."""
        row = (await self._connection.execute(_AUTOMATION.where(automations.c.name == name))).mappings().first()
        return None if row is None else _automation(row)

    async def page(
        self, page: PageRequest, *, group: str | None = None, enabled: bool | None = None
    ) -> Page[Automation]:
        """One page of the automations, oldest first."""
        statement = _AUTOMATION.where(*_conditions(group, enabled=enabled))
        statement = paged(statement, [automations.c.id], page, descending=False)
        return page.cut([_automation(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, *, group: str | None = None, enabled: bool | None = None) -> int:
        """How many automations there are."""
        statement = sa.select(sa.func.count()).select_from(automations).where(*_conditions(group, enabled=enabled))
        return int(await self._connection.scalar(statement) or 0)

    async def lock(self, ids: Sequence[str]) -> dict[str, Automation]:
        """The automations of these ids, kept from other writers until the commit: what their modes decide holds."""
        # Not the full lock: steps of runs refer to the row while whoever holds it waits for a run.
        await lock_rows(self._connection, automations, ids, referable=True)
        return await self.get_many(ids)

    async def insert(self, automation: Automation, version: AutomationVersion) -> bool:
        """Write a new automation; False where its name is taken."""
        statement = insert_or_ignore(self._connection, automations, _row(automation))
        written = (await self._connection.execute(statement)).rowcount > 0
        if written:
            await self._connection.execute(sa.insert(automation_versions).values(**_version_row(version)))
        return written

    async def save(self, automation: Automation, version: AutomationVersion | None) -> None:
        """Write an automation, which is locked, and its new version where it has one."""
        if version is not None:
            await self._connection.execute(sa.insert(automation_versions).values(**_version_row(version)))
        statement = sa.update(automations).where(automations.c.id == automation.id).values(**_row(automation))
        await self._connection.execute(statement)

    async def delete(self, automation_id: str) -> None:
        """Remove an automation with its versions, runs and all that belongs to them."""
        await self._connection.execute(sa.delete(automations).where(automations.c.id == automation_id))

    async def version(self, automation_id: str, number: int) -> AutomationVersion | None:
        """One version of an automation."""
        columns = automation_versions.c
        statement = sa.select(automation_versions).where(columns.automation_id == automation_id)
        row = (await self._connection.execute(statement.where(columns.number == number))).mappings().first()
        return None if row is None else _version(row)

    async def get_versions(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], AutomationVersion]:
        """The versions of these automations and numbers; unknown ones are left out."""
        columns = automation_versions.c
        statement = sa.select(automation_versions).where(sa.tuple_(columns.automation_id, columns.number).in_(keys))
        rows = (await self._connection.execute(statement)).mappings()
        return {(row["automation_id"], row["number"]): _version(row) for row in rows}

    async def version_pages(
        self, automation_ids: Sequence[str], page: PageRequest
    ) -> dict[str, Page[AutomationVersion]]:
        """The page of each of these automations' versions, newest first."""

        def picked(automation_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.automation_id, alias.c.number).where(alias.c.automation_id == automation_id)
            return paged(statement, [alias.c.number], page, descending=True)

        found = await per_parent(
            self._connection,
            parents=(automations, automation_ids),
            child=automation_versions,
            children_of=picked,
            key=("automation_id", "number"),
        )
        return pages_of(
            [(parent, _version(row)) for parent, row in found],
            automation_ids,
            page,
            order=lambda version: version.number,
            descending=True,
        )

    async def version_counts(self, automation_ids: Sequence[str]) -> dict[str, int]:
        """How many versions each of these automations has."""
        return await count_per_parent(self._connection, automation_versions.c.automation_id, automation_ids)

    async def set_triggers(self, automation_id: str, triggers: Sequence[tuple[str, str, datetime | None]]) -> None:
        """Have an automation listen to these alone: the id of each, its event, and when it is due if time fires it."""
        table = automation_triggers
        await self._connection.execute(sa.delete(table).where(table.c.automation_id == automation_id))
        rows = [
            {
                "automation_id": automation_id,
                "trigger_id": trigger_id,
                "event": event,
                "position": position,
                "next_at": next_at,
            }
            for position, (trigger_id, event, next_at) in enumerate(triggers)
        ]
        if rows:
            await self._connection.execute(sa.insert(table), rows)

    async def listening(self, events: Sequence[str]) -> list[tuple[str, str]]:
        """The automation and trigger ids that listen to any of these events, in order of their ids."""
        columns = automation_triggers.c
        statement = (
            sa.select(columns.automation_id, columns.trigger_id)
            .where(columns.event.in_(events))
            .order_by(columns.automation_id, columns.position)
        )
        return [(row.automation_id, row.trigger_id) for row in await self._connection.execute(statement)]

    async def due(self, now: datetime, *, limit: int) -> list[tuple[str, str, datetime]]:
        """The triggers of time that are due: automation, trigger, and since when."""
        columns = automation_triggers.c
        statement = (
            sa.select(columns.automation_id, columns.trigger_id, columns.next_at)
            .where(columns.next_at <= now)
            .order_by(columns.next_at)
            .limit(limit)
        )
        return [(row.automation_id, row.trigger_id, row.next_at) for row in await self._connection.execute(statement)]

    async def next_due(self) -> datetime | None:
        """When the next trigger of time is due."""
        columns = automation_triggers.c
        statement = sa.select(columns.next_at).where(columns.next_at.is_not(None)).order_by(columns.next_at).limit(1)
        due: datetime | None = await self._connection.scalar(statement)
        return due

    async def reschedule(self, automation_id: str, trigger_id: str, *, was: datetime, next_at: datetime | None) -> bool:
        """Move a trigger of time on; False where another process did already."""
        columns = automation_triggers.c
        statement = sa.update(automation_triggers).where(
            columns.automation_id == automation_id, columns.trigger_id == trigger_id, columns.next_at == was
        )
        return (await self._connection.execute(statement.values(next_at=next_at))).rowcount > 0


def _conditions(group: str | None, *, enabled: bool | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if group is not None:
        conditions.append(automations.c.group_name == group)
    if enabled is not None:
        conditions.append(automations.c.enabled == enabled)
    return conditions


def _row(automation: Automation) -> dict[str, Any]:
    return {
        "id": automation.id,
        "name": automation.name,
        "description": automation.description,
        "group_name": automation.group,
        "enabled": automation.enabled,
        "number": automation.number,
        "managed_by": automation.managed_by,
        "created_at": automation.created_at,
        "updated_at": automation.updated_at,
    }


def _automation(row: sa.RowMapping) -> Automation:
    return Automation(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        group=row["group_name"],
        enabled=row["enabled"],
        number=row["number"],
        definition=row["definition"],
        managed_by=row["managed_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _version_row(version: AutomationVersion) -> dict[str, Any]:
    return {
        "automation_id": version.automation_id,
        "number": version.number,
        "definition": version.definition,
        "created_at": version.created_at,
        **actor_columns("created_by", version.created_by),
    }


def _version(row: sa.RowMapping) -> AutomationVersion:
    return AutomationVersion(
        automation_id=row["automation_id"],
        number=row["number"],
        definition=row["definition"],
        created_at=row["created_at"],
        created_by=actor_of("created_by", row),
    )
