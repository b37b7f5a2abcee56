"""The health that reports and incidents set for systems, and when: written with the changes that lead to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.health import HealthStep
from domain.model.health_effects import Effect, OverrideEffect, ReportEffect
from domain.model.health_history import FAR, HealthSpan, StatusStep, worst_of
from domain.model.incident import Health, HealthOverride, Status
from domain.persistence.conditions import IS_OPEN
from domain.persistence.dialects import upsert_of
from domain.persistence.health_tables import derived_health, health_spans
from domain.persistence.prepared import Prepared, among
from domain.persistence.tables import incident_updates, incidents, system_health, systems

_SPANS = health_spans.c
_BY_INCIDENTS = health_spans.join(incidents, incidents.c.id == _SPANS.incident_id)
_NAMES = ("system_id", "incident_id", "status", "set_at", "unset_at", "began_at", "ended_at")
_OF_INCIDENT = _SPANS.incident_id == sa.bindparam("incident")
_IS_SET = sa.and_(_OF_INCIDENT, _SPANS.unset_at.is_(None))


def _updating(chosen: sa.ColumnElement[bool], *names: str) -> sa.Update:
    values: dict[str, Any] = {name: sa.bindparam(f"to_{name}") for name in names}
    return sa.update(health_spans).where(chosen).values(**values)


def _ending(*, sqlite: bool) -> sa.Update:
    return _updating(sa.and_(_IS_SET, among(_SPANS.system_id, "systems", sqlite=sqlite)), "unset_at", "ended_at")


_INSERT = Prepared(lambda _: sa.insert(health_spans).inline(), _NAMES)
_END = Prepared(lambda sqlite: _ending(sqlite=sqlite))
_LIFT = Prepared(lambda _: _updating(_IS_SET, "ended_at"))
_MOVE = Prepared(lambda _: _updating(sa.and_(_OF_INCIDENT, _SPANS.set_at.is_(None)), "began_at"))
_PRESENT = Prepared(lambda sqlite: _present(sqlite=sqlite))
_SETTLED = ("system_id", "status")
_SETTLE = Prepared(lambda sqlite: upsert_of(derived_health, ("system_id",), _SETTLED, sqlite=sqlite).inline(), _SETTLED)


class HealthSpanRepository:
    """The spans of systems' health, and what they came to last."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def write(self, effects: Sequence[Effect]) -> None:
        """Write the effects of changes in their order."""
        gone = {each.incident_id for each in effects if isinstance(each, OverrideEffect) and each.is_gone}
        for effect in effects:
            if isinstance(effect, ReportEffect):
                await self._write_report(effect)
            elif effect.incident_id not in gone:
                await self._write_override(effect)

    async def present(self, system_ids: Sequence[str]) -> list[HealthStep]:
        """Return the step of each of these systems from what was settled last to what is the case now."""
        return [_step(row) for row in await _PRESENT.rows(self._connection, {"ids": list(system_ids)})]

    async def settle(self, system_ids: Sequence[str]) -> list[HealthStep]:
        """Return the step of each of these systems since its health was last settled; deleted ones are left out.

        The log has to be locked, so that no other writer settles them meanwhile.
        """
        steps = await self.present(system_ids)
        changed = [
            {"system_id": step.system_id, "status": step.status} for step in steps if step.status is not step.previous
        ]
        if changed:
            await _SETTLE.run_many(self._connection, changed)
        return steps

    async def insert_many(self, spans: Sequence[HealthSpan]) -> None:
        """Write spans of a history that is being loaded."""
        await _INSERT.insert(self._connection, [_row(span) for span in spans])

    async def between(
        self, system_ids: Sequence[str], *, since: datetime, until: datetime, limit: int
    ) -> list[HealthSpan]:
        """Return the spans of these systems that may reach into a period, up to a limit."""
        columns = (*health_spans.c, incidents.c.occurred_at)
        joined = health_spans.outerjoin(incidents, incidents.c.id == _SPANS.incident_id)
        statement = sa.select(*columns).select_from(joined).where(_within(system_ids, since, until)).limit(limit)
        return [span_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def timelines(
        self, system_ids: Sequence[str], *, since: datetime, until: datetime
    ) -> dict[str, list[StatusStep]]:
        """Return the steps of status of the incidents with such spans, in the order of their timelines."""
        columns = incident_updates.c
        chosen = sa.select(_SPANS.incident_id).where(_within(system_ids, since, until), _SPANS.incident_id.is_not(None))
        statement = (
            sa.select(columns.incident_id, columns.created_at, columns.status_change)
            .where(columns.incident_id.in_(chosen), columns.status_change.is_not(None))
            .order_by(columns.created_at, columns.is_opening.desc(), columns.id)
        )
        found: dict[str, list[StatusStep]] = {}
        for incident_id, at, status in await self._connection.execute(statement):
            found.setdefault(incident_id, []).append(StatusStep(at, Status(status)))
        return found

    async def first(self, system_ids: Sequence[str]) -> dict[str, datetime]:
        """Return from when on something is known of each of these systems: it was added, or a span began before."""
        earliest = sa.select(sa.func.min(_SPANS.began_at)).where(_SPANS.system_id == systems.c.id).scalar_subquery()
        statement = sa.select(systems.c.id, systems.c.created_at, earliest).where(systems.c.id.in_(system_ids))
        rows = await self._connection.execute(statement)
        return {identifier: min(added, began or added) for identifier, added, began in rows}

    async def _write_report(self, effect: ReportEffect) -> None:
        if not effect.is_other:
            return
        if not effect.is_first:
            present = sa.and_(
                _SPANS.system_id == effect.system_id, _SPANS.incident_id.is_(None), _SPANS.ended_at == FAR
            )
            ended = sa.update(health_spans).where(present).values(ended_at=effect.observed_at, unset_at=effect.at)
            await self._connection.execute(ended)
        if effect.status is not Health.HEALTHY:
            began = HealthSpan(
                system_id=effect.system_id,
                status=effect.status,
                incident_id=None,
                set_at=effect.at,
                began_at=effect.observed_at,
                ended_at=FAR,
            )
            await self.insert_many([began])

    async def _write_override(self, effect: OverrideEffect) -> None:
        connection, incident = self._connection, {"incident": effect.incident_id}
        if effect.ends:
            ended = {"systems": list(effect.ends), "to_unset_at": effect.at, "to_ended_at": effect.at}
            await _END.run(connection, {**incident, **ended})
        if effect.is_lifted:
            await _LIFT.run(connection, {**incident, "to_ended_at": effect.resolved_at or FAR})
        if effect.is_moved:
            await _MOVE.run(connection, {**incident, "to_began_at": effect.occurred_at})
        begun = [
            HealthSpan(
                system_id=system_id,
                status=Health(override),
                incident_id=effect.incident_id,
                set_at=None if effect.is_new else effect.at,
                began_at=effect.occurred_at if effect.is_new else effect.at,
                ended_at=effect.resolved_at or FAR,
            )
            for system_id, override in effect.begins
        ]
        await self.insert_many(begun)


def _present(*, sqlite: bool) -> sa.Select[Any]:
    """Return the query for what is reported of these systems, what open incidents set, and what was settled last."""
    # In the order of the alphabet as well, the last one is the worst.
    worst = (
        sa.select(sa.func.max(_SPANS.status))
        .select_from(_BY_INCIDENTS)
        # The incident's row as well: a process of an older version keeps no spans.
        .where(_SPANS.system_id == systems.c.id, _SPANS.ended_at == FAR, IS_OPEN)
        .scalar_subquery()
    )
    joined = systems.outerjoin(system_health, system_health.c.system_id == systems.c.id).outerjoin(
        derived_health, derived_health.c.system_id == systems.c.id
    )
    columns = (systems.c.id, system_health.c.status.label("reported"), derived_health.c.status.label("previous"))
    statement = sa.select(*columns, worst.label("worst")).select_from(joined)
    return statement.where(among(systems.c.id, "ids", sqlite=sqlite)).order_by(systems.c.id)


def _step(row: Mapping[Any, Any]) -> HealthStep:
    reported = Health(row["reported"] or Health.HEALTHY)
    override = HealthOverride(row["worst"]) if row["worst"] else None
    return HealthStep(
        system_id=row["id"],
        previous=Health(row["previous"] or Health.HEALTHY),
        status=worst_of(reported, override),
        reported=reported,
        override=override,
    )


def _within(system_ids: Sequence[str], since: datetime, until: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(_SPANS.system_id.in_(system_ids), _SPANS.ended_at > since, _SPANS.began_at < until)


def _row(span: HealthSpan) -> dict[str, Any]:
    return {name: getattr(span, name) for name in _NAMES}


def span_of(row: sa.RowMapping) -> HealthSpan:
    """Return the span that a row stands for."""
    names = ("system_id", "incident_id", "set_at", "unset_at", "began_at", "ended_at", "occurred_at")
    return HealthSpan(status=Health(row["status"]), **{name: row[name] for name in names})
