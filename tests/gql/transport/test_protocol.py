"""The replacements of asyncio's queue and event in the server's protocol object."""

import asyncio

import pytest

from domain.model.viewer import Role
from gql.transport.protocol import Gate, Inbox
from gql.transport.websocket import TransportHandler
from tests.gql.transport.sockets import Running


async def test_items_come_in_order() -> None:
    inbox = Inbox()
    assert inbox.empty()
    for item in (1, 2, 3):
        inbox.put_nowait(item)
    assert [await inbox.get() for _ in range(2)] == [1, 2]
    assert not inbox.empty()
    assert await inbox.get() == 3
    assert inbox.empty()


async def test_a_reader_waits_for_an_item() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert await reading == 1
    assert await inbox.get() == 2


async def test_a_reader_that_was_cancelled_takes_no_item_with_it() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await inbox.get() == 1


async def test_a_closed_gate_blocks_all_waiters_until_it_opens() -> None:
    gate = Gate()
    await gate.wait()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    gate.clear()
    assert not any(task.done() for task in waiting)
    gate.set()
    gate.set()
    assert await asyncio.gather(*waiting) == [True, True]


async def test_an_open_socket_keeps_neither_handshake_nor_credentials(served: Running) -> None:
    async with served.socket(Role.VIEWER):
        [handler] = served.endpoint.sockets._open
        assert isinstance(handler, TransportHandler)
        assert handler.adapter.protocol.request is None
        assert handler.adapter.protocol.response is None
        assert not handler.adapter.ws.scope["headers"]
        assert handler.context.connection_params is None
