"""Relations between incidents, as each of the two has them."""

import sqlalchemy as sa

from domain.persistence.relation_tables import incident_relations
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import Joined, Lists, View


def _other(parent: sa.FromClause, child: sa.FromClause) -> Joined:
    return child, child.c.id == parent.c.related_id, (child.c.id,)


RELATION = View(
    name="incident_relation",
    table=incident_relations,
    parts={"created_by": ACTOR},
    lists={"incident": Lists(view="incident", joined=_other, key=("id",), carried=("related_id",))},
)
