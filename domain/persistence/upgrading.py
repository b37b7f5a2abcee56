"""Alembic on our migrations; imported where a database lacks one, because most starts need none."""

import logging
from functools import cache
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def upgrade(connection: sa.Connection, migrations: Path) -> None:
    """Apply every missing migration on this connection, in its transaction."""
    # Alembic would log the type of the database each time.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = config_of(migrations)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def head_of(migrations: Path) -> ModuleType:
    """Return the module of the newest of these migrations."""
    return scripts_of(migrations).get_revision("head").module


@cache
def scripts_of(migrations: Path) -> ScriptDirectory:
    """Return these migrations; they come with the code, so that one process reads them once."""
    return ScriptDirectory.from_config(config_of(migrations))


def config_of(migrations: Path) -> Config:
    """Return Alembic's configuration for these migrations."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config
