"""Threads for calls that cannot be interrupted: how many there are, and what becomes of their results."""

import asyncio
import threading

import pytest

from domain.notifications.threads import Threads


async def test_a_call_has_its_result_or_its_error() -> None:
    threads = Threads(1)
    assert await threads.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: threading.current_thread().daemon)


async def test_a_call_that_is_given_up_keeps_its_thread_until_its_end() -> None:
    threads, ended = Threads(1), threading.Event()
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def call() -> None:
        loop.call_soon_threadsafe(begun.set)
        ended.wait()

    given_up = asyncio.create_task(threads.run(call))
    await begun.wait()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    waiting = asyncio.create_task(threads.run(lambda: "next"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    ended.set()
    assert await waiting == "next"


async def test_a_caller_that_waits_for_a_thread_can_give_up() -> None:
    threads, ended = Threads(1), threading.Event()
    first = asyncio.create_task(threads.run(ended.wait))
    second = asyncio.create_task(threads.run(lambda: "second"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    ended.set()
    assert await first
    assert await threads.run(lambda: "third") == "third"
