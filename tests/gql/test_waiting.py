"""Waiting with a deadline: values that are there, that come in time, and that come too late."""

import asyncio

import pytest

from gql.requests.waiting import in_time


async def test_what_is_there_already_needs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def there() -> int:
        return 1

    monkeypatch.delattr(asyncio, "timeout")
    assert await in_time(there(), 10) == 1


async def test_what_comes_in_time_is_returned() -> None:
    come = asyncio.Event()

    async def coming() -> list[bool]:
        return [await come.wait(), await come.wait()]

    waiting = asyncio.create_task(in_time(coming(), 10))
    await asyncio.sleep(0)
    come.set()
    assert await waiting == [True, True]


@pytest.mark.parametrize("steps", [1, 3])
async def test_what_comes_too_late_is_cancelled(steps: int) -> None:
    ended: list[str] = []

    async def never() -> None:
        try:
            for _ in range(steps - 1):
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    with pytest.raises(TimeoutError):
        await in_time(never(), 0.01)
    assert ended == ["ended"]


async def test_a_failure_reaches_the_one_who_waits() -> None:
    async def fails(*, at_once: bool) -> None:
        if not at_once:
            await asyncio.sleep(0)
        raise ValueError(at_once)

    for at_once in (True, False):
        with pytest.raises(ValueError, match=str(at_once)):
            await in_time(fails(at_once=at_once), 10)


async def test_a_cancelled_wait_cancels_what_it_waits_for() -> None:
    ended = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set()
            raise

    waiting = asyncio.create_task(in_time(never(), 0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
