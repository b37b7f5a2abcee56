"""Labels of incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_table(
        "incident_labels",
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_incident_labels_incident_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("incident_id", "key", name=op.f("pk_incident_labels")),
    )
    op.create_index(
        op.f("ix_incident_labels_key_value_incident_id"), "incident_labels", ["key", "value", "incident_id"]
    )
