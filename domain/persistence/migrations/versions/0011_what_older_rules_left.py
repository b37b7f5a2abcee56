"""Marks timelines that lack their incident's status, and finds the keys of systems in the log of their health.

The former are completed by the next process that starts, through the handle, because all changes have to be in the log.
For systems that were deleted without any report, no key was kept.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

compatible_since = "0010"

_INCOMPLETE = """
INSERT INTO server_state (name, value) SELECT 'incomplete_timelines', 'yes' WHERE EXISTS (
    SELECT 1 FROM incidents WHERE status <> COALESCE((
        SELECT COALESCE(status_change, comment_status) FROM incident_updates
        WHERE incident_id = incidents.id AND COALESCE(status_change, comment_status) IS NOT NULL
        ORDER BY created_at DESC, is_opening, id DESC LIMIT 1), 'investigating')
)
"""

_KEYS = """
INSERT INTO former_systems (id, key, deleted_at)
SELECT entity_id, {key}, occurred_at FROM changes
WHERE kind = 'health' AND action = 'deleted' AND {key} IS NOT NULL
AND entity_id NOT IN (SELECT id FROM systems) AND entity_id NOT IN (SELECT id FROM former_systems)
"""


def upgrade() -> None:
    key = (
        "json_extract(before, '$.system_key')" if op.get_bind().dialect.name == "sqlite" else "before ->> 'system_key'"
    )
    op.execute(sa.text(_INCOMPLETE))
    op.execute(sa.text(_KEYS.format(key=key)))
