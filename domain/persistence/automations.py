"""Automations, their versions, and the events that trigger them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.automation import Automation, AutomationVersion
from domain.model.paging import Page, PageRequest
from domain.persistence.automation_tables import (
    automation_artifacts,
    automation_dwells,
    automation_runs,
    automation_triggers,
    automation_versions,
    automation_window_events,
    automations,
)
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.prepared import Prepared, Values, among
from domain.persistence.rows import actor_columns, actor_of

_PRESENT = sa.and_(
    automation_versions.c.automation_id == automations.c.id, automation_versions.c.number == automations.c.number
)
_KEPT = automations.c.deleted_at.is_(None)
_AUTOMATION = sa.select(automations, automation_versions.c.definition).join(automation_versions, _PRESENT).where(_KEPT)
_BY_IDS = Prepared(lambda sqlite: _AUTOMATION.where(among(automations.c.id, "ids", sqlite=sqlite)))
_LISTENING = Prepared(
    lambda sqlite: (
        sa.select(automation_triggers.c.automation_id, automation_triggers.c.trigger_id)
        .where(
            among(automation_triggers.c.event, "events", sqlite=sqlite),
            automation_triggers.c.since_seq < sa.bindparam("at"),
        )
        .order_by(automation_triggers.c.automation_id, automation_triggers.c.position)
    )
)


def _concerned(*, sqlite: bool) -> sa.Select[Any]:
    triggers, dwells, artifacts = automation_triggers.c, automation_dwells.c, automation_artifacts.c
    named = partial(among, sqlite=sqlite)
    listens = sa.exists().where(named(triggers.event, "events"), triggers.since_seq < sa.bindparam("at"))
    dwelling = sa.exists().where(named(dwells.kind, "kinds"), named(dwells.entity_id, "ids"))
    made = sa.exists().where(named(artifacts.entity_id, "ids"), artifacts.closed_at.is_(None))
    return sa.select(sa.or_(listens, dwelling, made).label("concerned"))


#: Whether changes may fire a trigger, break a dwell or close an artifact; see `concerning`.
CONCERNED = Prepared(lambda sqlite: _concerned(sqlite=sqlite))
#: When the next time trigger is due; null where there is none.
NEXT_DUE = Prepared(lambda _: sa.select(sa.func.min(automation_triggers.c.next_at).label("next_at")))


def concerning(events: Sequence[str], entities: Collection[tuple[str, str]], *, at: int) -> Values:
    """Return the values for `CONCERNED` of changes with these events, of these kinds and ids, up to that position."""
    kinds, ids = sorted({kind for kind, _ in entities}), sorted({entity_id for _, entity_id in entities})
    return {"events": list(events), "at": at, "kinds": kinds, "ids": ids}


class AutomationRepository:
    """Automations by id, by name, and by the events that trigger them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, Automation]:
        """Return the automations of these ids; unknown ones are left out."""
        rows = await _BY_IDS.rows(self._connection, {"ids": list(ids)})
        return {row["id"]: _automation(row) for row in rows}

    async def named(self, name: str) -> Automation | None:
        """Return the automation of that name."""
        row = (await self._connection.execute(_AUTOMATION.where(automations.c.name == name))).mappings().first()
        return None if row is None else _automation(row)

    async def page(
        self, page: PageRequest, *, group: str | None = None, enabled: bool | None = None
    ) -> Page[Automation]:
        """Return one page of the automations, oldest first."""
        statement = _AUTOMATION.where(*_conditions(group, enabled=enabled))
        statement = paged(statement, [automations.c.id], page, descending=False)
        return page.cut([_automation(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, *, group: str | None = None, enabled: bool | None = None) -> int:
        """Return the number of automations."""
        statement = sa.select(sa.func.count()).select_from(automations)
        statement = statement.where(_KEPT, *_conditions(group, enabled=enabled))
        return int(await self._connection.scalar(statement) or 0)

    async def lock(self, ids: Sequence[str]) -> dict[str, Automation]:
        """Return the automations of these ids, locked against other writers until the commit."""
        await self.hold(ids)
        return await self.get_many(ids)

    async def hold(self, ids: Sequence[str]) -> None:
        """Lock the automations of these ids against other writers until the commit."""
        # Not the full lock: steps of runs refer to the row while the holder of the lock waits for a run.
        await lock_rows(self._connection, automations, ids, referable=True)

    async def insert(self, automation: Automation, version: AutomationVersion) -> bool:
        """Write a new automation; return False where its name is taken."""
        statement = insert_or_ignore(self._connection, automations, _row(automation))
        written = (await self._connection.execute(statement)).rowcount > 0
        if written:
            await self._connection.execute(sa.insert(automation_versions).values(**_version_row(version)))
        return written

    async def save(self, automation: Automation, version: AutomationVersion | None) -> bool:
        """Write a locked automation, with its new version if it has one; return False where its name is taken.

        Where it returns False, nothing else can be written in the same transaction.
        """
        if version is not None:
            await self._connection.execute(sa.insert(automation_versions).values(**_version_row(version)))
        statement = sa.update(automations).where(automations.c.id == automation.id).values(**_row(automation))
        try:
            await self._connection.execute(statement)
        except IntegrityError:
            return False
        return True

    async def delete(self, automation_id: str, *, at: datetime) -> None:
        """Mark a locked automation as deleted; its runs and its log remain.

        Its triggers, dwells and windows are deleted, and its name becomes free.
        """
        for table in (automation_triggers, automation_dwells, automation_window_events):
            await self._connection.execute(sa.delete(table).where(table.c.automation_id == automation_id))
        statement = sa.update(automations).where(automations.c.id == automation_id)
        # No name begins with a space, so this one is never taken.
        await self._connection.execute(statement.values(deleted_at=at, name=f" {automation_id}"))

    async def forget(self, *, limit: int) -> int:
        """Delete marked automations without runs, with their versions, and return how many."""
        has_runs = sa.exists().where(automation_runs.c.automation_id == automations.c.id)
        doomed = sa.select(automations.c.id).where(automations.c.deleted_at.is_not(None), ~has_runs).limit(limit)
        statement = sa.delete(automations).where(automations.c.id.in_(doomed.scalar_subquery()))
        return (await self._connection.execute(statement)).rowcount

    async def version(self, automation_id: str, number: int) -> AutomationVersion | None:
        """Return one version of an automation."""
        columns = automation_versions.c
        statement = sa.select(automation_versions).where(columns.automation_id == automation_id)
        row = (await self._connection.execute(statement.where(columns.number == number))).mappings().first()
        return None if row is None else _version(row)

    async def get_versions(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], AutomationVersion]:
        """Return the versions of these automations and numbers; unknown ones are left out."""
        columns = automation_versions.c
        statement = sa.select(automation_versions).where(sa.tuple_(columns.automation_id, columns.number).in_(keys))
        rows = (await self._connection.execute(statement)).mappings()
        return {(row["automation_id"], row["number"]): _version(row) for row in rows}

    async def version_pages(
        self, automation_ids: Sequence[str], page: PageRequest
    ) -> dict[str, Page[AutomationVersion]]:
        """Return the page of each of these automations' versions, newest first."""

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
        """Return the number of versions of each of these automations."""
        return await count_per_parent(self._connection, automation_versions.c.automation_id, automation_ids)

    async def set_triggers(
        self, automation_id: str, triggers: Sequence[tuple[str, str, datetime | None]], *, head: int
    ) -> None:
        """Replace an automation's triggers: the id of each, its event, and for time triggers the next due time.

        Changes after the log's head fire them; for events that it had before, also changes that are not routed yet.
        """
        table = automation_triggers
        former = sa.select(table.c.event, sa.func.min(table.c.since_seq)).where(table.c.automation_id == automation_id)
        rows = await self._connection.execute(former.group_by(table.c.event))
        since = {event: seq for event, seq in rows}
        await self._connection.execute(sa.delete(table).where(table.c.automation_id == automation_id))
        values = [
            {
                "automation_id": automation_id,
                "trigger_id": trigger_id,
                "event": event,
                "position": position,
                "next_at": next_at,
                "since_seq": since.get(event, head),
            }
            for position, (trigger_id, event, next_at) in enumerate(triggers)
        ]
        if values:
            await self._connection.execute(sa.insert(table), values)

    async def listening(self, events: Sequence[str], *, at: int) -> list[tuple[str, str]]:
        """Return the ids of automations and triggers for any of these events at that position, in the order of ids."""
        rows = await _LISTENING.rows(self._connection, {"events": list(events), "at": at})
        return [(row["automation_id"], row["trigger_id"]) for row in rows]

    async def due(self, now: datetime, *, limit: int) -> list[tuple[str, str, datetime]]:
        """Return the time triggers that are due: automation, trigger, and due time."""
        columns = automation_triggers.c
        statement = (
            sa.select(columns.automation_id, columns.trigger_id, columns.next_at)
            .where(columns.next_at <= now)
            .order_by(columns.next_at)
            .limit(limit)
        )
        return [(row.automation_id, row.trigger_id, row.next_at) for row in await self._connection.execute(statement)]

    async def next_due(self) -> datetime | None:
        """Return when the next time trigger is due."""
        due: datetime | None = await NEXT_DUE.value(self._connection, {})
        return due

    async def reschedule(self, automation_id: str, trigger_id: str, *, was: datetime, next_at: datetime | None) -> bool:
        """Set a time trigger's next due time; return False where another process already did."""
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


def _automation(row: Mapping[Any, Any]) -> Automation:
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
