"""Jumps of the wall clock, which wake all waits."""

import asyncio
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from domain.automations.engine.jumps import ClockJumps
from domain.automations.engine.wakes import WakeIndex
from domain.bootstrap import Domain
from domain.clock import Clock
from tests.inside import inside


class SetClock(Clock):
    """The system's clock, set to another time."""

    ahead = timedelta()

    @override
    def now(self) -> datetime:
        """Return the time that it shows."""
        return super().now() + self.ahead


@pytest.mark.parametrize("hours", [2, -2])
async def test_a_jump_of_the_clock_wakes_all_waits(domain: Domain, hours: int) -> None:
    clock, wakes = SetClock(), WakeIndex(inside(domain).tail)
    jumps = ClockJumps(clock=clock, wakes=wakes)
    until = clock.now() + timedelta(hours=1)
    with wakes.watching((), run_id="run_1") as woken:
        waiting = asyncio.create_task(clock.wait(woken, until=until))
        await asyncio.sleep(0)
        jumps.check()
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.ahead = timedelta(hours=hours)
        jumps.check()
        async with asyncio.timeout(60):
            await waiting
    assert (clock.now() >= until) is (hours > 0)


async def test_a_steady_clock_wakes_no_wait(domain: Domain) -> None:
    clock, wakes, elapsed = SetClock(), WakeIndex(inside(domain).tail), [0.0]
    started = clock.now()
    jumps = ClockJumps(clock=clock, wakes=wakes, elapsed=lambda: (clock.now() - started).total_seconds() + elapsed[0])
    with wakes.watching((), run_id="run_1") as woken:
        for drift in (0.0, 0.1, 0.2, -0.02):
            elapsed[0] = drift
            jumps.check()
        assert not woken.is_set()
