"""Tables of the past health of systems. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from domain.model.incident import Health
from domain.persistence.tables import metadata
from domain.persistence.types import BigId, UtcDateTime

_STATUSES = ", ".join(f"'{status}'" for status in Health)

health_spans = Table(
    "health_spans",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # Not a foreign key: writers that wait for the log would wait for those who change a system as well.
    Column("system_id", sa.String(64), nullable=False),
    # Null for what was reported.
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE")),
    Column("status", sa.String(20), nullable=False),
    # When the incident got and lost this override on this system; null from its beginning on, and until now.
    Column("set_at", UtcDateTime),
    Column("unset_at", UtcDateTime),
    # No part of the span lies beyond these. Of an incident its timeline says more: it may be closed in between.
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    # The health that is set now, and the spans of a system up to now.
    Index(None, "system_id", "ended_at"),
    # The first of a system.
    Index(None, "system_id", "began_at"),
    # The spans of an incident, when it changes or is deleted.
    Index(None, "incident_id"),
    sqlite_autoincrement=True,
)

derived_health = Table(
    "derived_health",
    metadata,
    # One row per system whose health was ever set, written under the log's lock alone: what its last step came to.
    Column("system_id", sa.String(64), primary_key=True),
    Column("status", sa.String(20), nullable=False),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
)
