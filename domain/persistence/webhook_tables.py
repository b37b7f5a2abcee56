"""The tables of webhooks, of the queues of their deliveries and of the deliveries themselves."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import Json, UtcDateTime

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("name", sa.String(200), nullable=False),
    Column("url", sa.Text, nullable=False),
    Column("enabled", sa.Boolean, nullable=False),
    Column("audience", sa.String(20), nullable=False),
    Column("document", sa.Text),
    Column("variables", Json, nullable=False),
    Column("secret", sa.Text, nullable=False),
    Column("secret_created_at", UtcDateTime, nullable=False),
    Column("former_secret", sa.Text),
    Column("former_secret_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
    Column("disabled_at", UtcDateTime),
    Column("disabled_reason", sa.Text),
    Column("failing_since", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    Column("paused_until", UtcDateTime),
    Column("gap_since", UtcDateTime),
    Column("after_seq", sa.BigInteger, nullable=False),
    # The part of the log that is yet to be queued once more; null where there is none.
    Column("replay_seq", sa.BigInteger),
    Column("replay_until", sa.BigInteger),
)

webhook_queues = Table(
    "webhook_queues",
    metadata,
    # One row for each incident of which a webhook has something pending: its lease keeps the incident's order.
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("incident_id", sa.String(64), primary_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    Column("leased_until", UtcDateTime),
    Column("leased_by", sa.String(64)),
    # The queues that are due, and the next moment at which one is.
    Index(None, "due_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("webhook_id", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("change_id", sa.String(64), nullable=False),
    Column("seq", sa.BigInteger, nullable=False),
    Column("incident_id", sa.String(64), nullable=False),
    Column("event", sa.String(64)),
    Column("status", sa.String(20), nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("last_attempt_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("response_status", sa.Integer),
    Column("reason", sa.Text),
    Column("duration_millis", sa.Integer),
    Column("body_bytes", sa.Integer),
    # A change that is queued once more is the delivery that it was.
    UniqueConstraint("webhook_id", "seq"),
    # The oldest pending delivery of a queue.
    Index(None, "webhook_id", "incident_id", "status", "seq"),
    # The deliveries of one webhook, those in one state, and of a webhook those that were parked.
    Index(None, "webhook_id", "id"),
    Index(None, "status", "id"),
    Index(None, "webhook_id", "status", "occurred_at"),
    # Retention.
    Index(None, "created_at"),
)
