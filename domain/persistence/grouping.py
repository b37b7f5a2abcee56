"""Groups of incidents in SQL: the columns that each grouping needs, and the groups that rows stand for."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from domain.model.counts import Group, Grouping
from domain.model.incident import Status
from domain.persistence.rows import actor_of
from domain.persistence.tables import incident_systems, incidents

_KEYS: dict[Grouping, tuple[sa.Column[Any], ...]] = {
    Grouping.SEVERITY: (incidents.c.severity,),
    Grouping.STATUS: (incidents.c.status,),
    Grouping.SYSTEM: (incident_systems.c.system_id,),
    Grouping.OPENED_BY: (incidents.c.opened_by_type, incidents.c.opened_by_id),
}


def group_keys(by: Sequence[Grouping]) -> list[sa.Column[Any]]:
    """Return the columns that groups differ in."""
    return [column for grouping in by for column in _KEYS[grouping]]


def group_names(by: Sequence[Grouping]) -> list[sa.ColumnElement[Any]]:
    """Return what is shown of groups besides their keys: actors may have changed their names."""
    return [sa.func.max(incidents.c.opened_by_name).label("opened_by_name")] if Grouping.OPENED_BY in by else []


def grouped_source(by: Sequence[Grouping]) -> sa.FromClause:
    """Return the rows that are grouped: incidents, once for each of their systems where these are asked for."""
    if Grouping.SYSTEM not in by:
        return incidents
    return incidents.outerjoin(incident_systems, incident_systems.c.incident_id == incidents.c.id)


def group_of(row: sa.RowMapping, by: Sequence[Grouping]) -> Group:
    """Return the group that a row stands for."""
    return Group(
        severity=row["severity"] if Grouping.SEVERITY in by else None,
        status=Status(row["status"]) if Grouping.STATUS in by else None,
        system_id=row["system_id"] if Grouping.SYSTEM in by else None,
        opened_by=actor_of("opened_by", row) if Grouping.OPENED_BY in by else None,
    )
