"""The tables of integrations, of their alerts and of their deliveries."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import Json, UtcDateTime

integrations = Table(
    "integrations",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("type", sa.String(20), nullable=False),
    Column("name", sa.String(200), nullable=False),
    Column("enabled", sa.Boolean, nullable=False),
    # Each delivery is authenticated by it.
    Column("token_digest", sa.String(64), nullable=False, unique=True),
    Column("token_created_at", UtcDateTime, nullable=False),
    Column("system_mapping", Json, nullable=False),
    Column("severity_mapping", Json, nullable=False),
    Column("mapping", Json, nullable=False),
    Column("keep_bodies", sa.Boolean, nullable=False),
    Column("masked_fields", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
)

integration_alerts = Table(
    "integration_alerts",
    metadata,
    # One row per alert: two deliveries of one alert at once wait for each other at it.
    Column("integration_id", ForeignKey("integrations.id", ondelete="CASCADE"), primary_key=True),
    Column("key", sa.String(255), primary_key=True),
    Column("is_firing", sa.Boolean, nullable=False),
    Column("fired_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    # A deleted incident is none that the alert could close.
    Column("incident_id", ForeignKey("incidents.id", ondelete="SET NULL")),
    Column("group_key", sa.String(255)),
    Column("updated_at", UtcDateTime, nullable=False),
    # Whether another alert of an incident still fires, and the deletion of incidents.
    Index(None, "incident_id"),
    # The open incident that alerts of one group share.
    Index(None, "integration_id", "group_key"),
    # Retention.
    Index(None, "updated_at"),
)

integration_deliveries = Table(
    "integration_deliveries",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("integration_id", ForeignKey("integrations.id", ondelete="CASCADE"), nullable=False),
    Column("outcome", sa.String(20), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    Column("times", sa.Integer, nullable=False),
    Column("reason", sa.Text),
    Column("alerts", sa.Integer, nullable=False),
    Column("opened", sa.Integer, nullable=False),
    Column("resolved", sa.Integer, nullable=False),
    Column("acknowledged", sa.Integer, nullable=False),
    Column("refused", sa.Integer, nullable=False),
    Column("incident_ids", Json, nullable=False),
    Column("body", sa.Text),
    # The digest of a body that changed nothing; null for others.
    Column("repeat_key", sa.String(64)),
    Column("replay_of", sa.String(64)),
    # Equal deliveries that change nothing are one row.
    UniqueConstraint("integration_id", "repeat_key"),
    # The deliveries of one integration, and those with one outcome.
    Index(None, "integration_id", "id"),
    Index(None, "outcome", "id"),
    # Retention.
    Index(None, "last_received_at"),
)
