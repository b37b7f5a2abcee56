"""The tables of visitors' subscriptions, of the changes to notify them of, and of their pending messages."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import BigId, Json, UtcDateTime

visitor_subscriptions = Table(
    "visitor_subscriptions",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("kind", sa.String(20), nullable=False),
    Column("state", sa.String(20), nullable=False),
    Column("sealed", sa.Text, nullable=False),
    Column("sealed_secret", sa.Text),
    # Of two who ask for one address at once, the second waits for the first, and finds it.
    Column("address_digest", sa.String(64), nullable=False, unique=True),
    Column("place_digest", sa.String(64), nullable=False),
    Column("confirm_digest", sa.String(64), nullable=False, unique=True),
    Column("leave_digest", sa.String(64), nullable=False, unique=True),
    Column("system_ids", Json, nullable=False),
    Column("asked_system_ids", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("asks", sa.Integer, nullable=False),
    Column("next_ask_at", UtcDateTime, nullable=False),
    Column("confirm_until", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("paused_at", UtcDateTime),
    Column("paused_reason", sa.Text),
    Column("failing_since", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    Column("after_seq", sa.BigInteger, nullable=False),
    # The queue of its messages: when the first one is due, null without any, and who works it off.
    Column("due_at", UtcDateTime),
    Column("leased_until", UtcDateTime),
    Column("leased_by", sa.String(64)),
    # The queues that are due, and the next moment at which one is.
    Index(None, "due_at"),
    # Whether another confirmation may go to a place.
    Index(None, "place_digest", "asked_at"),
    # Those to notify, in the order in which their messages are queued; and those that were never confirmed.
    Index(None, "state", "id"),
)

visitor_former_links = Table(
    "visitor_former_links",
    metadata,
    Column("confirm_digest", sa.String(64), primary_key=True),
    Column("subscription_id", ForeignKey("visitor_subscriptions.id", ondelete="CASCADE"), nullable=False),
    Column("system_ids", Json, nullable=False),
    Column("confirm_until", UtcDateTime, nullable=False),
    # They go with their subscription.
    Index(None, "subscription_id"),
    # Retention.
    Index(None, "confirm_until"),
)

visitor_requests = Table(
    "visitor_requests",
    metadata,
    # Whose row is locked has its requests one after another; that of all callers together, all of them.
    Column("caller", sa.String(64), primary_key=True),
    Column("hour", UtcDateTime, nullable=False),
    Column("count", sa.Integer, nullable=False),
    # Retention.
    Index(None, "hour"),
)

visitor_notices = Table(
    "visitor_notices",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("change_id", sa.String(64), nullable=False),
    Column("reached", sa.String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

visitor_deliveries = Table(
    "visitor_deliveries",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("subscription_id", ForeignKey("visitor_subscriptions.id", ondelete="CASCADE"), nullable=False),
    Column("change_id", sa.String(64)),
    Column("seq", sa.BigInteger, nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # No visitor is notified twice of one change; the first one in the queue is the oldest, a confirmation before all.
    UniqueConstraint("subscription_id", "seq"),
    # Retention.
    Index(None, "created_at"),
)
