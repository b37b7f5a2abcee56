"""Adds the index by which the incidents are found that a person is on."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_index("ix_incident_assignees_id_incident_id", "incident_assignees", ["id", "incident_id"])
