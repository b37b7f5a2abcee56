"""Maintenance windows with their systems, instances and messages."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

compatible_since = "0010"

_STATUSES = "status IN ('scheduled', 'active', 'ended', 'cancelled')"
_VISIBILITIES = "visibility IN ('public', 'logged_in', 'internal')"


def upgrade() -> None:
    table = "maintenances"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("visibility", sa.String(20), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recurrence", sa.String(500)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("planned_until", sa.DateTime(timezone=True)),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True)),
        sa.Column("created_by_type", sa.String(20), nullable=False),
        sa.Column("created_by_id", sa.String(200), nullable=False),
        sa.Column("created_by_name", sa.String(200)),
        sa.CheckConstraint(_STATUSES, name=op.f(f"ck_{table}_status")),
        sa.CheckConstraint(_VISIBILITIES, name=op.f(f"ck_{table}_visibility")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f(f"ck_{table}_ends_at")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_status_id"), table, ["status", "id"])
    planned = sa.text("planned_until IS NOT NULL")
    op.create_index(
        f"ix_{table}_planned_until", table, ["planned_until"], sqlite_where=planned, postgresql_where=planned
    )
    _create_systems()
    _create_instances()
    _create_updates()


def _create_systems() -> None:
    table = "maintenance_systems"
    op.create_table(
        table,
        sa.Column("maintenance_id", sa.String(64), nullable=False),
        sa.Column("system_id", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["maintenance_id"], ["maintenances.id"], name=op.f(f"fk_{table}_maintenance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["system_id"], ["systems.id"], name=op.f(f"fk_{table}_system_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("maintenance_id", "system_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_system_id_maintenance_id"), table, ["system_id", "maintenance_id"])


def _create_instances() -> None:
    table = "maintenance_instances"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("maintenance_id", sa.String(64), nullable=False),
        sa.Column("original_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200)),
        sa.Column("description", sa.Text()),
        sa.Column("is_changed", sa.Boolean(), nullable=False),
        sa.Column("visibility", sa.String(20), nullable=False),
        sa.CheckConstraint(_STATUSES, name=op.f(f"ck_{table}_status")),
        sa.CheckConstraint("ends_at > starts_at", name=op.f(f"ck_{table}_ends_at")),
        sa.ForeignKeyConstraint(
            ["maintenance_id"], ["maintenances.id"], name=op.f(f"fk_{table}_maintenance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("maintenance_id", "original_start", name=op.f(f"uq_{table}_maintenance_id_original_start")),
    )
    for columns in (["maintenance_id", "starts_at", "id"], ["status", "starts_at"], ["status", "ends_at"]):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
    active = sa.text("status = 'active'")
    op.create_index(f"ix_{table}_active", table, ["maintenance_id"], sqlite_where=active, postgresql_where=active)


def _create_updates() -> None:
    table = "maintenance_updates"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("maintenance_id", sa.String(64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("visibility", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(20), nullable=False),
        sa.Column("created_by_id", sa.String(200), nullable=False),
        sa.Column("created_by_name", sa.String(200)),
        sa.CheckConstraint(_VISIBILITIES, name=op.f(f"ck_{table}_visibility")),
        sa.ForeignKeyConstraint(
            ["maintenance_id"], ["maintenances.id"], name=op.f(f"fk_{table}_maintenance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_maintenance_id_id"), table, ["maintenance_id", "id"])
