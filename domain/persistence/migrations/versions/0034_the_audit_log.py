"""The audit log of tokens, secrets and other settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    table = "audit_entries"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_type", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.String(200), nullable=False),
        sa.Column("actor_name", sa.String(200)),
        sa.Column("token_id", sa.String(64)),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("object_id", sa.String(200), nullable=False),
        sa.Column("object_name", sa.String(200)),
        sa.Column("changes", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for columns in (["occurred_at"], ["object_id", "id"], ["actor_id", "id"]):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
