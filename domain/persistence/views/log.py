"""The log as a whole: the place of its last change."""

import sqlalchemy as sa

from domain.persistence.log_tables import changes
from domain.persistence.tables import server_state
from domain.persistence.views.view import Found, View


def _head(floor: sa.FromClause) -> sa.ColumnElement[int]:
    # Where all changes were pruned, the place up to which they were.
    last = sa.select(sa.func.max(changes.c.seq)).scalar_subquery()
    return sa.func.coalesce(last, sa.cast(floor.c.value, sa.BigInteger))


LOG = View(name="log", table=server_state, fields={}, found={"head": Found((), _head)}, unique=("name",))
