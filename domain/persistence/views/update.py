"""Entries of timelines."""

import sqlalchemy as sa

from domain.model.incident import Status
from domain.model.viewer import Audience, Visibility
from domain.persistence.tables import incident_updates
from domain.persistence.timeline import VERSIONS_SHOWN
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import Joined, Lists, View, columns_of


def _versions(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.update_id == parent.c.id, (child.c.id,)


UPDATE = View(
    name="incident_update",
    table=incident_updates,
    fields=columns_of(
        incident_updates,
        ("id", "message", "status_change", "visibility", "created_at", "edited_at", "incident_id"),
        {"status_change": Status, "visibility": Visibility},
    ),
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
