"""Reads of the past from the log: the changes in a period, and the state at its start."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.change import Change, Transition
from domain.persistence.changes import LOG_FLOOR, change_of
from domain.persistence.conditions import IS_OPEN
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.tables import counters, incidents, server_state
from domain.persistence.transitions import transition_of, transition_row


class PastRepository:
    """Reads of a period of the past, all of them bounded."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def is_whole(self, since: datetime) -> bool:
        """Return whether every change since that moment is still kept."""
        pruned = sa.exists().where(server_state.c.name == LOG_FLOOR, server_state.c.value != "0")
        # The time of the last pruned change is unknown, but it was before all others.
        earlier = sa.exists().where(changes.c.occurred_at <= since)
        return bool(await self._connection.scalar(sa.select(sa.or_(~pruned, earlier))))

    async def changes(
        self, kinds: Sequence[str], *, since: datetime, after_seq: int, before: datetime, limit: int
    ) -> list[Change]:
        """Return the next changes of these kinds in a period, by time; at its first moment those after a position."""
        moment = changes.c.occurred_at
        statement = (
            sa.select(changes)
            .where(changes.c.kind.in_(kinds), moment >= since, moment < before)
            .where(sa.or_(moment > since, changes.c.seq > after_seq))
            .order_by(moment, changes.c.seq)
            .limit(limit)
        )
        return [change_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def first_changes(
        self, kind: str, *, since: datetime, after: str, limit: int, unless_was: str | None = None
    ) -> list[Change]:
        """Return the first change since a moment of each entity after an id, in the order of ids.

        Its state before the change is the entity's state at that moment. Entities with the status `unless_was` at that
        moment are left out.
        """
        of_kind = sa.and_(changes.c.kind == kind, changes.c.occurred_at >= since, changes.c.entity_id > after)
        # Grouped once: with a check for an earlier change per row, PostgreSQL without statistics takes long.
        firsts = (
            sa.select(changes.c.entity_id, sa.func.min(changes.c.version).label("version"))
            .where(of_kind)
            .group_by(changes.c.entity_id)
            .subquery()
        )
        is_first = sa.and_(changes.c.entity_id == firsts.c.entity_id, changes.c.version == firsts.c.version)
        statement = (
            sa.select(changes)
            .join(firsts, is_first)
            .where(changes.c.kind == kind)
            .order_by(changes.c.entity_id)
            .limit(limit)
        )
        if unless_was is not None:
            status = changes.c.prev["status"].as_string()
            statement = statement.where(changes.c.prev.is_not(None), status != unless_was)
        return [change_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def still_open(self, kind: str, *, since: datetime, after: str, limit: int) -> list[str]:
        """Return the ids after an id of open incidents without a change since a moment; `kind` is that of incidents."""
        changed = sa.and_(changes.c.kind == kind, changes.c.entity_id == incidents.c.id, changes.c.occurred_at >= since)
        statement = (
            sa.select(incidents.c.id)
            .where(IS_OPEN, incidents.c.created_at < since, incidents.c.id > after, ~sa.exists().where(changed))
            .order_by(incidents.c.id)
            .limit(limit)
        )
        return list(await self._connection.scalars(statement))

    async def transitions(self, kind: str, *, since: datetime, before: datetime, limit: int) -> list[Transition]:
        """Return the last transitions of a kind in a period, oldest first."""
        steps = entity_transitions.c
        statement = (
            sa.select(entity_transitions)
            .where(steps.kind == kind, steps.occurred_at >= since, steps.occurred_at < before)
            .order_by(steps.id.desc())
            .limit(limit)
        )
        return [transition_of(row) for row in (await self._connection.execute(statement)).mappings()][::-1]

    async def last_transitions(self, kind: str, *, before: datetime, limit: int) -> list[Transition]:
        """Return for each entity and value of a kind the last transition to it before a moment, oldest first."""
        steps = entity_transitions.c
        newest = (
            sa.select(sa.func.max(steps.id))
            .where(steps.kind == kind, steps.occurred_at < before)
            .group_by(steps.entity_id, steps.field, steps.to_value)
            .limit(limit)
        )
        statement = sa.select(entity_transitions).where(steps.id.in_(newest)).order_by(steps.id)
        return [transition_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def last_number(self) -> int:
        """Return the last number given to an incident."""
        statement = sa.select(counters.c.value).where(counters.c.name == "incident")
        return int(await self._connection.scalar(statement) or 0)

    async def copy_transitions(self, transitions: Sequence[Transition]) -> None:
        """Write transitions that were read elsewhere, without their changes."""
        if transitions:
            await self._connection.execute(
                sa.insert(entity_transitions), [transition_row(step) for step in transitions]
            )
