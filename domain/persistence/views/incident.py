"""Incidents, with their systems, timelines and links."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from domain.model.actor import ActorType
from domain.model.selection import Field
from domain.persistence.dialects import literal
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.tables import incident_systems, incidents
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.transition import KIND
from domain.persistence.views.view import (
    EXACT,
    Found,
    Joined,
    Lists,
    View,
    for_all,
    seconds_between,
    severity_text,
)


def of_incident(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    """Return the rows that name their incident."""
    return child, child.c.incident_id == parent.c.id, (child.c.created_at, child.c.id)


def _affected(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    member = incident_systems.alias()
    # In the order of the memberships' index: by the id in the catalog, they would be sorted once more.
    joined = member.join(child, child.c.id == member.c.system_id)
    return joined, member.c.incident_id == parent.c.id, (member.c.system_id,)


def _assignees(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.incident_id == parent.c.id, (child.c.id,)


def _labels(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.incident_id == parent.c.id, (child.c.key,)


def _relations(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.incident_id == parent.c.id, (child.c.id,)


def _items(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.incident_id == parent.c.id, (child.c.at, child.c.id)


def _steps(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    belongs = sa.and_(child.c.kind == KIND, child.c.entity_id == parent.c.id)
    return child, belongs, (child.c.id,)


def _opening_run(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    joined = child.join(changes, changes.c.run_id == child.c.id)
    opened = sa.and_(
        changes.c.kind == KIND,
        changes.c.entity_id == parent.c.id,
        changes.c.version == sa.literal_column("1", sa.Integer),
    )
    return joined, sa.and_(opened, parent.c.opened_by_type == literal(ActorType.SERVICE.value)), (child.c.id,)


def _status(rows: sa.FromClause) -> sa.ColumnElement[str]:
    return rows.c.status


def _severity(rows: sa.FromClause) -> sa.ColumnElement[str]:
    return severity_text(rows.c.severity)


def _since(field: str, present: Callable[[sa.FromClause], sa.ColumnElement[str]]) -> Found:
    """Return the column with the time of the last step of a reactive field to its present value."""
    steps = entity_transitions.c

    def find(rows: sa.FromClause) -> sa.ColumnElement[Any]:
        last = sa.select(sa.func.max(steps.occurred_at)).where(
            steps.kind == KIND,
            steps.entity_id == rows.c.id,
            steps.field == literal(field),
            steps.to_value == present(rows),
        )
        return last.correlate(rows).scalar_subquery()

    return Found(("status", "severity"), find)


def _seconds_to(moment: str) -> Field:
    return Field((f"occurred_at{EXACT}", f"{moment}{EXACT}"), make=for_all(seconds_between))


#: Not of its systems: their history has them as one text, which each database would make in its own way.
_PRESENT = {"status": _status, "severity": _severity}
INCIDENT = View(
    name="incident",
    table=incidents,
    fields={
        "dedupe_key": Field(("dedupe_key",), make=for_all(lambda key: key or None)),
        **{f"time_to_{name}_seconds": _seconds_to(f"{name}d_at") for name in ("acknowledge", "resolve")},
    },
    parts={"opened_by": ACTOR, **{name: replace(ACTOR, present="id") for name in ("acknowledged_by", "lead")}},
    lists={
        "systems": Lists(view="system", joined=_affected, key=("id",)),
        "assignees": Lists(view="person", joined=_assignees, key=("id",)),
        "labels": Lists(view="incident_label", joined=_labels, key=("key",)),
        "updates": Lists(view="incident_update", joined=of_incident, key=("created_at", "id"), descending=True),
        "links": Lists(view="incident_link", joined=of_incident, key=("created_at", "id")),
        "relations": Lists(view="incident_relation", joined=_relations, key=("id",)),
        "timeline": Lists(view="incident_timeline_item", joined=_items, key=("at", "id")),
        "history": Lists(view="incident_transition", joined=_steps, key=("id",)),
        "automation_run": Lists(
            view="automation_run", joined=_opening_run, key=("id",), carried=("opened_by_type",), audiences=INSIDERS
        ),
    },
    found={f"in_state_since_{name}": _since(name, present) for name, present in _PRESENT.items()},
    unique=("id", "number"),
)
