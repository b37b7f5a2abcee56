"""Adds an index of an automation's runs by when they were started; firings that led to none are not in it."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    started = sa.text("status <> 'skipped'")
    op.create_index(
        "ix_automation_runs_started",
        "automation_runs",
        ["automation_id", "bucket", "created_at"],
        sqlite_where=started,
        postgresql_where=started,
    )
