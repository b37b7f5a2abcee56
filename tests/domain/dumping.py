"""Everything that a database holds as one text, whoever wrote it and in whatever form."""

import base64
import binascii
import pickle
import pickletools
from typing import Any

import sqlalchemy as sa

from domain.bootstrap import Domain
from tests.inside import inside

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": (
        "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
    ),
}


async def everything(domain: Domain) -> dict[str, str]:
    """Return all rows of each table, of the engine and of the index of words as well, with what is encoded in them."""
    async with inside(domain).database._engines.reader.connect() as connection:
        tables = list(await connection.scalars(sa.text(_TABLES[connection.dialect.name])))
        return {
            table.removeprefix("public."): "\n".join(
                _text(value) for row in await connection.execute(sa.text(f"SELECT * FROM {table}")) for value in row
            )
            for table in tables
        }


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return _decoded(bytes(value))
    text = str(value)
    try:
        return f"{text}\n{_decoded(base64.b64decode(text, validate=True))}"
    except (binascii.Error, ValueError):
        return text


def _decoded(value: bytes) -> str:
    try:
        pickled = "\n".join(str(argument) for _, argument, _ in pickletools.genops(value) if argument is not None)
    except (ValueError, IndexError, KeyError, pickle.UnpicklingError):
        pickled = ""
    return f"{value.decode(errors='replace')}\n{pickled}"
