"""Adds an index of the runs that changes of an entity started."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_index(op.f("ix_automation_runs_entity_id_id"), "automation_runs", ["entity_id", "id"])
