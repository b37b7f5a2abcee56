"""The entry point of Alembic: it runs the migrations on the connection from `domain.persistence.migrate`."""

from alembic import context

from domain.persistence.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
