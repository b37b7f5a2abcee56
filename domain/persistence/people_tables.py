"""The tables of people. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from domain.persistence.tables import metadata
from domain.persistence.types import UtcDateTime

incident_assignees = Table(
    "incident_assignees",
    metadata,
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True),
    Column("id", sa.String(200), primary_key=True),
    Column("type", sa.String(20), nullable=False),
    Column("name", sa.String(200)),
    # The incidents that a person is on.
    Index("ix_incident_assignees_id_incident_id", "id", "incident_id"),
)

people = Table(
    "people",
    metadata,
    Column("id", sa.String(64), primary_key=True),
    Column("actor_type", sa.String(20), nullable=False),
    Column("actor_id", sa.String(200), nullable=False),
    Column("name", sa.String(200)),
    # The name as texts are compared with it: without case.
    Column("folded_name", sa.String(600), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # One person per actor, also when two writes of theirs are the first at once.
    UniqueConstraint("actor_type", "actor_id"),
)
