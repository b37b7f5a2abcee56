"""People, the incidents that they are on, and until when reminders of incidents are silenced."""

import sqlalchemy as sa
from alembic import op

from domain.ids import new_id

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

compatible_since = "0010"

_CREATED: sa.ColumnClause[object] = sa.column("created_at", sa.DateTime(timezone=True))


def upgrade() -> None:
    op.add_column("incidents", sa.Column("snoozed_until", sa.DateTime(timezone=True)))
    op.add_column("incidents", sa.Column("lead_type", sa.String(20)))
    op.add_column("incidents", sa.Column("lead_id", sa.String(200)))
    op.add_column("incidents", sa.Column("lead_name", sa.String(200)))
    op.create_index("ix_incidents_lead_id_created_at_id", "incidents", ["lead_id", "created_at", "id"])
    op.create_table(
        "incident_assignees",
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name=op.f("fk_incident_assignees_incident_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", "id", name=op.f("pk_incident_assignees")),
    )
    people = op.create_table(
        "people",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("actor_type", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("folded_name", sa.String(600), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("actor_type", "actor_id", name=op.f("uq_people_actor_type_actor_id")),
    )
    _known_by_tokens(people)


def _known_by_tokens(people: sa.Table) -> None:
    """Write the people that the tokens stand for that are there already."""
    tokens = sa.table("api_tokens", *[sa.column(name) for name in ("id", "name")], _CREATED)
    found = op.get_bind().execute(sa.select(tokens)).mappings().all()
    rows = [
        {
            "id": new_id("per"),
            "actor_type": "application",
            "actor_id": token["id"],
            "name": token["name"],
            "folded_name": token["name"].casefold(),
            "created_at": token["created_at"],
        }
        for token in found
    ]
    if rows:
        op.bulk_insert(people, rows)
