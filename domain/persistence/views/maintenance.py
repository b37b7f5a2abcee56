"""Maintenance windows, their instances and messages, each for those who may see the window."""

import sqlalchemy as sa

from domain.model.maintenance import UPDATES_SHOWN
from domain.persistence.maintenance_instances import of_systems
from domain.persistence.maintenance_tables import (
    maintenance_instances,
    maintenance_systems,
    maintenance_updates,
    maintenances,
)
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import Joined, Lists, View


def _affected(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    member = maintenance_systems.alias()
    joined = member.join(child, child.c.id == member.c.system_id)
    return joined, member.c.maintenance_id == parent.c.id, (member.c.system_id,)


def _instances(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.maintenance_id == parent.c.id, (child.c.starts_at, child.c.id)


def _updates(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.maintenance_id == parent.c.id, (child.c.id,)


def _window(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.maintenance_id, (child.c.id,)


MAINTENANCE = View(
    name="maintenance",
    table=maintenances,
    parts={"created_by": ACTOR},
    lists={
        "systems": Lists(view="system", joined=_affected, key=("id",)),
        "instances": Lists(view="maintenance_instance", joined=_instances, key=("starts_at", "id")),
        "updates": Lists(
            view="maintenance_update",
            joined=_updates,
            key=("id",),
            descending=True,
            most=UPDATES_SHOWN,
            picked=lambda child: (child.c.id.desc(),),
        ),
    },
    members={"system": of_systems},
    place="id",
)
MAINTENANCE_INSTANCE = View(
    name="maintenance_instance",
    table=maintenance_instances,
    lists={
        "maintenance": Lists(view="maintenance", joined=_window, key=("id",), carried=("maintenance_id",)),
    },
)
MAINTENANCE_UPDATE = View(
    name="maintenance_update",
    table=maintenance_updates,
    parts={"created_by": ACTOR},
)
