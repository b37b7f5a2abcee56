"""The tables of automations. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import BigId, Json, UtcDateTime

automations = Table(
    "automations",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # One automation per name: `apply` finds it by that, also when two apply at once.
    Column("name", sa.String(200), nullable=False, unique=True),
    Column("description", sa.Text),
    Column("group_name", sa.String(120)),
    Column("enabled", sa.Boolean, nullable=False),
    Column("number", sa.Integer, nullable=False),
    Column("managed_by", sa.String(200)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Deleted automations remain until their runs are pruned.
    Column("deleted_at", UtcDateTime),
    # The automations of one group.
    Index(None, "group_name", "id"),
)

automation_versions = Table(
    "automation_versions",
    metadata,
    # A run finishes on the version that it started with.
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), primary_key=True),
    Column("number", sa.Integer, primary_key=True),
    Column("definition", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
)

automation_triggers = Table(
    "automation_triggers",
    metadata,
    # The present triggers of enabled automations.
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), primary_key=True),
    Column("trigger_id", sa.String(64), primary_key=True),
    Column("event", sa.String(100), nullable=False),
    Column("position", sa.Integer, nullable=False),
    # The next due time of a time trigger; null for other triggers.
    Column("next_at", UtcDateTime),
    # The log's head when it was saved: earlier changes do not fire it.
    Column("since_seq", BigId, nullable=False),
    # Routing: the triggers for this event.
    Index(None, "event"),
    # The schedule: the triggers that are due.
    Index(
        "ix_automation_triggers_next_at",
        "next_at",
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    ),
)

automation_runs = Table(
    "automation_runs",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), nullable=False),
    Column("number", sa.Integer, nullable=False),
    Column("trigger_id", sa.String(64), nullable=False),
    Column("firing_key", sa.String(200), nullable=False),
    Column("event", sa.String(100), nullable=False),
    Column("payload", Json, nullable=False),
    Column("actor", Json, nullable=False),
    Column("context_key", sa.String(200)),
    Column("change_id", sa.String(64)),
    Column("kind", sa.String(40)),
    Column("entity_id", sa.String(64)),
    Column("depth", sa.Integer, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("bucket", sa.String(220), nullable=False),
    Column("once_key", sa.String(200)),
    Column("status", sa.String(20), nullable=False),
    Column("reason", sa.String(20)),
    Column("message", sa.Text),
    Column("version", sa.Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    # A firing leads to one run, however often it is delivered.
    UniqueConstraint("automation_id", "trigger_id", "firing_key", name="uq_automation_runs_firing"),
    # `once_for`: one run per value.
    UniqueConstraint("automation_id", "once_key"),
    # The active runs of a bucket, and the next one of a queue.
    Index(None, "automation_id", "status", "bucket", "id"),
    # The runs of one automation, newest first.
    Index(None, "automation_id", "id"),
    # The runs of all automations by status.
    Index(None, "status", "id"),
    # The runs of a bucket that were started within a time.
    Index(
        "ix_automation_runs_started",
        "automation_id",
        "bucket",
        "created_at",
        sqlite_where=sa.text("status <> 'skipped'"),
        postgresql_where=sa.text("status <> 'skipped'"),
    ),
    # The runs of a change.
    Index(None, "change_id"),
    # The runs that changes of an entity started.
    Index(None, "entity_id", "id"),
)

automation_steps = Table(
    "automation_steps",
    metadata,
    # A step takes effect once, even if two processes execute the run: its effect is committed with this row.
    Column("run_id", ForeignKey("automation_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("path", sa.String(500), primary_key=True),
    Column("position", sa.Integer, nullable=False),
    Column("kind", sa.String(20), nullable=False),
    Column("action", sa.String(100)),
    Column("action_id", sa.String(64)),
    Column("status", sa.String(20), nullable=False),
    Column("attempts", sa.Integer, nullable=False),
    Column("input", Json),
    Column("output", Json),
    # JSON whose keys keep their order: a retry under the same idempotency key has to be the same to the byte.
    Column("request", sa.Text),
    Column("error", sa.Text),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("due_at", UtcDateTime),
)

automation_artifacts = Table(
    "automation_artifacts",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", ForeignKey("automation_runs.id", ondelete="CASCADE"), nullable=False),
    Column("path", sa.String(500), nullable=False),
    Column("action_id", sa.String(64), nullable=False),
    Column("type", sa.String(100), nullable=False),
    Column("data", Json, nullable=False),
    # The object that the artifact names; artifacts of an incident are closed when it is resolved.
    Column("entity_id", sa.String(64)),
    Column("owned", sa.Boolean, nullable=False),
    Column("context_key", sa.String(200)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    # One artifact of a type per step, also when two processes execute it.
    UniqueConstraint("run_id", "path", "type"),
    # The newest open artifact for the same context.
    Index("ix_automation_artifacts_newest", "automation_id", "context_key", "type", "id"),
    Index(None, "entity_id"),
)

automation_dwells = Table(
    "automation_dwells",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), nullable=False),
    Column("trigger_id", sa.String(64), nullable=False),
    # Empty for none, because nulls would not be unique.
    Column("context_key", sa.String(200), nullable=False),
    Column("kind", sa.String(40)),
    Column("entity_id", sa.String(64)),
    Column("firing", Json, nullable=False),
    Column("state", Json, nullable=False),
    Column("armed_at", UtcDateTime, nullable=False),
    Column("fire_at", UtcDateTime, nullable=False),
    # One dwell per trigger and context key: armed again, it keeps its first deadline.
    UniqueConstraint("automation_id", "trigger_id", "context_key", name="uq_automation_dwells_context"),
    # The dwells that a change of the entity may break.
    Index(None, "kind", "entity_id"),
)

automation_window_events = Table(
    "automation_window_events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("automation_id", ForeignKey("automations.id", ondelete="CASCADE"), nullable=False),
    Column("trigger_id", sa.String(64), nullable=False),
    Column("partition_key", sa.String(200), nullable=False),
    Column("firing_key", sa.String(200), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    # A firing counts once, however often it is delivered.
    UniqueConstraint("automation_id", "trigger_id", "firing_key", name="uq_automation_window_events_firing"),
    # Counting firings in the window, and pruning older ones.
    Index("ix_automation_window_events_counting", "automation_id", "trigger_id", "partition_key", "occurred_at"),
)
