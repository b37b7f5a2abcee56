"""Adds indexes of incidents' dedupe keys and of the addresses of links."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

compatible_since = "0010"


def upgrade() -> None:
    has_key = sa.text("dedupe_key <> ''")
    op.create_index(
        "ix_incidents_dedupe_key",
        "incidents",
        ["dedupe_key", "created_at", "id"],
        sqlite_where=has_key,
        postgresql_where=has_key,
    )
    op.create_index("ix_incident_links_url_digest_incident_id", "incident_links", ["url_digest", "incident_id"])
