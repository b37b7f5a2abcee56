"""Relations between incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_table(
        "incident_relations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("related_id", sa.String(length=64), nullable=False),
        sa.Column("is_inverse", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", sa.String(length=200), nullable=False),
        sa.Column("created_by_name", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "type IN ('duplicate_of', 'caused_by', 'related_to')", name=op.f("ck_incident_relations_type")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_relations_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["related_id"], ["incidents.id"], name=op.f("fk_incident_relations_related_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_relations")),
        sa.UniqueConstraint(
            "incident_id",
            "type",
            "related_id",
            "is_inverse",
            name=op.f("uq_incident_relations_incident_id_type_related_id_is_inverse"),
        ),
    )
    op.create_index(op.f("ix_incident_relations_incident_id_id"), "incident_relations", ["incident_id", "id"])
    op.create_index(op.f("ix_incident_relations_related_id"), "incident_relations", ["related_id"])
