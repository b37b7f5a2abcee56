"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Entries are plain rows on both databases; what differs is the index over their words.
_SQLITE_SEARCH = (
    "CREATE VIRTUAL TABLE search_words USING fts5("
    "body, content='search_entries', content_rowid='id', tokenize='unicode61 remove_diacritics 0')",
    "CREATE TRIGGER search_entries_insert AFTER INSERT ON search_entries BEGIN "
    "INSERT INTO search_words(rowid, body) VALUES (new.id, new.body); END",
    "CREATE TRIGGER search_entries_delete AFTER DELETE ON search_entries BEGIN "
    "INSERT INTO search_words(search_words, rowid, body) VALUES ('delete', old.id, old.body); END",
    "CREATE TRIGGER search_entries_update AFTER UPDATE OF body ON search_entries BEGIN "
    "INSERT INTO search_words(search_words, rowid, body) VALUES ('delete', old.id, old.body); "
    "INSERT INTO search_words(rowid, body) VALUES (new.id, new.body); END",
)
# The stored words are split already: PostgreSQL's own parser would see hosts and numbers where SQLite sees words.
_POSTGRES_SEARCH = (
    "ALTER TABLE search_entries ADD COLUMN words tsvector "
    "GENERATED ALWAYS AS (array_to_tsvector(string_to_array(body, ' '))) STORED",
    "CREATE INDEX ix_search_entries_words ON search_entries USING gin (words)",
)


