"""Integrations of monitors, their alerts and their deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

compatible_since = "0010"

_JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "integrations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("token_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("system_mapping", _JSON, nullable=False),
        sa.Column("severity_mapping", _JSON, nullable=False),
        sa.Column("mapping", _JSON, nullable=False),
        sa.Column("keep_bodies", sa.Boolean(), nullable=False),
        sa.Column("masked_fields", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(20), nullable=False),
        sa.Column("created_by_id", sa.String(200), nullable=False),
        sa.Column("created_by_name", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_integrations_token_digest")),
    )
    _create_alerts()
    _create_deliveries()


def _create_alerts() -> None:
    table = "integration_alerts"
    op.create_table(
        table,
        sa.Column("integration_id", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("is_firing", sa.Boolean(), nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("incident_id", sa.String(64)),
        sa.Column("group_key", sa.String(255)),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name=op.f(f"fk_{table}_integration_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f(f"fk_{table}_incident_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("integration_id", "key", name=op.f(f"pk_{table}")),
    )
    for columns in (["incident_id"], ["integration_id", "group_key"], ["updated_at"]):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _create_deliveries() -> None:
    table = "integration_deliveries"
    op.create_table(
        table,
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("integration_id", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("acknowledged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("incident_ids", _JSON, nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("repeat_key", sa.String(64)),
        sa.Column("replay_of", sa.String(64)),
        sa.ForeignKeyConstraint(
            ["integration_id"], ["integrations.id"], name=op.f(f"fk_{table}_integration_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("integration_id", "repeat_key", name=op.f(f"uq_{table}_integration_id_repeat_key")),
    )
    for columns in (["integration_id", "id"], ["outcome", "id"], ["last_received_at"]):
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)
