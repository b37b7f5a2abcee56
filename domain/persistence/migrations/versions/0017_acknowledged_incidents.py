"""When and by whom incidents were acknowledged."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.add_column("incidents", sa.Column("acknowledged_at", sa.DateTime(timezone=True)))
    op.add_column("incidents", sa.Column("acknowledged_by_type", sa.String(20)))
    op.add_column("incidents", sa.Column("acknowledged_by_id", sa.String(200)))
    op.add_column("incidents", sa.Column("acknowledged_by_name", sa.String(200)))
