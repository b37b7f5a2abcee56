"""The server of each test of the transports, and how it shows what it sends."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.persistence.projections import Projection
from gql.transport.group_functions import GroupFunctions
from tests.gql.transport.sockets import Running, serving


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """Yield the application on a port of its own, for this test alone."""
    async with serving(domain) as running:
        yield running


@pytest.fixture(params=["compiled", "executed"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have steps shown by compiled functions, or by the executor."""
    if request.param == "executed":
        monkeypatch.setattr(GroupFunctions, "of_list", lambda *_: None)
    return str(request.param)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record each statement of the compiled path, by the number of its roots."""
    made: list[int] = []
    original = Projection.read

    async def read(self: Projection, *arguments: Any) -> Any:
        made.append(len(self._roots))
        return await original(self, *arguments)

    monkeypatch.setattr(Projection, "read", read)
    return made
