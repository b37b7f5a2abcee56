"""Automations driven by hand: neither router nor runner runs by itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.bootstrap import Domain
from tests.conftest import SteppingClock
from tests.domain.automations.world import World


@pytest.fixture
async def world(domain: Domain, clock: SteppingClock) -> AsyncIterator[World]:
    """Yield a running domain whose router and runner the test calls itself."""
    world = World(domain, clock)
    await domain.automations.wakes.start()
    yield world
    await world.close()
    await domain.automations.wakes.stop()
    await asyncio.sleep(0)
