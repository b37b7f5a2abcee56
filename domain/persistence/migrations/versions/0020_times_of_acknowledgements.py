"""Adds an index of the times when incidents were acknowledged, which metrics walk from a moment on."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    where = sa.text("acknowledged_at IS NOT NULL")
    op.create_index(
        "ix_incidents_acknowledged_at", "incidents", ["acknowledged_at"], sqlite_where=where, postgresql_where=where
    )
