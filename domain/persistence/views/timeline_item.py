"""Items of timelines, each with what it is."""

import sqlalchemy as sa

from domain.persistence.timeline_items import TIMELINE_ITEMS
from domain.persistence.views.view import Joined, Lists, View


def _same(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.id, (child.c.id,)


def _numbered(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.number, (child.c.id,)


def _step(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    here = sa.and_(child.c.run_id == parent.c.run_id, child.c.path == parent.c.path)
    return child, here, (child.c.run_id, child.c.path)


def _run(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.run_id, (child.c.id,)


def _change(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.change_id, (child.c.id,)


TIMELINE_ITEM = View(
    name="incident_timeline_item",
    table=TIMELINE_ITEMS,
    lists={
        "update": Lists(view="incident_update", joined=_same, key=("id",)),
        "transition": Lists(view="incident_transition", joined=_numbered, key=("id",), carried=("number",)),
        "link": Lists(view="incident_link", joined=_same, key=("id",)),
        "relation": Lists(view="incident_relation", joined=_same, key=("id",)),
        "step": Lists(view="automation_step", joined=_step, key=("run_id", "path"), carried=("run_id", "path")),
        "run": Lists(view="automation_run", joined=_run, key=("id",), carried=("run_id",)),
        "change": Lists(view="incident_change", joined=_change, key=("id",), carried=("change_id",)),
    },
    in_parts=("at", "id"),
    unique=(),
)
