"""Tokens expire, are revoked, and may be limited to some systems."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("created_by_type", sa.String(length=20), nullable=True))
    op.add_column("api_tokens", sa.Column("created_by_id", sa.String(length=200), nullable=True))
    op.add_column("api_tokens", sa.Column("created_by_name", sa.String(length=200), nullable=True))
    op.add_column("api_tokens", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_tokens", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_tokens", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_tokens", sa.Column("systems", _JSON, nullable=True))
