"""The table of the audit log."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table

from domain.persistence.tables import metadata
from domain.persistence.types import Json, UtcDateTime

audit_entries = Table(
    "audit_entries",
    metadata,
    # In the order of time: the log is paged by it.
    Column("id", sa.String(64), primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("actor_type", sa.String(20), nullable=False),
    Column("actor_id", sa.String(200), nullable=False),
    Column("actor_name", sa.String(200)),
    Column("token_id", sa.String(64)),
    Column("kind", sa.String(40), nullable=False),
    Column("action", sa.String(20), nullable=False),
    Column("object_id", sa.String(200), nullable=False),
    Column("object_name", sa.String(200)),
    Column("changes", Json, nullable=False),
    # Entries are pruned by their age, and read from a moment on.
    Index(None, "occurred_at"),
    # What was done to one thing, and by one actor.
    Index(None, "object_id", "id"),
    Index(None, "actor_id", "id"),
)
