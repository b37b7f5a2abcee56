"""Webhooks, the queues of their deliveries and the deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    _create_webhooks()
    _create_queues()
    _create_deliveries()


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.String(20), nullable=False),
        sa.Column("document", sa.Text()),
        sa.Column("variables", _JSON, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("secret_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("former_secret", sa.Text()),
        sa.Column("former_secret_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(20), nullable=False),
        sa.Column("created_by_id", sa.String(200), nullable=False),
        sa.Column("created_by_name", sa.String(200)),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("last_success_at", sa.DateTime(timezone=True)),
        sa.Column("paused_until", sa.DateTime(timezone=True)),
        sa.Column("gap_since", sa.DateTime(timezone=True)),
        sa.Column("after_seq", sa.BigInteger(), nullable=False),
        sa.Column("replay_seq", sa.BigInteger()),
        sa.Column("replay_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )


def _create_queues() -> None:
    table = "webhook_queues"
    op.create_table(
        table,
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("leased_by", sa.String(64)),
        _of_webhook(table),
        sa.PrimaryKeyConstraint("webhook_id", "incident_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_due_at"), table, ["due_at"])


def _create_deliveries() -> None:
    table = "webhook_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("change_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("response_status", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.Column("duration_millis", sa.Integer()),
        sa.Column("body_bytes", sa.Integer()),
        _of_webhook(table),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("webhook_id", "seq", name=op.f(f"uq_{table}_webhook_id_seq")),
    )
    for columns in (
        ["webhook_id", "incident_id", "status", "seq"],
        ["webhook_id", "id"],
        ["status", "id"],
        ["webhook_id", "status", "occurred_at"],
        ["created_at"],
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _of_webhook(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["webhook_id"], ["webhooks.id"], name=op.f(f"fk_{table}_webhook_id"), ondelete="CASCADE"
    )
