"""The world that automations are tested in: routed and run by hand, with time that passes when a test says so."""

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
    """A clock that stands still until it is told to go on."""
    clock = SteppingClock()
    clock.step = timedelta()
    return clock


@pytest.fixture
async def world(domain: Domain, clock: SteppingClock) -> AsyncIterator[World]:
    """The running domain, with its automations driven by hand."""
    world = World(domain, clock)
    await domain.automations.wakes.start()
    yield world
    await world.close()
    await domain.automations.wakes.stop()
    await asyncio.sleep(0)


@pytest.fixture
async def other(world: World, settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Another process on the same database."""
    async with running_domain(settings, clock=clock) as other:
        await other.automations.wakes.start()
        yield other
        await other.automations.wakes.stop()
