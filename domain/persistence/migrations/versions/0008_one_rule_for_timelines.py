"""Status and times follow from the timeline: entries mark openings and comments, and stored times are corrected.

Each statement passes once over all rows and writes those that differ. A status that its timeline does not have stays:
it cannot change behind the log. The process that starts after 0011 writes the entry that is missing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: The entry that was written with the incident, even if it was edited since.
_OPENINGS = """
UPDATE incident_updates SET is_opening = TRUE WHERE id IN (
    SELECT entry.id FROM incident_updates AS entry JOIN incidents ON incidents.id = entry.incident_id
    WHERE incidents.created_at = COALESCE(
        (SELECT first.created_at FROM incident_update_versions AS first
         WHERE first.update_id = entry.id ORDER BY first.id LIMIT 1), entry.created_at)
    AND 'investigating' = COALESCE(
        (SELECT first.status_change FROM incident_update_versions AS first
         WHERE first.update_id = entry.id ORDER BY first.id LIMIT 1), entry.status_change)
)
"""

#: Callers could date an entry before the beginning, but not move the beginning.
_BEGINNINGS = """
UPDATE incidents SET occurred_at = (SELECT MIN(created_at) FROM incident_updates WHERE incident_id = incidents.id)
WHERE occurred_at > (SELECT MIN(created_at) FROM incident_updates WHERE incident_id = incidents.id)
"""

_OPENINGS_MOVE = """
UPDATE incident_updates
SET created_at = (SELECT occurred_at FROM incidents WHERE incidents.id = incident_updates.incident_id)
WHERE is_opening
AND created_at <> (SELECT occurred_at FROM incidents WHERE incidents.id = incident_updates.incident_id)
"""

#: Every entry with a status, the one that held before it, and how many come after it.
_WALK = """
walk AS (
    SELECT id, incident_id, is_opening, created_at AS moment, status_change AS status,
        COALESCE(LAG(status_change) OVER timeline, 'investigating') AS held,
        ROW_NUMBER() OVER (PARTITION BY incident_id ORDER BY created_at DESC, is_opening, id DESC) AS place
    FROM incident_updates WHERE status_change IS NOT NULL
    WINDOW timeline AS (PARTITION BY incident_id ORDER BY created_at, is_opening DESC, id)
)
"""

_TIMES = """
WITH {walk}, settled AS (
    SELECT incidents.id AS incident_id,
        COALESCE(MAX(CASE WHEN walk.place = 1 THEN walk.status END), 'investigating') AS status,
        MAX(CASE WHEN walk.status = 'identified' AND walk.held <> walk.status THEN walk.moment END) AS identified_at,
        MAX(CASE WHEN walk.status = 'fixing' AND walk.held <> walk.status THEN walk.moment END) AS fixing_at,
        MAX(CASE WHEN walk.status = 'monitoring' AND walk.held <> walk.status THEN walk.moment END) AS monitoring_at,
        MAX(CASE WHEN walk.status = 'resolved' AND walk.held <> walk.status THEN walk.moment END) AS resolved_at
    FROM incidents LEFT JOIN walk ON walk.incident_id = incidents.id GROUP BY incidents.id
)
UPDATE incidents SET identified_at = settled.identified_at, fixing_at = settled.fixing_at,
    monitoring_at = settled.monitoring_at,
    resolved_at = CASE WHEN settled.status = 'resolved' THEN settled.resolved_at END
FROM settled WHERE settled.incident_id = incidents.id AND settled.status = incidents.status AND (
    incidents.identified_at {differs} settled.identified_at OR incidents.fixing_at {differs} settled.fixing_at
    OR incidents.monitoring_at {differs} settled.monitoring_at
    OR (settled.status = 'resolved' AND incidents.resolved_at {differs} settled.resolved_at)
)
"""

_COMMENTS = """
WITH {walk}
UPDATE incident_updates SET comment_status = status_change, status_change = NULL
WHERE id IN (SELECT id FROM walk WHERE held = status AND NOT is_opening)
"""

#: Incidents whose status stays: these must have no time before their beginning either.
_NOTHING_BEFORE = "UPDATE incidents SET resolved_at = occurred_at WHERE resolved_at < occurred_at"


def upgrade() -> None:
    op.add_column("incident_updates", sa.Column("comment_status", sa.String(20), nullable=True))
    op.add_column("incident_updates", sa.Column("is_opening", sa.Boolean(), nullable=False, server_default=sa.false()))
    differs = "IS NOT" if op.get_bind().dialect.name == "sqlite" else "IS DISTINCT FROM"
    for statement in (_OPENINGS, _BEGINNINGS, _OPENINGS_MOVE, _TIMES, _COMMENTS, _NOTHING_BEFORE):
        op.execute(statement.format(walk=_WALK, differs=differs))
