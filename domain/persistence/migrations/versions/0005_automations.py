"""Automations, their versions, runs, steps, artifacts, dwells and windows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "automations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("group_name", sa.String(length=120), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("managed_by", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automations")),
        sa.UniqueConstraint("name", name=op.f("uq_automations_name")),
    )
    op.create_index(op.f("ix_automations_group_name_id"), "automations", ["group_name", "id"], unique=False)
    op.create_table(
        "automation_dwells",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("trigger_id", sa.String(length=64), nullable=False),
        sa.Column("context_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=True),
        sa.Column("entity_id", sa.String(length=64), nullable=True),
        sa.Column("firing", _JSON, nullable=False),
        sa.Column("state", _JSON, nullable=False),
        sa.Column("armed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fire_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"], ["automations.id"], name=op.f("fk_automation_dwells_automation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_dwells")),
        sa.UniqueConstraint("automation_id", "trigger_id", "context_key", name="uq_automation_dwells_context"),
    )
    op.create_index(
        op.f("ix_automation_dwells_kind_entity_id"), "automation_dwells", ["kind", "entity_id"], unique=False
    )
    op.create_table(
        "automation_runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("trigger_id", sa.String(length=64), nullable=False),
        sa.Column("firing_key", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("payload", _JSON, nullable=False),
        sa.Column("actor", _JSON, nullable=False),
        sa.Column("context_key", sa.String(length=200), nullable=True),
        sa.Column("change_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=True),
        sa.Column("entity_id", sa.String(length=64), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bucket", sa.String(length=220), nullable=False),
        sa.Column("once_key", sa.String(length=200), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["automation_id"], ["automations.id"], name=op.f("fk_automation_runs_automation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_runs")),
        sa.UniqueConstraint("automation_id", "once_key", name=op.f("uq_automation_runs_automation_id_once_key")),
        sa.UniqueConstraint("automation_id", "trigger_id", "firing_key", name="uq_automation_runs_firing"),
    )
    op.create_index(
        op.f("ix_automation_runs_automation_id_status_bucket_id"),
        "automation_runs",
        ["automation_id", "status", "bucket", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_automation_runs_change_id"), "automation_runs", ["change_id"], unique=False)
    op.create_index(
        op.f("ix_automation_runs_automation_id_id"), "automation_runs", ["automation_id", "id"], unique=False
    )
    op.create_index(op.f("ix_automation_runs_status_id"), "automation_runs", ["status", "id"], unique=False)
    op.create_table(
        "automation_triggers",
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("trigger_id", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since_seq", _BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"], ["automations.id"], name=op.f("fk_automation_triggers_automation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("automation_id", "trigger_id", name=op.f("pk_automation_triggers")),
    )
    op.create_index(op.f("ix_automation_triggers_event"), "automation_triggers", ["event"], unique=False)
    op.create_index(
        "ix_automation_triggers_next_at",
        "automation_triggers",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "automation_versions",
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", _JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", sa.String(length=200), nullable=False),
        sa.Column("created_by_name", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["automation_id"], ["automations.id"], name=op.f("fk_automation_versions_automation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("automation_id", "number", name=op.f("pk_automation_versions")),
    )
    op.create_table(
        "automation_window_events",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("trigger_id", sa.String(length=64), nullable=False),
        sa.Column("partition_key", sa.String(length=200), nullable=False),
        sa.Column("firing_key", sa.String(length=200), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.id"],
            name=op.f("fk_automation_window_events_automation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_window_events")),
        sa.UniqueConstraint("automation_id", "trigger_id", "firing_key", name="uq_automation_window_events_firing"),
    )
    op.create_index(
        "ix_automation_window_events_counting",
        "automation_window_events",
        ["automation_id", "trigger_id", "partition_key", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "automation_artifacts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("automation_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("action_id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=True),
        sa.Column("owned", sa.Boolean(), nullable=False),
        sa.Column("context_key", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["automations.id"],
            name=op.f("fk_automation_artifacts_automation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["automation_runs.id"], name=op.f("fk_automation_artifacts_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_artifacts")),
        sa.UniqueConstraint("run_id", "path", "type", name=op.f("uq_automation_artifacts_run_id_path_type")),
    )
    op.create_index(op.f("ix_automation_artifacts_entity_id"), "automation_artifacts", ["entity_id"], unique=False)
    op.create_index(
        "ix_automation_artifacts_newest",
        "automation_artifacts",
        ["automation_id", "context_key", "type", "id"],
        unique=False,
    )
    op.create_table(
        "automation_steps",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=True),
        sa.Column("action_id", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("input", _JSON, nullable=True),
        sa.Column("output", _JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["automation_runs.id"], name=op.f("fk_automation_steps_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "path", name=op.f("pk_automation_steps")),
    )
    op.add_column("changes", sa.Column("run_id", sa.String(length=64), nullable=True))
    op.create_index(
        "ix_changes_run_id",
        "changes",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
