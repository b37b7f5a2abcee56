"""The table of secrets."""

import sqlalchemy as sa
from sqlalchemy import Column, Table

from domain.persistence.tables import metadata
from domain.persistence.types import UtcDateTime

secrets = Table(
    "secrets",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # Runs look secrets up by name, and of two admins who choose one name the second is refused.
    Column("name", sa.String(64), nullable=False, unique=True),
    Column("ciphertext", sa.Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200), nullable=False),
)
