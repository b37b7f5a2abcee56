"""Adds what reports and incidents set for the health of systems, and when, with what is known of the past.

Of a report of the past that is when it was recorded. Of an incident its present override counts for all of its time.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HEALTH = "status IN ('healthy', 'degraded', 'unhealthy')"
_FAR = "9999-12-31 00:00:00.000000"


def upgrade() -> None:
    op.add_column("changes", sa.Column("health", _JSON, nullable=True))
    op.create_table(
        "health_spans",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_HEALTH, name=op.f("ck_health_spans_status")),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_health_spans_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_spans")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "derived_health",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.CheckConstraint(_HEALTH, name=op.f("ck_derived_health_status")),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_derived_health")),
    )
    _fill("" if op.get_bind().dialect.name == "sqlite" else "+00")
    for columns in (["system_id", "ended_at"], ["system_id", "began_at"], ["incident_id"]):
        op.create_index(op.f(f"ix_health_spans_{'_'.join(columns)}"), "health_spans", columns)


def _fill(zone: str) -> None:
    far = f"'{_FAR}{zone}'"
    op.execute(
        f"""
        INSERT INTO health_spans (system_id, incident_id, status, began_at, ended_at)
        SELECT member.system_id, incidents.id, incidents.health_override, incidents.occurred_at,
               coalesce(incidents.resolved_at, {far})
        FROM incident_systems AS member JOIN incidents ON incidents.id = member.incident_id
        WHERE incidents.health_override IS NOT NULL
        ORDER BY incidents.id, member.system_id
        """  # noqa: S608 - constants
    )
    op.execute(
        f"""
        INSERT INTO health_spans (system_id, status, set_at, unset_at, began_at, ended_at)
        SELECT system_id, status, began, ended, began, coalesce(ended, {far})
        FROM (
            SELECT entity_id AS system_id, to_value AS status, occurred_at AS began,
                   lead(occurred_at) OVER (PARTITION BY entity_id ORDER BY id) AS ended
            FROM entity_transitions WHERE kind = 'health' AND field = 'status'
        ) AS reports
        WHERE status <> 'healthy' AND system_id IN (SELECT id FROM systems)
        ORDER BY began, system_id
        """  # noqa: S608 - constants
    )
    op.execute(
        f"""
        INSERT INTO derived_health (system_id, status)
        SELECT system_id, max(status) FROM health_spans WHERE ended_at = {far} GROUP BY system_id
        """  # noqa: S608 - constants
    )
