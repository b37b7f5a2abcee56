"""Runs of automations, with their steps, artifacts and changes."""

import sqlalchemy as sa

from domain.ids import with_prefix
from domain.model.selection import Field
from domain.persistence.automation_tables import automation_artifacts, automation_runs, automation_steps
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.transition import KIND
from domain.persistence.views.view import (
    EXACT,
    Joined,
    Lists,
    View,
    for_all,
    seconds_between,
    text_in,
)


def _automation(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.automation_id, (child.c.id,)


def _steps(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.run_id == parent.c.id, (child.c.position, child.c.path)


def _artifacts(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.run_id == parent.c.id, (child.c.id,)


def _changes(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, sa.and_(child.c.run_id == parent.c.id, child.c.kind == KIND), (child.c.seq,)


RUN = View(
    name="automation_run",
    table=automation_runs,
    audiences=INSIDERS,
    fields={
        "version": Field(("number",)),
        "change_id": Field(("change_id",), make=for_all(lambda known: known or None)),
        "duration_seconds": Field((f"started_at{EXACT}", f"finished_at{EXACT}"), make=for_all(seconds_between)),
    },
    parts={"actor": ACTOR},
    lists={
        "automation": Lists(view="automation", joined=_automation, key=("id",), carried=("automation_id",)),
        "steps": Lists(view="automation_step", joined=_steps, key=("position", "path")),
        "artifacts": Lists(view="artifact", joined=_artifacts, key=("id",)),
        "changes": Lists(view="automation_run_change", joined=_changes, key=("seq",)),
    },
    found={f"actor_{name}": text_in("actor", name) for name in ("type", "id", "name")},
    place="id",
)
STEP = View(
    name="automation_step",
    table=automation_steps,
    audiences=INSIDERS,
    fields={
        "id": Field(("run_id", "path"), make=for_all(lambda run_id, path: f"{with_prefix(run_id, 'stp')}:{path}")),
    },
    unique=(),
)
ARTIFACT = View(
    name="artifact",
    table=automation_artifacts,
    audiences=INSIDERS,
)
