"""The tables of the event log. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import BigId, Json, UtcDateTime

entity_transitions = Table(
    "entity_transitions",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("change_id", sa.String(64), nullable=False),
    Column("kind", sa.String(40), nullable=False),
    Column("entity_id", sa.String(64), nullable=False),
    Column("field", sa.String(60), nullable=False),
    Column("from_value", sa.Text),
    Column("to_value", sa.Text, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    # The time of a field's last transition to a value, and counts of its transitions in a window.
    Index(None, "kind", "entity_id", "field", "occurred_at"),
    # The history of one entity.
    Index(None, "kind", "entity_id", "id"),
    sqlite_autoincrement=True,
)

changes = Table(
    "changes",
    metadata,
    # The cursor: increases in commit order, because appenders take a lock first and never reuse a number.
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("id", sa.String(64), nullable=False, unique=True),
    Column("kind", sa.String(40), nullable=False),
    Column("entity_id", sa.String(64), nullable=False),
    Column("version", sa.Integer, nullable=False),
    Column("action", sa.String(20), nullable=False),
    Column("reactive", sa.Boolean, nullable=False),
    Column("has_events", sa.Boolean, nullable=False),
    # The widest audience that may see any of it.
    Column("visibility", sa.String(20), nullable=False),
    Column("prev", Json),
    Column("next", Json),
    Column("changed_fields", Json, nullable=False),
    Column("delta", Json, nullable=False),
    Column("described_fields", Json, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("touched", Json, nullable=False),
    Column("events", Json, nullable=False),
    Column("payload", Json),
    # The systems whose health was reported or changed with it; null where there is none, as in most rows.
    Column("health", Json),
    Column("actor", Json, nullable=False),
    Column("cause", Json, nullable=False),
    # The run that made the change, out of its cause.
    Column("run_id", sa.String(64)),
    Column("occurred_at", UtcDateTime, nullable=False),
    # Exactly one change per version of an entity; also the log of one entity in order.
    UniqueConstraint("kind", "entity_id", "version"),
    # The trigger events among all changes.
    Index(
        "ix_changes_events",
        "kind",
        "seq",
        sqlite_where=sa.text("has_events = 1"),
        postgresql_where=sa.text("has_events"),
    ),
    # The changes of a run.
    Index(
        "ix_changes_run_id",
        "run_id",
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    ),
    # Retention prunes the oldest.
    Index(None, "occurred_at"),
    sqlite_autoincrement=True,
)

readers = Table(
    "readers",
    metadata,
    Column("name", sa.String(100), primary_key=True),
    Column("seq", BigId, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
