"""Keys of deleted systems, so that the log can still be filtered by them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_systems",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_systems")),
    )
    op.create_index(op.f("ix_former_systems_key_deleted_at"), "former_systems", ["key", "deleted_at"], unique=False)
    op.create_index(op.f("ix_former_systems_deleted_at"), "former_systems", ["deleted_at"], unique=False)
