"""Automations and the versions of their definitions."""

from typing import Any

import sqlalchemy as sa

from domain.model.selection import Field
from domain.model.viewer import Audience
from domain.persistence.automation_tables import automation_versions, automations
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import Found, Joined, Lists, View, for_all

#: Definitions and traces may hold what only these may see.
INSIDERS = frozenset({Audience.MANAGER})


def _runs(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.automation_id == parent.c.id, (child.c.id,)


def _versions(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.automation_id == parent.c.id, (child.c.number,)


def _present_definition(rows: sa.FromClause) -> sa.ColumnElement[Any]:
    columns = automation_versions.c
    found = sa.select(columns.definition).where(columns.automation_id == rows.c.id, columns.number == rows.c.number)
    return found.correlate(rows).scalar_subquery()


def _is_kept(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    return rows.c.deleted_at.is_(None)


AUTOMATION = View(
    name="automation",
    table=automations,
    kept=_is_kept,
    audiences=INSIDERS,
    fields={
        "group": Field(("group_name",)),
        "version": Field(("number",)),
    },
    lists={
        "versions": Lists(view="automation_version", joined=_versions, key=("number",), descending=True),
        "runs": Lists(view="automation_run", joined=_runs, key=("id",), descending=True),
    },
    found={"definition": Found(("number",), _present_definition)},
    place="id",
    unique=("id", "name"),
)
AUTOMATION_VERSION = View(
    name="automation_version",
    table=automation_versions,
    audiences=INSIDERS,
    fields={
        "id": Field(("automation_id", "number"), make=for_all(lambda owner, number: f"{owner}:{number}")),
    },
    parts={"created_by": ACTOR},
    unique=(),
)
