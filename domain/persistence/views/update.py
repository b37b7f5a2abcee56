"""Entries of timelines."""

import sqlalchemy as sa

from domain.model.viewer import Audience
from domain.persistence.tables import incident_updates
from domain.persistence.timeline import VERSIONS_SHOWN
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import Joined, Lists, View


def _versions(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.update_id == parent.c.id, (child.c.id,)


UPDATE = View(
    name="incident_update",
    table=incident_updates,
    parts={"created_by": ACTOR},
    lists={
        "edit_history": Lists(
            view="incident_update_version",
            joined=_versions,
            key=("id",),
            most=VERSIONS_SHOWN,
            picked=lambda child: (child.c.id.desc(),),
            audiences=frozenset(audience for audience in Audience if audience.sees_edit_history),
        )
    },
)
