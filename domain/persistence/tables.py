"""The tables of systems and incidents, and the metadata of all. Each index and constraint names its query or race."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from domain.model.incident import Health, HealthOverride, Status
from domain.model.viewer import Visibility
from domain.persistence.types import BigId, SeverityRank, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: type[Status | Health | HealthOverride | Visibility]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


systems = Table(
    "systems",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # One system per key, also when two callers create it at once.
    Column("key", sa.String(100), nullable=False, unique=True),
    Column("name", sa.String(200), nullable=False),
    Column("description", sa.Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
    Column("words", sa.Text, nullable=False, server_default=" "),  # what a search finds it by
    # The catalog by name.
    Index(None, "name", "id"),
)

former_systems = Table(
    "former_systems",
    metadata,
    # Deleted systems: the log holds their ids, and filters of the log by key include them.
    Column("id", sa.String(64), primary_key=True),
    Column("key", sa.String(100), nullable=False),
    Column("deleted_at", UtcDateTime, nullable=False),
    # The systems that had a key, the last first.
    Index(None, "key", "deleted_at"),
    # Retention: deleted systems that the log no longer mentions.
    Index(None, "deleted_at"),
)

system_health = Table(
    "system_health",
    metadata,
    # One row per system, from its first report on. It is deleted through its handle; the cascade is for safety.
    Column("system_id", ForeignKey("systems.id", ondelete="CASCADE"), primary_key=True),
    Column("status", sa.String(20), nullable=False),
    Column("message", sa.Text),
    # The order of reports: one that was observed earlier than this is ignored.
    Column("observed_at", UtcDateTime, nullable=False),
    Column("reported_at", UtcDateTime, nullable=False),
    Column("version", sa.Integer, nullable=False),
    _one_of("status", Health),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # The number in the reference: incidents are found by it, and it is never reused.
    Column("number", sa.Integer, nullable=False, unique=True),
    Column("title", sa.String(200), nullable=False),
    Column("description", sa.Text),
    Column("status", sa.String(20), nullable=False),
    Column("severity", SeverityRank, nullable=False),
    Column("suppress_notifications", sa.Boolean, nullable=False),
    Column("health_override", sa.String(20)),
    Column("dedupe_key", sa.String(200), nullable=False),
    Column("version", sa.Integer, nullable=False),
    Column("opened_by_type", sa.String(20), nullable=False),
    Column("opened_by_id", sa.String(200), nullable=False),
    Column("opened_by_name", sa.String(200)),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("identified_at", UtcDateTime),
    Column("fixing_at", UtcDateTime),
    Column("monitoring_at", UtcDateTime),
    Column("resolved_at", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by_type", sa.String(20)),
    Column("acknowledged_by_id", sa.String(200)),
    Column("acknowledged_by_name", sa.String(200)),
    Column("snoozed_until", UtcDateTime),
    Column("lead_type", sa.String(20)),
    Column("lead_id", sa.String(200)),
    Column("lead_name", sa.String(200)),
    _one_of("status", Status),
    _one_of("health_override", HealthOverride),
    # A resolved incident has its time, an open one has none.
    CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_at"),
    # One index per order of lists.
    Index(None, "created_at", "id"),
    Index(None, "updated_at", "id"),
    Index(None, "severity", "id"),
    # Metrics: what began, was identified, acknowledged and resolved in some time.
    Index(None, "occurred_at", "id"),
    Index(None, "resolved_at", "id"),
    Index(
        "ix_incidents_identified_at",
        "identified_at",
        sqlite_where=sa.text("identified_at IS NOT NULL"),
        postgresql_where=sa.text("identified_at IS NOT NULL"),
    ),
    Index(
        "ix_incidents_acknowledged_at",
        "acknowledged_at",
        sqlite_where=sa.text("acknowledged_at IS NOT NULL"),
        postgresql_where=sa.text("acknowledged_at IS NOT NULL"),
    ),
    # Lists of one status.
    Index(None, "status", "created_at", "id"),
    # Lists of one severity, which would be sorted as a whole.
    Index(None, "severity", "created_at", "id"),
    # The filters by the actor who opened an incident, and by the person who leads.
    Index(None, "opened_by_id", "created_at", "id"),
    Index(None, "lead_id", "created_at", "id"),
    # The filter by dedupe key, which most incidents have none of.
    Index(
        "ix_incidents_dedupe_key",
        "dedupe_key",
        "created_at",
        "id",
        sqlite_where=sa.text("dedupe_key <> ''"),
        postgresql_where=sa.text("dedupe_key <> ''"),
    ),
    # Counts of open incidents by severity and by status.
    Index(
        "ix_incidents_open_severity",
        "severity",
        "status",
        sqlite_where=sa.text("status <> 'resolved'"),
        postgresql_where=sa.text("status <> 'resolved'"),
    ),
    # The default list hides resolved incidents, which are most rows.
    Index(
        "ix_incidents_open",
        "created_at",
        "id",
        sqlite_where=sa.text("status <> 'resolved'"),
        postgresql_where=sa.text("status <> 'resolved'"),
    ),
)

incident_systems = Table(
    "incident_systems",
    metadata,
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    # Restricts: a system is removed from its incidents through their handle before it is deleted.
    Column("system_id", ForeignKey("systems.id", ondelete="RESTRICT"), primary_key=True),
    # Incidents of a system; ids are time-ordered, so this is also newest or oldest first.
    Index(None, "system_id", "incident_id"),
)

incident_labels = Table(
    "incident_labels",
    metadata,
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    # One value per key.
    Column("key", sa.String(64), primary_key=True),
    Column("value", sa.String(200), nullable=False),
    # Incidents with a label, and the groups of one key.
    Index(None, "key", "value", "incident_id"),
)

incident_updates = Table(
    "incident_updates",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("message", sa.Text, nullable=False),
    Column("status_change", sa.String(20)),
    Column("visibility", sa.String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
    Column("edited_at", UtcDateTime),
    # The status that a comment names, which was in effect at its date; it becomes a change once it no longer is.
    Column("comment_status", sa.String(20)),
    Column("is_opening", sa.Boolean, nullable=False, server_default=sa.false()),
    _one_of("status_change", Status),
    _one_of("visibility", Visibility),
    # The timeline of an incident.
    Index(None, "incident_id", "created_at", "id"),
    # Metrics: the steps of all timelines in some time.
    Index(
        "ix_incident_updates_steps",
        "created_at",
        "incident_id",
        sqlite_where=sa.text("status_change IS NOT NULL"),
        postgresql_where=sa.text("status_change IS NOT NULL"),
    ),
)

incident_update_versions = Table(
    "incident_update_versions",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("update_id", ForeignKey("incident_updates.id", ondelete="CASCADE"), nullable=False),
    Column("message", sa.Text, nullable=False),
    Column("status_change", sa.String(20)),
    Column("visibility", sa.String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("replaced_at", UtcDateTime, nullable=False),
    Column("replaced_by_type", sa.String(20), nullable=False),
    Column("replaced_by_id", sa.String(200), nullable=False),
    Column("replaced_by_name", sa.String(200)),
    # The edit history of an entry.
    Index(None, "update_id", "id"),
)

incident_links = Table(
    "incident_links",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("label", sa.String(120)),
    Column("url", sa.Text, nullable=False),
    Column("url_digest", sa.String(64), nullable=False),
    Column("visibility", sa.String(20), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    _one_of("visibility", Visibility),
    # One link per address, also when two callers add it at once; the digest because an index row has a largest size.
    UniqueConstraint("incident_id", "url_digest"),
    # The links of an incident.
    Index(None, "incident_id", "created_at", "id"),
    # The filter by the address of a link.
    Index(None, "url_digest", "incident_id"),
)

open_incident_claims = Table(
    "open_incident_claims",
    metadata,
    # The pair is unique: of two deduplicated creates at once, one inserts and the other reuses.
    Column("system_id", ForeignKey("systems.id", ondelete="CASCADE"), primary_key=True),
    Column("dedupe_key", sa.String(200), primary_key=True),
    # Deferred: the claim decides whether the incident is written at all, so it comes first.
    Column(
        "incident_id",
        ForeignKey("incidents.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    # Claims are released by incident, on resolve and on delete.
    Index(None, "incident_id"),
)

server_state = Table(
    "server_state",
    metadata,
    Column("name", sa.String(60), primary_key=True),
    Column("value", sa.Text, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    # One row per series; the row lock serialises callers that take a number.
    Column("name", sa.String(60), primary_key=True),
    Column("value", sa.Integer, nullable=False),
)

search_entries = Table(
    "search_entries",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # One entry per incident header and per timeline entry, replaced when its text changes.
    Column("entry_id", sa.String(64), nullable=False, unique=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("visibility", sa.String(20), nullable=False),
    Column("body", sa.Text, nullable=False),
    # Deleting an incident deletes its entries.
    Index(None, "incident_id"),
)
