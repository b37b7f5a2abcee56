"""The tables of maintenance windows. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from domain.model.maintenance import MaintenanceStatus
from domain.model.viewer import Visibility
from domain.persistence.tables import metadata
from domain.persistence.types import UtcDateTime

_STATUSES = ", ".join(f"'{status}'" for status in MaintenanceStatus)
_VISIBILITIES = ", ".join(f"'{visibility}'" for visibility in Visibility)

maintenances = Table(
    "maintenances",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("title", sa.String(200), nullable=False),
    Column("description", sa.Text),
    Column("visibility", sa.String(20), nullable=False),
    Column("time_zone", sa.String(64), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("recurrence", sa.String(500)),
    Column("status", sa.String(20), nullable=False),
    Column("planned_until", UtcDateTime),
    Column("revision", sa.Integer, nullable=False),
    Column("version", sa.Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("cancelled_at", UtcDateTime),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    CheckConstraint(f"visibility IN ({_VISIBILITIES})", name="visibility"),
    CheckConstraint("ends_at > starts_at", name="ends_at"),
    # Lists of some statuses.
    Index(None, "status", "id"),
    # The windows whose instances have to be stored further ahead.
    Index(
        "ix_maintenances_planned_until",
        "planned_until",
        sqlite_where=sa.text("planned_until IS NOT NULL"),
        postgresql_where=sa.text("planned_until IS NOT NULL"),
    ),
)

maintenance_systems = Table(
    "maintenance_systems",
    metadata,
    Column("maintenance_id", ForeignKey("maintenances.id", ondelete="CASCADE"), primary_key=True),
    # Restricts: a system is removed from its windows through their handle before it is deleted.
    Column("system_id", ForeignKey("systems.id", ondelete="RESTRICT"), primary_key=True),
    # The windows of a system.
    Index(None, "system_id", "maintenance_id"),
)

maintenance_instances = Table(
    "maintenance_instances",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("maintenance_id", ForeignKey("maintenances.id", ondelete="CASCADE"), nullable=False),
    Column("original_start", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("status", sa.String(20), nullable=False),
    Column("title", sa.String(200)),
    Column("description", sa.Text),
    Column("is_changed", sa.Boolean, nullable=False),
    # That of its window, so that lists of instances can be limited by it.
    Column("visibility", sa.String(20), nullable=False),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    CheckConstraint("ends_at > starts_at", name="ends_at"),
    # One instance per beginning, also when two processes store them further ahead at once.
    UniqueConstraint("maintenance_id", "original_start"),
    # The instances of a window in their order, and the last ones.
    Index(None, "maintenance_id", "starts_at", "id"),
    # Those that take place now: what is under maintenance.
    Index(
        "ix_maintenance_instances_active",
        "maintenance_id",
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    ),
    # Those that begin, and those that end, by a moment.
    Index(None, "status", "starts_at"),
    Index(None, "status", "ends_at"),
)

maintenance_updates = Table(
    "maintenance_updates",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("maintenance_id", ForeignKey("maintenances.id", ondelete="CASCADE"), nullable=False),
    Column("message", sa.Text, nullable=False),
    # That of its window.
    Column("visibility", sa.String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
    CheckConstraint(f"visibility IN ({_VISIBILITIES})", name="visibility"),
    # The messages of a window.
    Index(None, "maintenance_id", "id"),
)
