"""Token buckets: refilled evenly, shared through Redis, and unlimited while Redis is away."""

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import cast

import pytest
from redis.asyncio import Redis
from typing_extensions import override

from domain.clock import Clock
from domain.messaging.buckets import MemoryBuckets, UnlimitedBuckets, make_buckets
from domain.messaging.redis_buckets import RedisBuckets
from tests.addresses import redis_url
from tests.conftest import SteppingClock

NOBODY_LISTENS = "redis://127.0.0.1:1"


@pytest.fixture
def standing(clock: SteppingClock) -> SteppingClock:
    """Return a clock that moves only on demand."""
    clock.step = timedelta()
    return clock


@pytest.fixture
async def shared() -> AsyncIterator[list[RedisBuckets]]:
    """Yield the buckets of two processes."""
    both = [RedisBuckets(redis_url(), Clock(), limit=60) for _ in range(2)]
    yield both
    for buckets in both:
        await buckets.close()


async def test_a_bucket_holds_a_minutes_points_and_fills_up_evenly(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=60)
    spent = await buckets.spend("ann", 50)
    assert spent is not None
    assert (spent.limit, spent.remaining, spent.retry_after_seconds) == (60, 10, None)
    assert spent.reset_at == standing.moment + timedelta(seconds=50)
    refused = await buckets.spend("ann", 30)
    assert refused is not None
    assert (refused.remaining, refused.retry_after_seconds) == (10, 20)
    standing.advance(seconds=20)
    allowed = await buckets.spend("ann", 30)
    assert allowed is not None
    assert (allowed.remaining, allowed.retry_after_seconds) == (0, None)


async def test_a_bucket_fills_up_to_a_minutes_points_and_no_further(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=60)
    await buckets.spend("ann", 50)
    standing.advance(hours=1)
    spent = await buckets.spend("ann", 10)
    assert spent is not None
    assert (spent.remaining, spent.reset_at) == (50, standing.moment + timedelta(seconds=10))


async def test_a_retry_after_is_in_whole_seconds_and_at_least_one(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=600)
    await buckets.spend("ann", 600)
    waits = [await buckets.spend("ann", points) for points in (1, 10, 11)]
    assert [wait and wait.retry_after_seconds for wait in waits] == [1, 1, 2]


async def test_each_caller_has_a_bucket(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=60)
    await buckets.spend("ann", 60)
    other = await buckets.spend("bob", 60)
    assert other is not None
    assert other.retry_after_seconds is None


async def test_an_operation_over_a_minutes_points_needs_a_full_bucket(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=60)
    spent = await buckets.spend("ann", 1_000)
    assert spent is not None
    assert (spent.remaining, spent.retry_after_seconds) == (0, None)


async def test_callers_from_many_addresses_do_not_fill_the_memory(standing: SteppingClock) -> None:
    buckets = MemoryBuckets(standing, limit=60)
    for number in range(10_050):
        await buckets.spend(f"address:{number}", 1)
    assert len(buckets._kept) <= 10_000
    standing.advance(minutes=2)
    for number in range(20_000, 21_100):
        await buckets.spend(f"address:{number}", 1)
    assert len(buckets._kept) <= 1_100


async def test_new_callers_do_not_have_all_others_looked_at_each_time(standing: SteppingClock) -> None:
    looked_at = 0

    class Counting(MemoryBuckets):
        @override
        def _level(self, caller: str, now: datetime) -> float:
            nonlocal looked_at
            looked_at += 1
            return super()._level(caller, now)

    buckets = Counting(standing, limit=60)
    for number in range(12_000):
        await buckets.spend(f"address:{number}", 1)
    assert looked_at < 5 * 12_000


@pytest.mark.redis
async def test_processes_count_together_through_redis(shared: list[RedisBuckets]) -> None:
    caller = uuid.uuid4().hex
    answers = await asyncio.gather(*(buckets.spend(caller, 10) for buckets in shared for _ in range(5)))
    assert sum(answer is not None and answer.retry_after_seconds is None for answer in answers) == 6
    refused = await shared[0].spend(caller, 50)
    assert refused is not None
    assert refused.limit == 60
    assert 40 <= (refused.retry_after_seconds or 0) <= 50


@pytest.mark.redis
async def test_a_bucket_in_redis_fills_up_to_a_minutes_points_and_no_further(shared: list[RedisBuckets]) -> None:
    caller = uuid.uuid4().hex
    await shared[0].spend(caller, 1)
    # Redis has a clock of its own, so that the moment of the last spending is set back instead.
    async with Redis.from_url(redis_url()) as server:
        await cast("Awaitable[int]", server.hset(f"incidentql:rate:{caller}", "at", "0"))
    spent = await shared[1].spend(caller, 20)
    assert spent is not None
    assert spent.remaining == 40


async def test_callers_are_not_limited_while_redis_is_away_which_is_logged_once(
    standing: SteppingClock, caplog: pytest.LogCaptureFixture
) -> None:
    buckets = RedisBuckets(NOBODY_LISTENS, standing, limit=1)
    with caplog.at_level(logging.WARNING):
        assert [await buckets.spend("ann", 1) for _ in range(5)] == [None] * 5
    standing.advance(seconds=10)
    assert await buckets.spend("ann", 1) is None
    assert len(caplog.records) == 1
    await buckets.close()


async def test_a_redis_that_takes_no_connection_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as waiting:
        # Once its queue is full, the server's machine answers no further caller at all.
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        buckets = RedisBuckets(f"redis://127.0.0.1:{server.getsockname()[1]}", Clock(), limit=1)
        async with asyncio.timeout(15):
            assert await buckets.spend("ann", 1) is None
        await buckets.close()


async def test_redis_is_asked_again_only_after_a_pause(standing: SteppingClock) -> None:
    asked = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        buckets = RedisBuckets(f"redis://127.0.0.1:{port}", standing, limit=1)
        await buckets.spend("ann", 1)
        first = asked
        standing.advance(seconds=4.9)
        await buckets.spend("ann", 1)
        assert (asked, first > 0) == (first, True)
        standing.advance(seconds=0.1)
        await buckets.spend("ann", 1)
        assert asked > first
        await buckets.close()


async def test_the_settings_choose_the_buckets(clock: SteppingClock) -> None:
    unlimited = make_buckets(limit=0, broadcast_url="redis://x", clock=clock)
    assert isinstance(unlimited, UnlimitedBuckets)
    assert await unlimited.spend("ann", 10**9) is None
    assert isinstance(make_buckets(limit=1, broadcast_url="memory://", clock=clock), MemoryBuckets)
    shared = make_buckets(limit=1, broadcast_url=redis_url(), clock=clock)
    assert isinstance(shared, RedisBuckets)
    for buckets in (unlimited, shared):
        await buckets.close()
