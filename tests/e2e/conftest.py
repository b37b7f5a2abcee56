"""The server of each test of pages: its own, without data, in the test's own process."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.api import Api
from tests.e2e.local import LocalServer, local_server
from tests.e2e.server import api_of


@pytest.fixture
def server_settings() -> dict[str, Any]:
    """Return in what the settings of this server differ from those of others."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def server(server_settings: dict[str, Any]) -> AsyncIterator[LocalServer]:
    """Yield a server."""
    async with local_server(**server_settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def api(server: LocalServer) -> AsyncIterator[Api]:
    """Yield a client of that server's API, as its admin."""
    async with api_of(server) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def payments(api: Api) -> None:
    """Create the system of most incidents."""
    await api.create_system()
