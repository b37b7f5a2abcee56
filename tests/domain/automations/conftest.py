"""The world of automations' tests: routed and run by hand, under a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.automations.world import World


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that stands still until it is moved."""
    clock = SteppingClock()
    clock.step = timedelta()
    return clock


@pytest.fixture
async def world(domain: Domain, clock: SteppingClock) -> AsyncIterator[World]:
    """Yield the running domain, with its automations driven by hand."""
    world = World(domain, clock)
    await domain.automations.wakes.start()
    yield world
    await world.close()
    await domain.automations.wakes.stop()
    await asyncio.sleep(0)


@pytest.fixture
async def other(world: World, settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield another process on the same database."""
    async with running_domain(settings, clock=clock) as other:
        await other.automations.wakes.start()
        yield other
        await other.automations.wakes.stop()
