"""Erasures of people, and people who acted before there was a table of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from domain.ids import new_id

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

compatible_since = "0010"

#: The columns that say which users have acted.
_ACTED = (
    ("incidents", "opened_by"),
    ("incidents", "acknowledged_by"),
    ("incident_updates", "created_by"),
    ("incident_update_versions", "replaced_by"),
    ("incident_relations", "created_by"),
    ("automation_versions", "created_by"),
    ("api_tokens", "created_by"),
    ("secrets", "created_by"),
    ("integrations", "created_by"),
)


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("actor_type", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("former_id", sa.String(200)),
        sa.Column("former_name", sa.String(200)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("since_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pass_number", sa.Integer, nullable=False),
        sa.Column("place", sa.String(60)),
        sa.Column("position", sa.Text),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("rows_of_pass", sa.Integer, nullable=False),
        sa.CheckConstraint("status IN ('pending', 'done')", name=op.f("ck_erasures_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("actor_id", name=op.f("uq_erasures_actor_id")),
    )
    pending = sa.text("status = 'pending'")
    op.create_index(
        "uq_erasures_pending", "erasures", ["digest"], unique=True, sqlite_where=pending, postgresql_where=pending
    )
    op.create_index(op.f("ix_erasures_digest_id"), "erasures", ["digest", "id"])
    _know_users()


def _know_users() -> None:
    """Write the users that rows and the log name: only who is known can be forgotten."""
    people = sa.table("people", *(sa.column(name) for name in ("id", "actor_type", "actor_id", "name", "folded_name")))
    moment: sa.ColumnClause[object] = sa.column("created_at", sa.DateTime(timezone=True))
    people.append_column(moment)
    bind = op.get_bind()
    known = set(bind.scalars(sa.select(people.c.actor_id).where(people.c.actor_type == "user")))
    found: dict[str, str | None] = {}
    for statement in _users(sqlite=bind.dialect.name == "sqlite"):
        found |= {user: name for user, name in bind.execute(statement) if user not in known}
    now = bind.scalar(sa.select(sa.func.current_timestamp(type_=sa.DateTime(timezone=True))))
    rows = [
        {
            "id": new_id("per"),
            "actor_type": "user",
            "actor_id": user,
            "name": name,
            "folded_name": (name or "").casefold(),
            "created_at": now,
        }
        for user, name in sorted(found.items())
    ]
    if rows:
        op.bulk_insert(people, rows)


def _users(*, sqlite: bool) -> list[sa.Select[Any]]:
    """Return the queries of users: the last ones know their present names best."""
    text = "json_extract(actor, '$.{}')" if sqlite else "actor ->> '{}'"
    columns = [tuple(f"{prefix}_{part}" for part in ("type", "id", "name")) for _, prefix in _ACTED]
    columns.append(tuple(text.format(part) for part in ("type", "id", "name")))
    tables = [*(table for table, _ in _ACTED), "changes"]
    queries = []
    for table, (kind, identifier, name) in zip(tables, columns, strict=True):
        users: sa.ColumnClause[Any] = sa.literal_column(identifier)
        chosen = sa.select(users, sa.func.max(sa.literal_column(name))).select_from(sa.table(table))
        queries.append(chosen.where(sa.literal_column(kind) == "user").group_by(users))
    return queries
