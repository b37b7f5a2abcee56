"""The table of channels."""

import sqlalchemy as sa
from sqlalchemy import Column, Table

from domain.persistence.tables import metadata
from domain.persistence.types import UtcDateTime

channels = Table(
    "channels",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    # Automations look channels up by name, and of two admins who choose one name the second is refused.
    Column("name", sa.String(200), nullable=False, unique=True),
    Column("service", sa.String(100), nullable=False),
    Column("address", sa.String(300), nullable=False),
    Column("ciphertext", sa.Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
)
