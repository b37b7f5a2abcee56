"""Incidents and the systems they affect."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.copies import changed
from domain.model.filters import Filter, is_of_open
from domain.model.incident import OPENING, HealthOverride, Incident, Status
from domain.model.paging import Order, Page, PageRequest
from domain.model.positions import sort_incidents
from domain.model.system import OVERRIDES_SHOWN, ActiveHealthOverride
from domain.model.viewer import Audience
from domain.persistence.assignees import (
    INSERT_ASSIGNEES,
    assignee_rows,
    assignees_of,
    assignees_text,
    save_assignees,
)
from domain.persistence.conditions import IS_OPEN, incident_condition
from domain.persistence.dialects import lock_rows
from domain.persistence.forms import form_of
from domain.persistence.keyset import paged_by, per_parent
from domain.persistence.labels import INSERT_LABELS, label_rows, labels_of, labels_text, save_labels
from domain.persistence.orders import form_of_order, order_keys
from domain.persistence.prepared import Bound, Prepared, among
from domain.persistence.rows import actor_columns, actor_of, actor_or_none
from domain.persistence.tables import counters, incident_systems, incident_updates, incidents, systems

_TIMES = (
    *("occurred_at", "created_at", "updated_at"),
    *("identified_at", "fixing_at", "monitoring_at", "resolved_at", "acknowledged_at", "snoozed_until"),
)
_BY_ID = Order(field="id")
_MEMBERS = incident_systems.join(incidents, incidents.c.id == incident_systems.c.incident_id)
#: The memberships of open incidents, of several systems: of an inner join, SQLite walks all memberships of each system,
#: those of incidents long resolved among them.
OPEN_FIRST = incidents.outerjoin(incident_systems, incident_systems.c.incident_id == incidents.c.id)
_PLAIN = ("id", "number", "title", "description", "severity", "suppress_notifications", "dedupe_key", "version")
#: The fields that are one column each, and those that are the columns of an actor.
_SINGLE = (*_PLAIN, *_TIMES, "status", "health_override")
_single_of = attrgetter(*_SINGLE)
_ACTORS = ("opened_by", "lead", "acknowledged_by")


def _chosen(*columns: Any, sqlite: bool) -> sa.Select[Any]:
    """Return the query of these columns, and of what stands in tables of its own, of some incidents."""
    join = sa.func.group_concat if sqlite else sa.func.string_agg
    members = sa.select(join(incident_systems.c.system_id, sa.literal_column("','")))
    members = members.where(incident_systems.c.incident_id == incidents.c.id)
    labels = labels_text(incidents.c.id, sqlite=sqlite)
    assignees = assignees_text(incidents.c.id, sqlite=sqlite).label("assignees")
    found = sa.select(*columns, members.scalar_subquery().label("members"), labels.label("labels"), assignees)
    return found.where(among(incidents.c.id, "ids", sqlite=sqlite))


_WHOLE = Prepared(lambda sqlite: _chosen(*incidents.c, sqlite=sqlite))
#: The rest of incidents whose rows are read already.
_REST = Prepared(lambda sqlite: _chosen(incidents.c.id, sqlite=sqlite))
_COUNT_ON = Prepared(
    lambda _: (
        sa.update(counters)
        .where(counters.c.name == "incident")
        .values(value=counters.c.value + sa.bindparam("more"))
        .returning(counters.c.value)
    )
)
_INSERT = Prepared(lambda _: sa.insert(incidents).inline(), [column.name for column in incidents.c])
_INSERT_MEMBERS = Prepared(lambda _: sa.insert(incident_systems).inline(), ["incident_id", "system_id"])


def _stamping() -> sa.Update:
    seen = sa.and_(incidents.c.id == sa.bindparam("stamped_id"), incidents.c.version == sa.bindparam("former"))
    return sa.update(incidents).where(seen).values(version=sa.bindparam("next"), updated_at=sa.bindparam("now"))


@lru_cache(maxsize=100)
def _saving(names: tuple[str, ...]) -> Prepared:
    """Return the statement that stamps an incident and saves these columns; few sets of them ever change at once."""
    values: dict[str, Any] = {name: sa.bindparam(f"to_{name}") for name in names}
    return Prepared(lambda _: _stamping().values(**values).returning(incidents.c.id))


def _prefixed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"to_{name}": value for name, value in values.items()}


class IncidentRepository:
    """Incidents, each with the ids of all its systems."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        #: The versions that this unit of work has written already.
        self._stamped: dict[str, int] = {}

    async def lock(self, ids: Sequence[str]) -> None:
        """Lock these incidents against other writers until the commit, in the order of ids."""
        await lock_rows(self._connection, incidents, ids)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Incident]:
        """Return the incidents of these ids; those that do not exist are left out."""
        if not ids:
            return {}
        rows = await _WHOLE.rows(self._connection, {"ids": list(ids)})
        return {row["id"]: _incident(row, row) for row in rows}

    async def ids_by_number(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of the incidents with these numbers."""
        statement = sa.select(incidents.c.number, incidents.c.id).where(incidents.c.number.in_(numbers))
        return {number: identifier for number, identifier in await self._connection.execute(statement)}

    async def existing_ids(self, ids: Sequence[str]) -> list[str]:
        """Return those of the ids that exist, once each, in the order given; open or not."""
        if not ids:
            return []
        found = set(await self._connection.scalars(sa.select(incidents.c.id).where(incidents.c.id.in_(set(ids)))))
        return [identifier for identifier in dict.fromkeys(ids) if identifier in found]

    async def page(self, tree: Filter, order: Order, page: PageRequest, audience: Audience) -> Page[Incident]:
        """Return one page of the incidents that match."""
        statement = sa.select(incidents).where(incident_condition(self._connection.dialect, tree, audience))
        statement = paged_by(statement, order_keys(incidents, order, tree), page)
        rows = (await self._connection.execute(statement)).mappings().all()
        return page.cut(await self._whole(rows))

    async def count(self, tree: Filter, audience: Audience) -> int:
        """Return the number of incidents that match."""
        condition = incident_condition(self._connection.dialect, tree, audience)
        return await self._count(sa.select(sa.func.count()).select_from(incidents).where(condition))

    async def pages_of_systems(
        self, system_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[Incident]]:
        """Return the page of each of these systems' incidents that match, in two statements."""
        dialect, tree, order = self._connection.dialect, page.tree, page.order

        def listed(system_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            member = incident_systems.alias("member")
            joined = member.join(alias, alias.c.id == member.c.incident_id)
            statement = sa.select(alias.c.id).select_from(joined).where(member.c.system_id == system_id)
            statement = statement.where(incident_condition(dialect, tree, audience, alias))
            # Ids are time-ordered: the order of the membership's index is the order of creation.
            keys = [(member.c.incident_id, True)] if order is None else order_keys(alias, order, tree)
            return paged_by(statement, keys, page)

        form, values = form_of(tree, dialect)
        found = await per_parent(
            self._connection,
            parents=(systems, system_ids),
            child=incidents,
            children_of=listed,
            page=page,
            form=None if values else ("incidents", form, order and form_of_order(order, tree)),
        )
        unique = {row["id"]: row for _, row in found}
        by_id = {incident.id: incident for incident in await self._whole(list(unique.values()))}
        lists: dict[str, list[Incident]] = {identifier: [] for identifier in system_ids}
        for parent, row in found:
            lists[parent].append(by_id[row["id"]])
        for rows in lists.values():
            sort_incidents(rows, order or _BY_ID, backward=page.backward)
        return {parent: page.cut(rows) for parent, rows in lists.items()}

    async def count_per_system(self, system_ids: Sequence[str], tree: Filter, audience: Audience) -> dict[str, int]:
        """Return the number of incidents of each of these systems that match."""
        statement = (
            sa.select(incident_systems.c.system_id, sa.func.count())
            .select_from(OPEN_FIRST if is_of_open(tree) and len(system_ids) > 1 else _MEMBERS)
            .where(
                incident_systems.c.system_id.in_(system_ids),
                incident_condition(self._connection.dialect, tree, audience),
            )
            .group_by(incident_systems.c.system_id)
        )
        counted = {system: count for system, count in await self._connection.execute(statement)}
        return {system: counted.get(system, 0) for system in system_ids}

    async def oldest_open_on(self, system_id: str, *, dedupe_key: str | None) -> Incident | None:
        """Return the oldest open incident on a system, with that key if one is given."""
        member = sa.exists().where(
            incident_systems.c.incident_id == incidents.c.id, incident_systems.c.system_id == system_id
        )
        statement = sa.select(incidents).where(IS_OPEN, member).order_by(incidents.c.created_at, incidents.c.id)
        if dedupe_key is not None:
            statement = statement.where(incidents.c.dedupe_key == dedupe_key)
        rows = (await self._connection.execute(statement.limit(1))).mappings().all()
        return next(iter(await self._whole(rows)), None)

    async def ids_of_system(self, system_id: str) -> list[str]:
        """Return the ids of all incidents on a system, open or not, sorted."""
        statement = sa.select(incident_systems.c.incident_id).where(incident_systems.c.system_id == system_id)
        return sorted(await self._connection.scalars(statement))

    async def without_entry(self, *, after: str, limit: int) -> list[str]:
        """Return the ids after an id of incidents whose timeline does not lead to their status."""
        columns = incident_updates.c
        named = sa.func.coalesce(columns.status_change, columns.comment_status)
        last = (
            sa.select(named)
            .where(columns.incident_id == incidents.c.id, named.is_not(None))
            .order_by(columns.created_at.desc(), columns.is_opening, columns.id.desc())
            .limit(1)
        )
        differs = incidents.c.status != sa.func.coalesce(last.scalar_subquery(), OPENING.value)
        statement = sa.select(incidents.c.id).where(incidents.c.id > after, differs)
        return list(await self._connection.scalars(statement.order_by(incidents.c.id).limit(limit)))

    async def active_overrides(self, system_ids: Sequence[str]) -> dict[str, list[ActiveHealthOverride]]:
        """Return the health overrides of open incidents for these systems, up to 100 each; others are left out."""
        if not system_ids:
            return {}
        # The worst first, so that the limit never makes a system look better than it is.
        rank = sa.func.row_number().over(
            partition_by=incident_systems.c.system_id, order_by=(incidents.c.health_override.desc(), incidents.c.id)
        )
        said = (
            sa.select(
                incident_systems.c.system_id,
                incidents.c.health_override,
                incidents.c.id,
                incidents.c.title,
                rank.label("rank"),
            )
            .select_from(OPEN_FIRST if len(system_ids) > 1 else _MEMBERS)
            .where(IS_OPEN, incidents.c.health_override.is_not(None), incident_systems.c.system_id.in_(system_ids))
            .subquery()
        )
        columns = (said.c.system_id, said.c.health_override, said.c.id, said.c.title)
        statement = sa.select(*columns).where(said.c.rank <= OVERRIDES_SHOWN).order_by(said.c.system_id, said.c.id)
        overrides: dict[str, list[ActiveHealthOverride]] = {}
        for system_id, status, identifier, title in await self._connection.execute(statement):
            overrides.setdefault(system_id, []).append(
                ActiveHealthOverride(
                    system_id=system_id,
                    status=HealthOverride(status),
                    incident_id=identifier,
                    incident_title=title,
                )
            )
        return overrides

    async def is_suppressed(self, system_id: str) -> bool:
        """Return whether an open incident suppresses the system's notifications."""
        statement = (
            sa.select(sa.literal(1))
            .select_from(incident_systems.join(incidents, incidents.c.id == incident_systems.c.incident_id))
            .where(incident_systems.c.system_id == system_id, IS_OPEN, incidents.c.suppress_notifications)
            .limit(1)
        )
        return await self._connection.scalar(statement) is not None

    async def next_number(self) -> int:
        """Return an unused number; other callers wait for the commit."""
        return await self.last_of_numbers(1)

    async def last_of_numbers(self, count: int) -> int:
        """Return the last of so many consecutive unused numbers; other callers wait for the commit."""
        return int(await _COUNT_ON.value(self._connection, {"more": count}))

    async def insert_many(self, loaded: Sequence[Incident]) -> None:
        """Write incidents of a history that is being loaded."""
        await _INSERT.insert(self._connection, [_columns(incident) for incident in loaded])
        await _INSERT_MEMBERS.insert(self._connection, _members(loaded))
        await INSERT_LABELS.insert(self._connection, label_rows(loaded))
        await INSERT_ASSIGNEES.insert(self._connection, assignee_rows(loaded))

    async def insert(self, incident: Incident) -> None:
        """Write a new incident and its systems."""
        await self.insert_many([incident])

    async def save(self, before: Incident, after: Incident, *, now: datetime) -> None:
        """Write the fields that differ between two states of one incident, and stamp it where it is a row of its own.

        Raises:
            RuntimeError: another writer has stamped it meanwhile, because it was not locked.
        """
        saved = _changed_columns(before, after)
        if saved:
            await self._stamp(before, saved, version=before.version + 1, now=now)
        removed = set(before.system_ids) - set(after.system_ids)
        if removed:
            gone = sa.and_(incident_systems.c.incident_id == after.id, incident_systems.c.system_id.in_(removed))
            await self._connection.execute(sa.delete(incident_systems).where(gone))
        await self._add_systems(after.id, sorted(set(after.system_ids) - set(before.system_ids)))
        await save_labels(self._connection, before, after)
        await save_assignees(self._connection, before, after)

    async def stamp(self, incident: Incident, *, version: int, now: datetime) -> Incident:
        """Write and return the incident's next version, provided that no other writer did.

        Raises:
            RuntimeError: another writer did, because it was not locked.
        """
        if self._stamped.get(incident.id) != version:
            await self._stamp(incident, {}, version=version, now=now)
        return changed(incident, version=version, updated_at=now)

    async def _stamp(self, incident: Incident, saved: Mapping[str, Any], *, version: int, now: datetime) -> None:
        former = self._stamped.get(incident.id, version - 1)
        values = {"stamped_id": incident.id, "former": former, "next": version, "now": now, **_prefixed(saved)}
        if await _saving(tuple(saved)).value(self._connection, values) is None:
            raise RuntimeError(f"{incident.id} was not locked: version {former} is gone")
        self._stamped[incident.id] = version

    async def delete(self, incident_id: str) -> None:
        """Delete an incident with everything that belongs to it."""
        await self._connection.execute(sa.delete(incidents).where(incidents.c.id == incident_id))

    async def _add_systems(self, incident_id: str, system_ids: Sequence[str]) -> None:
        if system_ids:
            rows = [{"incident_id": incident_id, "system_id": system_id} for system_id in system_ids]
            await _INSERT_MEMBERS.run_many(self._connection, rows)

    async def _whole(self, rows: Sequence[sa.RowMapping]) -> list[Incident]:
        if not rows:
            return []
        rest = {row["id"]: row for row in await _REST.rows(self._connection, {"ids": [row["id"] for row in rows]})}
        return [_incident(row, rest[row["id"]]) for row in rows]

    async def _count(self, statement: sa.Select[Any]) -> int:
        return int(await self._connection.scalar(statement) or 0)


def bound_incidents(dialect: sa.Dialect, loaded: Sequence[Incident]) -> list[Bound]:
    """Return the statements that write incidents of a history, with their systems."""
    rows = [_columns(incident) for incident in loaded]
    return [
        _INSERT.bound(dialect, rows),
        _INSERT_MEMBERS.bound(dialect, _members(loaded)),
        INSERT_LABELS.bound(dialect, label_rows(loaded)),
        INSERT_ASSIGNEES.bound(dialect, assignee_rows(loaded)),
    ]


def _members(loaded: Sequence[Incident]) -> list[dict[str, str]]:
    return [
        {"incident_id": incident.id, "system_id": system_id} for incident in loaded for system_id in incident.system_ids
    ]


def _columns(incident: Incident) -> dict[str, Any]:
    plain = {name: getattr(incident, name) for name in _SINGLE}
    actors = actor_columns("opened_by", incident.opened_by) | actor_columns("lead", incident.lead)
    return plain | actors | actor_columns("acknowledged_by", incident.acknowledged_by)


def _changed_columns(before: Incident, after: Incident) -> dict[str, Any]:
    """Return the columns that differ, with their new values."""
    pairs = zip(_SINGLE, _single_of(before), _single_of(after), strict=True)
    columns = {name: new for name, old, new in pairs if new is not old and new != old}
    for name in _ACTORS:
        old, new = getattr(before, name), getattr(after, name)
        if new is not old and new != old:
            former = actor_columns(name, old)
            columns |= {key: value for key, value in actor_columns(name, new).items() if value != former[key]}
    return columns


def _incident(row: Mapping[str, Any] | sa.RowMapping, rest: Mapping[str, Any]) -> Incident:
    return Incident(
        **{name: row[name] for name in (*_PLAIN, *_TIMES)},
        status=Status(row["status"]),
        health_override=HealthOverride(row["health_override"]) if row["health_override"] else None,
        opened_by=actor_of("opened_by", row),
        system_ids=tuple(sorted(filter(None, (rest["members"] or "").split(",")))),
        labels=labels_of(rest["labels"]),
        acknowledged_by=actor_or_none("acknowledged_by", row),
        lead=actor_or_none("lead", row),
        assignees=assignees_of(rest["assignees"]),
    )
