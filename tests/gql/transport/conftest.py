"""What tests of the transports share: a server of their own for each."""

from collections.abc import AsyncIterator

import pytest

from domain.bootstrap import Domain
from tests.gql.transport.sockets import Running, serving


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """The application on a port of its own, for this test alone."""
    async with serving(domain) as running:
        yield running
