"""One domain for many tests of a module: each reads only what it wrote itself, or all read what was written once.

Their loop is the module's: `pytestmark = in_module_loop`.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.e2e.databases import fresh_database

#: The loop of all tests of such a module: where others ran between them, the domain's own work would stand still.
in_module_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Domain]:
    """Yield the running domain that all tests of a module share, on each database."""
    async with (
        fresh_database(request.param) as url,
        running_domain(_settings(url), clock=SteppingClock()) as running,
    ):
        yield running


def clock_of(domain: Domain) -> SteppingClock:
    """Return the clock of a shared domain."""
    assert isinstance(domain.clock, SteppingClock)
    return domain.clock


def _settings(url: str) -> Settings:
    return Settings(database_url=url, sqlite_synchronous="NORMAL", poll_seconds=0.05, automations=False, webhooks=False)
