"""What tests of the GraphQL surface share: callers of each role, and the proof that nothing was written."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.persistence.tables import metadata
from tests.client import Api, Stored, calling
from tests.inside import inside


@pytest.fixture
def dialect(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test asks for both: tests/domain proves every statement on either already."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def api(domain: Domain) -> AsyncIterator[Api]:
    """The application as each role meets it."""
    async with calling(domain) as callers:
        yield callers


@pytest.fixture
def stored(domain: Domain) -> Stored:
    """All rows of all tables: equal before and after means that nothing was written.

    Except when a token was last used, which is noted in the background.
    """

    async def read() -> dict[str, Any]:
        async with inside(domain).database._engines.reader.connect() as connection:
            return {
                table.name: list(map(tuple, await connection.execute(_rows(table))))
                for table in metadata.sorted_tables
                if table.name != "readers"
            }

    return read


def _rows(table: sa.Table) -> sa.Select[Any]:
    columns = [column for column in table.c if column.name != "last_used_at"]
    return sa.select(*columns).order_by(*table.primary_key)
