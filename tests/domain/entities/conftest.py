"""One domain for many tests of a module: each reads only what it wrote itself."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from tests.addresses import postgres_url
from tests.conftest import SteppingClock, fresh_name, on_server, url_of
from tests.domain.entities.widgets import Widgets


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
async def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domain]:
    """Yield the running domain that all tests of a module share, on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('shared')}/incidents.db"
        async with running_domain(_settings(url), clock=SteppingClock()) as running:
            yield running
        return
    name = fresh_name()
    await on_server(postgres_url(), f'CREATE DATABASE "{name}" TEMPLATE template0')
    async with running_domain(_settings(url_of(name)), clock=SteppingClock()) as running:
        yield running
    await on_server(postgres_url(), f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def widgets(shared: Domain) -> Widgets:
    """Return widgets of this test alone."""
    return Widgets(shared)


def _settings(url: str) -> Settings:
    return Settings(database_url=url, sqlite_synchronous="NORMAL", poll_seconds=0.05, automations=False)
