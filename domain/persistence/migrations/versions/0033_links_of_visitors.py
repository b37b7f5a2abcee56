"""The links of earlier confirmations, each with what was asked for, and who asked how often in an hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Confirmations of the last hour are counted no more: requests are.
    op.drop_index(op.f("ix_visitor_subscriptions_asked_at"), "visitor_subscriptions")
    links, requests = "visitor_former_links", "visitor_requests"
    op.create_table(
        links,
        sa.Column("confirm_digest", sa.String(64), nullable=False),
        sa.Column("subscription_id", sa.String(64), nullable=False),
        sa.Column("system_ids", _JSON, nullable=False),
        sa.Column("confirm_until", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["visitor_subscriptions.id"],
            name=op.f(f"fk_{links}_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("confirm_digest", name=op.f(f"pk_{links}")),
    )
    op.create_table(
        requests,
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("hour", _MOMENT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("caller", name=op.f(f"pk_{requests}")),
    )
    for table, column in ((links, "subscription_id"), (links, "confirm_until"), (requests, "hour")):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
