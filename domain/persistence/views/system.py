"""The catalog of systems, with their health and their incidents."""

from typing import Any

import sqlalchemy as sa

from domain.model.incident import Health
from domain.model.maintenance import INSTANCES_SHOWN
from domain.model.selection import Field, Shape
from domain.model.system import OVERRIDES_SHOWN
from domain.persistence.conditions import IS_OPEN
from domain.persistence.dialects import literal
from domain.persistence.incidents import OPEN_FIRST
from domain.persistence.log_tables import entity_transitions
from domain.persistence.maintenance_instances import is_active, is_open
from domain.persistence.maintenance_tables import maintenance_instances, maintenance_systems
from domain.persistence.tables import incident_systems, incidents, system_health, systems
from domain.persistence.views.view import FLAGS, Found, Joined, Lists, View, columns_of

_REPORTED = ("status", "message", "observed_at", "reported_at")
_ORDER = list(Health)
_HEALTH_KIND = literal("health")
#: Made for all systems at once, by a walk of the open incidents: there are few of those, and many resolved ones.
_OPEN = (
    sa.select(
        incident_systems.c.system_id,
        sa.func.count().label("total"),
        # In the order of the alphabet as well, the last one is the worst.
        sa.func.max(incidents.c.health_override).label("worst"),
    )
    .select_from(OPEN_FIRST)
    .where(IS_OPEN)
    .group_by(incident_systems.c.system_id)
    .cte("open_by_system")
)


def _of_system(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    member = incident_systems.alias()
    joined = member.join(child, child.c.id == member.c.incident_id)
    # Ids are ordered by time: the order of the membership's index is the order of creation.
    return joined, member.c.system_id == parent.c.id, (member.c.incident_id,)


def _open_of_system(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    joined, belongs, key = _of_system(parent, child)
    return joined, sa.and_(belongs, child.c.status != literal("resolved")), key


def _overrides(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.system_id == parent.c.id, (child.c.incident_id,)


def _maintenance(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    member = maintenance_systems.alias()
    joined = member.join(child, child.c.maintenance_id == member.c.maintenance_id)
    return joined, sa.and_(member.c.system_id == parent.c.id, is_open(child)), (child.c.starts_at, child.c.id)


def _under_maintenance(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    member, instance = maintenance_systems.alias(), maintenance_instances.alias()
    joined = member.join(instance, instance.c.maintenance_id == member.c.maintenance_id)
    found = sa.select(member.c.system_id).select_from(joined)
    return sa.exists(found.where(member.c.system_id == rows.c.id, is_active(instance)).correlate(rows))


def _of_open(name: str) -> Found:
    found = sa.select(_OPEN.c[name])
    return Found((), lambda rows: found.where(_OPEN.c.system_id == rows.c.id).correlate(rows).scalar_subquery())


def _reported(name: str) -> Found:
    found = sa.select(system_health.c[name])
    return Found((), lambda rows: found.where(system_health.c.system_id == rows.c.id).correlate(rows).scalar_subquery())


def _since(rows: sa.FromClause) -> sa.ColumnElement[Any]:
    steps = entity_transitions.c
    found = sa.select(sa.func.max(steps.occurred_at)).where(
        steps.kind == _HEALTH_KIND,
        steps.entity_id == rows.c.id,
        steps.field == literal("status"),
        steps.to_value == _reported("status").find(rows),
    )
    return found.correlate(rows).scalar_subquery()


def _effective(reported: str | None, worst: str | None) -> str:
    found = [Health(each) for each in (reported, worst) if each is not None]
    return max([Health.HEALTHY, *found], key=_ORDER.index).name


_KNOWN = (None, *Health)
#: By what is reported of a system and the worst that an incident sets, the name of the health that it has.
_EFFECTIVE = {(reported, worst): _effective(reported, worst) for reported in _KNOWN for worst in _KNOWN}
_REPORT = Shape(
    fields={
        **columns_of(system_health, _REPORTED),
        "since": Field(("since",)),
    },
    present="status",
)
SYSTEM = View(
    name="system",
    table=systems,
    fields={"under_maintenance": Field(("under_maintenance",), FLAGS)},
    parts={
        "health": Shape(
            fields={"status": Field(("reported_status", "worst"), _EFFECTIVE)},
            parts={"reported": _REPORT},
            lists={"overrides": "active_health_override"},
        )
    },
    lists={
        "incidents": Lists(view="incident", joined=_of_system, key=("id",), descending=True),
        "open_incidents": Lists(
            view="incident",
            joined=_open_of_system,
            key=("id",),
            descending=True,
            total=lambda rows: sa.func.coalesce(_of_open("total").find(rows), 0),
        ),
        "health_overrides": Lists(
            view="active_health_override",
            joined=_overrides,
            key=("id",),
            most=OVERRIDES_SHOWN,
            # The worst first, so that the limit never makes a system look better than it is.
            picked=lambda child: (child.c.status.desc(), child.c.incident_id),
        ),
        "maintenance": Lists(
            view="maintenance_instance",
            joined=_maintenance,
            key=("starts_at", "id"),
            most=INSTANCES_SHOWN,
            picked=lambda child: (child.c.starts_at, child.c.id),
        ),
    },
    found={
        **{f"health_reported_{name}": _reported(name) for name in _REPORTED},
        # By which live lists can tell a report.
        "health_reported_version": _reported("version"),
        "health_reported_since": Found((), _since),
        "health_worst": _of_open("worst"),
        "under_maintenance": Found((), _under_maintenance),
    },
    unique=("id", "key"),
)
