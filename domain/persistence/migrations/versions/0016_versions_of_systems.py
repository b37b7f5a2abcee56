"""Adds versions to systems, which count their changes in the log."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.add_column("systems", sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")))
