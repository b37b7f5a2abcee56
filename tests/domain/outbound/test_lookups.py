"""Lookups of names apart from the loop's own threads."""

import asyncio
import socket
import threading
from ipaddress import ip_address
from typing import Any

import pytest

from domain.outbound.lookups import resolve_apart


async def test_a_name_is_resolved_as_the_system_does() -> None:
    assert ip_address("127.0.0.1") in await resolve_apart("localhost", 80)


@pytest.mark.parametrize("host", ["hooks.invalid", f"{'a' * 64}.example.com"])
async def test_a_name_without_addresses_is_an_error_of_the_system(host: str) -> None:
    with pytest.raises(OSError, match="not"):
        await resolve_apart(host, 80)


async def test_names_that_take_for_ever_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = threading.Event()

    def look(host: str, port: int, **_: Any) -> list[Any]:
        if host == "slow":
            ends.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    slow = [asyncio.create_task(resolve_apart("slow", 80)) for _ in range(50)]
    try:
        async with asyncio.timeout(20):
            await asyncio.sleep(0)
            assert await resolve_apart("fast", 80) == [ip_address("93.184.215.14")]
            assert await asyncio.to_thread(lambda: "free") == "free"
        assert [task.done() for task in slow] == [False] * 50
        slow[0].cancel()
    finally:
        ends.set()
    assert len(await asyncio.gather(*slow[1:])) == 49
