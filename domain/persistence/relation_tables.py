"""The table of relations between incidents. Each index and constraint names the query or race that it serves."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from domain.model.relation import RelationType
from domain.persistence.tables import metadata
from domain.persistence.types import UtcDateTime

_TYPES = ", ".join(f"'{kind}'" for kind in RelationType)

incident_relations = Table(
    "incident_relations",
    metadata,
    # Two rows for each relation, one for each of its incidents.
    Column("id", sa.String(64), primary_key=True),
    Column("incident_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("type", sa.String(20), nullable=False),
    # An incident is taken from those that it is related to through their handle; the cascade is for safety.
    Column("related_id", ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False),
    Column("is_inverse", sa.Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by_type", sa.String(20), nullable=False),
    Column("created_by_id", sa.String(200), nullable=False),
    Column("created_by_name", sa.String(200)),
    CheckConstraint(f"type IN ({_TYPES})", name="type"),
    # One relation of a type; also the way from one incident to the next.
    UniqueConstraint("incident_id", "type", "related_id", "is_inverse"),
    # The relations of an incident.
    Index(None, "incident_id", "id"),
    # Those of an incident that is deleted.
    Index(None, "related_id"),
)
