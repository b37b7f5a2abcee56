"""Subscriptions of visitors, the changes that they are to be notified of, and their pending messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_subscriptions()
    op.create_table(
        "visitor_notices",
        sa.Column("seq", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("change_id", sa.String(64), nullable=False),
        sa.Column("reached", sa.String(64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_visitor_notices")),
    )
    _create_deliveries()


def _create_subscriptions() -> None:
    table = "visitor_subscriptions"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text()),
        sa.Column("address_digest", sa.String(64), nullable=False),
        sa.Column("place_digest", sa.String(64), nullable=False),
        sa.Column("confirm_digest", sa.String(64), nullable=False),
        sa.Column("leave_digest", sa.String(64), nullable=False),
        sa.Column("system_ids", _JSON, nullable=False),
        sa.Column("asked_system_ids", _JSON, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("asks", sa.Integer(), nullable=False),
        sa.Column("next_ask_at", _MOMENT, nullable=False),
        sa.Column("confirm_until", _MOMENT, nullable=False),
        sa.Column("confirmed_at", _MOMENT),
        sa.Column("paused_at", _MOMENT),
        sa.Column("paused_reason", sa.Text()),
        sa.Column("failing_since", _MOMENT),
        sa.Column("last_success_at", _MOMENT),
        sa.Column("after_seq", sa.BigInteger(), nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("leased_until", _MOMENT),
        sa.Column("leased_by", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        *[
            sa.UniqueConstraint(column, name=op.f(f"uq_{table}_{column}"))
            for column in ("address_digest", "confirm_digest", "leave_digest")
        ],
    )
    for columns in (["due_at"], ["place_digest", "asked_at"], ["asked_at"], ["state", "id"]):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _create_deliveries() -> None:
    table = "visitor_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("subscription_id", sa.String(64), nullable=False),
        sa.Column("change_id", sa.String(64)),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["visitor_subscriptions.id"],
            name=op.f(f"fk_{table}_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("subscription_id", "seq", name=op.f(f"uq_{table}_subscription_id_seq")),
    )
    op.create_index(op.f(f"ix_{table}_created_at"), table, ["created_at"])
