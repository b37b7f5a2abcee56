"""The tables of callers. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table

from domain.persistence.tables import metadata
from domain.persistence.types import BigId, Json, UtcDateTime

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Two calls with one key at once: the second waits for the first and gets its answer.
    Column("viewer_id", sa.String(200), primary_key=True),
    Column("mutation", sa.String(60), primary_key=True),
    Column("key", sa.String(200), primary_key=True),
    Column("input_digest", sa.String(64), nullable=False),
    Column("answer", Json),
    Column("seq", BigId),
    Column("created_at", UtcDateTime, nullable=False),
    # Keys are pruned after a day.
    Index(None, "created_at"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("name", sa.String(200), nullable=False),
    Column("role", sa.String(20), nullable=False),
    # A token is found by its digest; the token itself is not stored.
    Column("token_digest", sa.String(64), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20)),
    Column("created_by_id", sa.String(200)),
    Column("created_by_name", sa.String(200)),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    # Ids without a foreign key: a list that lost its last system still limits the token, to nothing.
    Column("systems", Json),
)
