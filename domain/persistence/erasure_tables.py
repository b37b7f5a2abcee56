"""The table of erasures. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, Table

from domain.model.erasure import ErasureStatus
from domain.persistence.tables import metadata
from domain.persistence.types import BigId, UtcDateTime

_STATUSES = ", ".join(f"'{status}'" for status in ErasureStatus)

erasures = Table(
    "erasures",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # The actor in place of the person.
    Column("actor_type", sa.String(20), nullable=False),
    Column("actor_id", sa.String(200), nullable=False, unique=True),
    # A keyed digest of the person's id, by which the same call and their older tokens are known again.
    Column("digest", sa.String(64), nullable=False),
    # Who it was, for as long as it takes.
    Column("former_id", sa.String(200)),
    Column("former_name", sa.String(200)),
    Column("status", sa.String(20), nullable=False),
    Column("version", sa.Integer, nullable=False),
    Column("forgotten_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    # The log's head when it began: up to there, one pass over the log suffices.
    Column("since_seq", BigId, nullable=False),
    # How far it is: in which pass, in which table, behind which primary key, as a JSON list.
    Column("pass_number", sa.Integer, nullable=False),
    Column("place", sa.String(60)),
    Column("position", sa.Text),
    Column("rows", sa.Integer, nullable=False),
    Column("rows_of_pass", sa.Integer, nullable=False),
    CheckConstraint(f"status IN ({_STATUSES})", name="status"),
    # What is left to do; and of two calls about one person at once, one is an erasure.
    Index(
        "uq_erasures_pending",
        "digest",
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    ),
    # The last erasure of a person.
    Index(None, "digest", "id"),
)