def upgrade() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_api_tokens_token_digest")),
    )
    op.create_table(
        "changes",
        sa.Column("seq", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("reactive", sa.Boolean(), nullable=False),
        sa.Column("has_events", sa.Boolean(), nullable=False),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("prev", _JSON, nullable=True),
        sa.Column("next", _JSON, nullable=True),
        sa.Column("changed_fields", _JSON, nullable=False),
        sa.Column("delta", _JSON, nullable=False),
        sa.Column("described_fields", _JSON, nullable=False),
        sa.Column("before", _JSON, nullable=True),
        sa.Column("after", _JSON, nullable=True),
        sa.Column("touched", _JSON, nullable=False),
        sa.Column("events", _JSON, nullable=False),
        sa.Column("payload", _JSON, nullable=True),
        sa.Column("actor", _JSON, nullable=False),
        sa.Column("cause", _JSON, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changes")),
        sa.UniqueConstraint("id", name=op.f("uq_changes_id")),
        sa.UniqueConstraint("kind", "entity_id", "version", name=op.f("uq_changes_kind_entity_id_version")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_changes_events",
        "changes",
        ["kind", "seq"],
        unique=False,
        sqlite_where=sa.text("has_events = 1"),
        postgresql_where=sa.text("has_events"),
    )
    op.create_index(op.f("ix_changes_occurred_at"), "changes", ["occurred_at"], unique=False)
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "entity_transitions",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("change_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("from_value", sa.Text(), nullable=True),
        sa.Column("to_value", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity_transitions")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_entity_transitions_kind_entity_id_field_occurred_at"),
        "entity_transitions",
        ["kind", "entity_id", "field", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_entity_transitions_kind_entity_id_id"), "entity_transitions", ["kind", "entity_id", "id"], unique=False
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("viewer_id", sa.String(length=200), nullable=False),
        sa.Column("mutation", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("input_digest", sa.String(length=64), nullable=False),
        sa.Column("answer", _JSON, nullable=True),
        sa.Column("seq", _BIG_ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("viewer_id", "mutation", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("suppress_notifications", sa.Boolean(), nullable=False),
        sa.Column("health_override", sa.String(length=20), nullable=True),
        sa.Column("dedupe_key", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_by_type", sa.String(length=20), nullable=False),
        sa.Column("opened_by_id", sa.String(length=200), nullable=False),
        sa.Column("opened_by_name", sa.String(length=200), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("identified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fixing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("monitoring_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name=op.f("ck_incidents_resolved_at")),
        sa.CheckConstraint("health_override IN ('degraded', 'unhealthy')", name=op.f("ck_incidents_health_override")),
        sa.CheckConstraint(
            "status IN ('investigating', 'identified', 'fixing', 'monitoring', 'resolved')",
            name=op.f("ck_incidents_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("number", name=op.f("uq_incidents_number")),
    )
    op.create_index(op.f("ix_incidents_created_at_id"), "incidents", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_incidents_open",
        "incidents",
        ["created_at", "id"],
        unique=False,
        sqlite_where=sa.text("status <> 'resolved'"),
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_index(
        op.f("ix_incidents_opened_by_id_created_at_id"), "incidents", ["opened_by_id", "created_at", "id"], unique=False
    )
    op.create_index(op.f("ix_incidents_severity_id"), "incidents", ["severity", "id"], unique=False)
    op.create_index(
        op.f("ix_incidents_status_created_at_id"), "incidents", ["status", "created_at", "id"], unique=False
    )
    op.create_index(op.f("ix_incidents_updated_at_id"), "incidents", ["updated_at", "id"], unique=False)
    op.create_table(
        "readers",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("seq", _BIG_ID, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_readers")),
    )
    op.create_table(
        "server_state",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_server_state")),
    )
    op.create_table(
        "systems",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_systems")),
        sa.UniqueConstraint("key", name=op.f("uq_systems_key")),
    )
    op.create_index(op.f("ix_systems_name_id"), "systems", ["name", "id"], unique=False)
    op.create_table(
        "incident_links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("url_digest", sa.String(length=64), nullable=False),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "visibility IN ('public', 'logged_in', 'internal')", name=op.f("ck_incident_links_visibility")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_links_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_links")),
        sa.UniqueConstraint("incident_id", "url_digest", name=op.f("uq_incident_links_incident_id_url_digest")),
    )
    op.create_index(
        op.f("ix_incident_links_incident_id_created_at_id"),
        "incident_links",
        ["incident_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "incident_systems",
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_systems_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["system_id"], ["systems.id"], name=op.f("fk_incident_systems_system_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("incident_id", "system_id", name=op.f("pk_incident_systems")),
    )
    op.create_index(
        op.f("ix_incident_systems_system_id_incident_id"),
        "incident_systems",
        ["system_id", "incident_id"],
        unique=False,
    )
    op.create_table(
        "incident_updates",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("status_change", sa.String(length=20), nullable=True),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_type", sa.String(length=20), nullable=False),
        sa.Column("created_by_id", sa.String(length=200), nullable=False),
        sa.Column("created_by_name", sa.String(length=200), nullable=True),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status_change IN ('investigating', 'identified', 'fixing', 'monitoring', 'resolved')",
            name=op.f("ck_incident_updates_status_change"),
        ),
        sa.CheckConstraint(
            "visibility IN ('public', 'logged_in', 'internal')", name=op.f("ck_incident_updates_visibility")
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_updates_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_updates")),
    )
    op.create_index(
        op.f("ix_incident_updates_incident_id_created_at_id"),
        "incident_updates",
        ["incident_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "open_incident_claims",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("dedupe_key", sa.String(length=200), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_open_incident_claims_incident_id"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["system_id"], ["systems.id"], name=op.f("fk_open_incident_claims_system_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("system_id", "dedupe_key", name=op.f("pk_open_incident_claims")),
    )
    op.create_index(op.f("ix_open_incident_claims_incident_id"), "open_incident_claims", ["incident_id"], unique=False)
    op.create_table(
        "search_entries",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=False),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_search_entries_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entries")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_search_entries_entry_id")),
    )
    op.create_index(op.f("ix_search_entries_incident_id"), "search_entries", ["incident_id"], unique=False)
    op.create_table(
        "incident_update_versions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("update_id", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("status_change", sa.String(length=20), nullable=True),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by_type", sa.String(length=20), nullable=False),
        sa.Column("replaced_by_id", sa.String(length=200), nullable=False),
        sa.Column("replaced_by_name", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["update_id"],
            ["incident_updates.id"],
            name=op.f("fk_incident_update_versions_update_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_update_versions")),
    )
    op.create_index(
        op.f("ix_incident_update_versions_update_id_id"), "incident_update_versions", ["update_id", "id"], unique=False
    )
    _finish()


def _finish() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRES_SEARCH if postgres else _SQLITE_SEARCH:
        op.execute(statement)
    op.execute("INSERT INTO counters (name, value) VALUES ('incident', 0)")
    op.execute("INSERT INTO server_state (name, value) VALUES ('log_floor', '0')")
