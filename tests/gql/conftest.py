"""The fixtures of tests of the GraphQL API: callers of each role, and the rows of the database."""

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
    """Return SQLite unless a test asks for both: tests/domain runs every statement on either already."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
async def api(domain: Domain) -> AsyncIterator[Api]:
    """Yield clients of the application for each role."""
    async with calling(domain) as callers:
        yield callers


@pytest.fixture
def stored(domain: Domain) -> Stored:
    """Return a function for all rows of all tables: equal before and after, nothing was written.

    They lack the times when tokens were last used, which are written in the background.
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
