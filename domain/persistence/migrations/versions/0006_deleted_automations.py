"""Automations that were deleted stay for as long as their runs do."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("automations", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
