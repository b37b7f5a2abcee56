"""The states of alerts that integrations sent, each a row that two deliveries of it wait for each other at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import Status
from domain.model.integration import AlertState
from domain.persistence.dialects import insert_once, is_sqlite, literal, upsert_of
from domain.persistence.integration_tables import integration_alerts as alerts
from domain.persistence.prepared import Prepared, among, each_of
from domain.persistence.tables import incidents

_COLUMNS = [column.name for column in alerts.c]
_OF = alerts.c.integration_id == sa.bindparam("integration")
_IS_OPEN = incidents.c.status != literal(Status.RESOLVED.value)


def _wanted(*, sqlite: bool) -> sa.ColumnElement[bool]:
    return sa.and_(_OF, among(alerts.c.key, "keys", sqlite=sqlite))


def _states(*, sqlite: bool) -> Any:
    joined = alerts.outerjoin(incidents, incidents.c.id == alerts.c.incident_id)
    shown = (
        *(alerts.c[name] for name in _COLUMNS if name != "integration_id"),
        sa.func.coalesce(_IS_OPEN, sa.false()).label("is_open"),
        incidents.c.resolved_at,
    )
    return sa.select(*shown).select_from(joined).where(_wanted(sqlite=sqlite))


def _first(*, sqlite: bool) -> Any:
    """Return the statement that writes the rows of alerts that have none, and waits for rivals that do so."""
    key = each_of("keys", sqlite=sqlite)
    given = (
        sa.bindparam("integration", type_=sa.String),
        key,
        sa.literal_column("false", sa.Boolean),
        sa.bindparam("now", type_=alerts.c.updated_at.type),
    )
    rows: Any = sa.select(*given).where(sa.true()).order_by(key)
    return insert_once(alerts, sqlite=sqlite, rows=rows, names=["integration_id", "key", "is_firing", "updated_at"])


def _open_in_group() -> Any:
    joined = alerts.join(incidents, incidents.c.id == alerts.c.incident_id)
    since = incidents.c.created_at >= sa.bindparam("since", type_=incidents.c.created_at.type)
    return (
        sa.select(incidents.c.id)
        .select_from(joined)
        .where(_OF, alerts.c.group_key == sa.bindparam("group"), _IS_OPEN, since)
        .order_by(incidents.c.id.desc())
        .limit(sa.literal_column("1"))
    )


_READ = Prepared(lambda sqlite: _states(sqlite=sqlite))
_LOCK = Prepared(
    lambda sqlite: (
        sa.select(alerts.c.key).where(_wanted(sqlite=sqlite)).order_by(alerts.c.key).with_for_update(key_share=True)
    )
)
_FIRST = Prepared(lambda sqlite: _first(sqlite=sqlite))
_SAVE = Prepared(lambda sqlite: upsert_of(alerts, ["integration_id", "key"], _COLUMNS, sqlite=sqlite), _COLUMNS)
_OPEN_IN_GROUP = Prepared(lambda _: _open_in_group())
_OTHERS = Prepared(
    lambda _: (
        sa.select(sa.func.count())
        .select_from(alerts)
        .where(
            alerts.c.incident_id == sa.bindparam("incident"),
            alerts.c.is_firing,
            sa.or_(alerts.c.integration_id != sa.bindparam("integration"), alerts.c.key != sa.bindparam("own")),
        )
    )
)


class IntegrationAlertRepository:
    """Alerts by their integration and key."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self, integration_id: str, keys: Sequence[str], *, now: datetime) -> dict[str, AlertState]:
        """Return the states of these alerts, each locked against other deliveries until the commit."""
        values = {"integration": integration_id, "keys": sorted(set(keys))}
        if not is_sqlite(self._connection):
            # First the locks: what is read in a statement that has waited for one may be older than what it waited for.
            held = await _LOCK.rows(self._connection, values)
            if len(held) < len(values["keys"]):
                await _FIRST.rows(self._connection, {**values, "now": now})
                await _LOCK.rows(self._connection, values)
        rows = await _READ.rows(self._connection, values)
        return {row["key"]: AlertState(**{**row, "is_open": bool(row["is_open"])}) for row in rows}

    async def save(self, integration_id: str, state: AlertState, *, now: datetime) -> None:
        """Write the state of a held alert."""
        values = {name: getattr(state, name) for name in _COLUMNS if name not in {"integration_id", "updated_at"}}
        await _SAVE.run(self._connection, {**values, "integration_id": integration_id, "updated_at": now})

    async def open_in_group(self, integration_id: str, group_key: str, *, since: datetime) -> str | None:
        """Return the newest open incident of a group's alerts that was created since a moment."""
        values = {"integration": integration_id, "group": group_key, "since": since}
        found: str | None = await _OPEN_IN_GROUP.value(self._connection, values)
        return found

    async def others_firing(self, integration_id: str, key: str, incident_id: str) -> int:
        """Return how many other alerts of an incident fire."""
        values = {"integration": integration_id, "own": key, "incident": incident_id}
        return int(await _OTHERS.value(self._connection, values) or 0)

    async def drop_unknown(self, integration_id: str, keys: Sequence[str]) -> None:
        """Delete the rows of these alerts that never fired and never ended: they were made for their lock alone."""
        unknown = sa.and_(alerts.c.fired_at.is_(None), alerts.c.ended_at.is_(None))
        named = sa.and_(alerts.c.integration_id == integration_id, alerts.c.key.in_(keys))
        await self._connection.execute(sa.delete(alerts).where(named, unknown))

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` alerts that have not fired since a moment, and return how many."""
        old = sa.select(alerts.c.integration_id, alerts.c.key).where(alerts.c.updated_at < before, ~alerts.c.is_firing)
        primary = sa.tuple_(alerts.c.integration_id, alerts.c.key)
        result = await self._connection.execute(sa.delete(alerts).where(primary.in_(old.limit(limit))))
        return result.rowcount
