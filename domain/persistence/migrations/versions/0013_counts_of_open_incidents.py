"""Adds an index that counts of open incidents by severity and status walk."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    is_open = sa.text("status <> 'resolved'")
    op.create_index(
        "ix_incidents_open_severity",
        "incidents",
        ["severity", "status"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
