"""Adds an index of the incidents of each severity in the order of their creation."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_index("ix_incidents_severity_created_at_id", "incidents", ["severity", "created_at", "id"])
