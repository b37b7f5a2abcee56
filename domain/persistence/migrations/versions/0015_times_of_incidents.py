"""Adds indexes of the times of incidents and of their steps, which metrics walk from a moment on."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    op.create_index("ix_incidents_occurred_at_id", "incidents", ["occurred_at", "id"])
    op.create_index("ix_incidents_resolved_at_id", "incidents", ["resolved_at", "id"])
    _index_some("ix_incidents_identified_at", "incidents", ["identified_at"], "identified_at IS NOT NULL")
    _index_some(
        "ix_incident_updates_steps", "incident_updates", ["created_at", "incident_id"], "status_change IS NOT NULL"
    )


def _index_some(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
