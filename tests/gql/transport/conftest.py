"""The server of each test of the transports."""

from collections.abc import AsyncIterator

import pytest

from domain.bootstrap import Domain
from tests.gql.transport.sockets import Running, serving


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """Yield the application on a port of its own, for this test alone."""
    async with serving(domain) as running:
        yield running
