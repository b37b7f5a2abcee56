"""Adds the words by which systems are searched, made of those that are there."""

import sqlalchemy as sa
from alembic import op

from domain.persistence.search import searched_words

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

compatible_since = "0010"

_systems = sa.table("systems", *map(sa.column, ("id", "key", "name", "description", "words")))
_FILL = sa.update(_systems).where(_systems.c.id == sa.bindparam("system")).values(words=sa.bindparam("found"))


def upgrade() -> None:
    op.add_column("systems", sa.Column("words", sa.Text(), server_default=" ", nullable=False))
    connection = op.get_bind()
    found = [
        {"system": row.id, "found": searched_words(row.key, row.name, row.description)}
        for row in connection.execute(sa.select(_systems.c.id, _systems.c.key, _systems.c.name, _systems.c.description))
    ]
    if found:
        connection.execute(_FILL, found)
