"""The items of incidents' timelines: parts of several tables as one list, walked by the indexes of each.

SQLite does so only where all parts have columns of the same types, and the order is by columns that are read.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import PageRequest
from domain.model.timeline_item import TimelineKind
from domain.model.viewer import Audience, Visibility
from domain.persistence.automation_tables import automation_runs, automation_steps
from domain.persistence.dialects import IsListed, is_sqlite, literal
from domain.persistence.keyset import paged
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.relation_tables import incident_relations
from domain.persistence.tables import incident_links, incident_updates, incidents
from domain.persistence.types import BigId

#: The id of an item, its kind, and the number of a transition.
Place = tuple[str, TimelineKind, int | None]
_INCIDENT = literal("incident")
_ACTION = literal("action")


def _part(kind: TimelineKind, visibility: sa.ColumnElement[str] | Visibility, **columns: Any) -> sa.Select[Any]:
    """Return the query of one part; `columns` are those that differ between parts."""
    known = {
        "number": _nothing(BigId),
        "run_id": _nothing(sa.String(64)),
        "path": _nothing(sa.String(500)),
        "change_id": _nothing(sa.String(64)),
        **columns,
    }
    shown = _text(literal(visibility.value)) if isinstance(visibility, Visibility) else visibility
    return sa.select(
        *(known[name].label(name) for name in ("id", "incident_id", "at")),
        _text(literal(kind.value)).label("kind"),
        shown.label("visibility"),
        *(known[name].label(name) for name in ("number", "run_id", "path", "change_id")),
    )


def _nothing(kind: Any) -> sa.ColumnElement[Any]:
    return sa.cast(sa.null(), kind)


def _text(column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.String())


def _entries(kind: TimelineKind, table: sa.Table, *, visibility: Visibility | None = None) -> sa.Select[Any]:
    columns = table.c
    shown = columns.visibility if visibility is None else visibility
    return _part(kind, shown, id=columns.id, incident_id=columns.incident_id, at=columns.created_at)


def _transitions() -> sa.Select[Any]:
    steps = entity_transitions.c
    place = _text(steps.change_id + literal(":") + steps.field)
    return _part(
        TimelineKind.TRANSITION,
        Visibility.PUBLIC,
        id=place,
        incident_id=steps.entity_id,
        at=steps.occurred_at,
        number=steps.id,
    ).where(steps.kind == _INCIDENT)


def _steps(incident_id: sa.ColumnElement[str]) -> sa.Select[Any]:
    steps = automation_steps.c
    return _part(
        TimelineKind.STEP,
        Visibility.INTERNAL,
        id=_text(steps.run_id + literal(":") + steps.path),
        incident_id=incident_id,
        at=steps.started_at,
        run_id=steps.run_id,
        path=steps.path,
    ).where(steps.kind == _ACTION)


def _steps_that_followed() -> sa.Select[Any]:
    """Return the actions of runs that a change of the incident started."""
    runs = automation_runs.c
    joined = automation_runs.join(automation_steps, automation_steps.c.run_id == runs.id)
    return _steps(runs.entity_id).select_from(joined).where(runs.kind == _INCIDENT)


def _steps_that_wrote() -> sa.Select[Any]:
    """Return the actions of other runs that changed the incident, each once however often its run did."""
    runs, written, earlier = automation_runs.c, changes.c, changes.alias("earlier")
    joined = changes.join(automation_runs, runs.id == written.run_id)
    joined = joined.join(automation_steps, automation_steps.c.run_id == runs.id)
    followed = sa.and_(
        runs.kind.is_not_distinct_from(_INCIDENT), runs.entity_id.is_not_distinct_from(written.entity_id)
    )
    before = sa.exists().where(
        earlier.c.kind == _INCIDENT,
        earlier.c.entity_id == written.entity_id,
        earlier.c.run_id == written.run_id,
        earlier.c.version < written.version,
    )
    wrote = sa.and_(written.kind == _INCIDENT, written.run_id.is_not(None), ~followed, ~before)
    return _steps(written.entity_id).select_from(joined).where(wrote)


def _changes(kind: TimelineKind, name: str, listed: sa.Column[Any]) -> sa.Select[Any]:
    """Return the changes with that name in a list of them, as far back as the log is kept."""
    written = changes.c
    return _part(
        kind,
        written.visibility,
        id=_text(written.id + literal(f":{kind}")),
        incident_id=written.entity_id,
        at=written.occurred_at,
        change_id=written.id,
    ).where(written.kind == _INCIDENT, IsListed(literal(name), listed))


#: All items of all incidents.
TIMELINE_ITEMS = sa.union_all(
    _entries(TimelineKind.UPDATE, incident_updates),
    _entries(TimelineKind.LINK, incident_links),
    _entries(TimelineKind.RELATION, incident_relations, visibility=Visibility.PUBLIC),
    _transitions(),
    _steps_that_followed(),
    _steps_that_wrote(),
    _changes(TimelineKind.ACKNOWLEDGEMENT, "incident.acknowledged", changes.c.events),
    _changes(TimelineKind.ASSIGNMENT, "incident.assigned", changes.c.events),
    _changes(TimelineKind.SNOOZE, "snoozed_until", changes.c.described_fields),
).subquery("timeline_items")


class TimelineItemRepository:
    """The places of items in the timelines of incidents, oldest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def pages(
        self, incident_ids: Sequence[str], page: PageRequest, kinds: Sequence[TimelineKind], audience: Audience
    ) -> dict[str, list[Place]]:
        """Return the places of up to one item more than the page has; without kinds, of all."""
        items = TIMELINE_ITEMS.alias("items")
        columns = items.c
        query = _of_incidents(items, kinds, audience, columns.id, columns.at, columns.kind, columns.number)
        rows = paged(query, (columns.at, columns.id), page, descending=False).correlate(incidents).subquery("rows")
        found = await self._gathered(incident_ids, self._list(rows.c.id, rows.c.kind, rows.c.number), rows)
        return {
            incident: [
                (identifier, TimelineKind(kind), number)
                for identifier, kind, number in orjson.loads(found.get(incident, "[]"))
            ]
            for incident in incident_ids
        }

    async def counts(
        self, incident_ids: Sequence[str], kinds: Sequence[TimelineKind], audience: Audience
    ) -> dict[str, int]:
        """Return the number of items of each of these incidents."""
        items = TIMELINE_ITEMS.alias("items")
        query = countable(_of_incidents(items, kinds, audience, items.c.id), sqlite=is_sqlite(self._connection))
        found = await self._gathered(incident_ids, sa.func.count(), query.correlate(incidents).subquery("rows"))
        return {incident: int(found.get(incident, 0)) for incident in incident_ids}

    def _list(self, *columns: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if is_sqlite(self._connection):
            return sa.func.json_group_array(sa.func.json_array(*columns))
        listed = sa.func.json_agg(sa.func.json_build_array(*columns))
        return sa.cast(sa.func.coalesce(listed, sa.literal_column("'[]'::json")), sa.Text)

    async def _gathered(
        self, incident_ids: Sequence[str], gathered: sa.ColumnElement[Any], rows: sa.Subquery
    ) -> dict[str, Any]:
        one = sa.select(gathered).select_from(rows).scalar_subquery()
        statement = sa.select(incidents.c.id, one).where(incidents.c.id.in_(incident_ids))
        return {identifier: value for identifier, value in await self._connection.execute(statement)}


def countable(query: sa.Select[Any], *, sqlite: bool) -> sa.Select[Any]:
    """Return a query of items whose rows can be counted without reading those of all incidents.

    SQLite would put the count into the parts, and then read all of each.
    """
    return query.limit(sa.literal_column("-1")) if sqlite else query


def _of_incidents(
    items: sa.FromClause, kinds: Sequence[TimelineKind], audience: Audience, *columns: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    seen = items.c.visibility.in_([visibility.value for visibility in audience.visibilities])
    query = sa.select(*columns).where(items.c.incident_id == incidents.c.id, seen)
    return query.where(items.c.kind.in_(kinds)) if kinds else query
