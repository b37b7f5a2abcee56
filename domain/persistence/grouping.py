"""Groups of incidents in SQL: the columns that each grouping needs, and the groups that rows stand for."""

from typing import Any

import sqlalchemy as sa

from domain.model.counts import Group, GroupBy, Grouping
from domain.model.incident import Status
from domain.persistence.rows import actor_of
from domain.persistence.tables import incident_labels, incident_systems, incidents

_KEYS: dict[Grouping, tuple[sa.ColumnElement[Any], ...]] = {
    Grouping.SEVERITY: (incidents.c.severity,),
    Grouping.STATUS: (incidents.c.status,),
    Grouping.SYSTEM: (incident_systems.c.system_id,),
    Grouping.OPENED_BY: (incidents.c.opened_by_type, incidents.c.opened_by_id),
    Grouping.LABEL: (incident_labels.c.key.label("label_key"), incident_labels.c.value.label("label_value")),
}


def group_keys(by: GroupBy) -> list[sa.ColumnElement[Any]]:
    """Return the columns that groups differ in."""
    return [column for grouping in by.each for column in _KEYS[grouping]]


def group_names(by: GroupBy) -> list[sa.Column[Any]]:
    """Return what is shown of groups besides their keys: actors may have changed their names."""
    return [incidents.c.opened_by_name] if Grouping.OPENED_BY in by.each else []


def grouped_source(by: GroupBy) -> sa.FromClause:
    """Return the rows that are grouped: incidents, once for each of their systems and labels that are asked for."""
    source: sa.FromClause = incidents
    if Grouping.SYSTEM in by.each:
        source = source.outerjoin(incident_systems, incident_systems.c.incident_id == incidents.c.id)
    if Grouping.LABEL in by.each:
        labels = incident_labels.c
        wanted = sa.true() if by.label_key is None else labels.key == by.label_key
        source = source.outerjoin(incident_labels, sa.and_(labels.incident_id == incidents.c.id, wanted))
    return source


def group_of(row: sa.RowMapping, by: GroupBy) -> Group:
    """Return the group that a row stands for."""
    is_labelled = Grouping.LABEL in by.each and row["label_key"] is not None
    return Group(
        severity=row["severity"] if Grouping.SEVERITY in by.each else None,
        status=Status(row["status"]) if Grouping.STATUS in by.each else None,
        system_id=row["system_id"] if Grouping.SYSTEM in by.each else None,
        opened_by=actor_of("opened_by", row) if Grouping.OPENED_BY in by.each else None,
        label=(row["label_key"], row["label_value"]) if is_labelled else None,
    )
