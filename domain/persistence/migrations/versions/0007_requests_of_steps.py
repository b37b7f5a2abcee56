"""Steps that call other servers keep their request, so that a retry sends the same."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("automation_steps", sa.Column("request", sa.Text(), nullable=True))
