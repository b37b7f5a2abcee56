"""The history of reactive fields: their transitions from one value to the next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.change import Transition
from domain.model.moment import iso
from domain.model.paging import Page, PageRequest
from domain.persistence.keyset import paged, per_parent
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.tables import incidents


class TransitionRepository:
    """Transitions by entity, field and value; they are written together with their change."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def since(self, kind: str, entity_id: str, field: str, to_value: str) -> datetime | None:
        """Return when a field last took that value."""
        statement = (
            sa.select(entity_transitions.c.occurred_at)
            .where(*_of_field(kind, entity_id, field), entity_transitions.c.to_value == to_value)
            .order_by(entity_transitions.c.occurred_at.desc(), entity_transitions.c.id.desc())
            .limit(1)
        )
        return await self._connection.scalar(statement)

    async def latest(
        self, kind: str, values: Sequence[tuple[str, str, str]], *, until: datetime | None = None
    ) -> dict[tuple[str, str, str], datetime]:
        """Return when each (entity, field, value) last came about, by a moment; those that never did are left out."""
        if not values:
            return {}
        steps = entity_transitions.c
        key = (steps.entity_id, steps.field, steps.to_value)
        statement = (
            sa.select(*key, sa.func.max(steps.occurred_at))
            .where(steps.kind == kind, sa.tuple_(*key).in_(values), _by(until))
            .group_by(*key)
        )
        rows = await self._connection.execute(statement)
        return {(entity_id, field, value): occurred_at for entity_id, field, value, occurred_at in rows}

    async def count(self, kind: str, entity_id: str, field: str, since: datetime) -> int:
        """Return how many times a field changed at or after a moment."""
        statement = (
            sa.select(sa.func.count())
            .select_from(entity_transitions)
            .where(*_of_field(kind, entity_id, field), entity_transitions.c.occurred_at >= since)
        )
        return int(await self._connection.scalar(statement) or 0)

    async def counts(self, kind: str, ids: Sequence[str], field: str, since: datetime) -> dict[str, int]:
        """Return how many times a field of each of these entities changed at or after a moment."""
        steps = entity_transitions.c
        statement = (
            sa.select(steps.entity_id, sa.func.count())
            .where(steps.kind == kind, steps.entity_id.in_(ids), steps.field == field, steps.occurred_at >= since)
            .group_by(steps.entity_id)
        )
        return {identifier: count for identifier, count in await self._connection.execute(statement)}

    async def values_between(
        self, kind: str, entity_id: str, field: str, *, after: datetime, before: datetime
    ) -> list[str]:
        """Return the values that a field took after a moment and before another, as texts, oldest first.

        For values that are reported later than observed, such as health, the time of observation decides on the end.
        """
        steps, observed_at = entity_transitions.c, changes.c.after["observed_at"].as_string()
        statement = (
            sa.select(steps.to_value)
            # Changes may be pruned earlier than their transitions.
            .outerjoin_from(entity_transitions, changes, changes.c.id == steps.change_id)
            .where(
                *_of_field(kind, entity_id, field),
                steps.occurred_at > after,
                sa.or_(steps.occurred_at < before, observed_at < iso(before)),
            )
        )
        return list(await self._connection.scalars(statement.order_by(steps.id)))

    async def get_many(self, numbers: Sequence[int]) -> list[Transition]:
        """Return the transitions of these numbers."""
        statement = sa.select(entity_transitions).where(entity_transitions.c.id.in_(numbers))
        return [transition_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def of_changes(self, change_ids: Sequence[str]) -> list[Transition]:
        """Return the transitions that belong to these changes of incidents, as far as the log is kept."""
        steps = entity_transitions.c
        # Joined through the change, because the index of transitions begins with the entity.
        together = sa.and_(
            steps.kind == changes.c.kind, steps.entity_id == changes.c.entity_id, steps.change_id == changes.c.id
        )
        statement = sa.select(entity_transitions).select_from(sa.join(changes, entity_transitions, together))
        statement = statement.where(changes.c.id.in_(change_ids), changes.c.kind == "incident")
        return [transition_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def histories(
        self, incident_ids: Sequence[str], page: PageRequest, *, until: datetime | None = None
    ) -> dict[str, Page[Transition]]:
        """Return the page of each of these incidents' transitions, up to a moment, oldest first, in one statement."""

        def steps(incident_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.kind == "incident", alias.c.entity_id == incident_id)
            if until is not None:
                statement = statement.where(alias.c.occurred_at <= until)
            return paged(statement, (alias.c.id,), page, descending=False)

        found = await per_parent(
            self._connection,
            parents=(incidents, incident_ids),
            child=entity_transitions,
            children_of=steps,
            page=page,
            form="histories" if until is None else None,
        )
        lists: dict[str, list[Transition]] = {identifier: [] for identifier in incident_ids}
        for parent, row in found:
            lists[parent].append(transition_of(row))
        for entries in lists.values():
            entries.sort(key=lambda step: step.id, reverse=page.backward)
        return {parent: page.cut(entries) for parent, entries in lists.items()}

    async def history_counts(self, incident_ids: Sequence[str], *, until: datetime | None = None) -> dict[str, int]:
        """Return the number of transitions of each of these incidents, up to a moment."""
        steps = entity_transitions.c
        # Of one that was deleted since no history is shown.
        there = sa.select(incidents.c.id).where(incidents.c.id.in_(incident_ids))
        statement = (
            sa.select(steps.entity_id, sa.func.count())
            .where(steps.kind == "incident", steps.entity_id.in_(there), _by(until))
            .group_by(steps.entity_id)
        )
        counted = {identifier: count for identifier, count in await self._connection.execute(statement)}
        return {identifier: counted.get(identifier, 0) for identifier in incident_ids}


def transition_row(step: Transition) -> dict[str, Any]:
    """Return the row that records a transition."""
    return {
        "change_id": step.change_id,
        "kind": step.kind,
        "entity_id": step.entity_id,
        "field": step.field,
        "from_value": step.from_value,
        "to_value": step.to_value,
        "occurred_at": step.occurred_at,
    }


def transition_of(row: sa.RowMapping) -> Transition:
    """Return the transition that a row records."""
    return Transition(
        id=row["id"],
        change_id=row["change_id"],
        kind=row["kind"],
        entity_id=row["entity_id"],
        field=row["field"],
        from_value=row["from_value"],
        to_value=row["to_value"],
        occurred_at=row["occurred_at"],
    )


def _by(until: datetime | None) -> sa.ColumnElement[bool]:
    return sa.true() if until is None else entity_transitions.c.occurred_at <= until


def _of_field(kind: str, entity_id: str, field: str) -> tuple[sa.ColumnElement[bool], ...]:
    steps = entity_transitions.c
    return steps.kind == kind, steps.entity_id == entity_id, steps.field == field
