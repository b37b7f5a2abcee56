"""Steps at the same time: the end of one is the end of all, and a cancellation stays one."""

import asyncio

import pytest

from domain.automations.running.together import all_of


async def _give(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def _fail_when_cancelled() -> int:
    try:
        await asyncio.Event().wait()
    finally:
        raise RuntimeError("a fault while it was ended")
    return 0


async def test_results_come_in_the_order_of_the_work() -> None:
    assert await all_of([_give(1), _give(2)]) == [1, 2]
    assert await all_of([]) == []


async def test_a_fault_ends_the_others_and_is_raised_by_itself() -> None:
    ended = asyncio.Event()

    async def wait() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    async def fail() -> int:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError, match="a fault"):
        await all_of([wait(), fail()])
    assert ended.is_set()
    caller = asyncio.current_task()
    assert caller is not None
    assert caller.cancelling() == 0


async def test_a_cancellation_is_not_replaced_by_a_fault_of_the_same_moment() -> None:
    caller = asyncio.create_task(all_of([_fail_when_cancelled(), _give(1)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()
