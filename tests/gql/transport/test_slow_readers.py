"""Slow readers: dropped to resume from their cursor, while all others get everything in time."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domain.bootstrap import Domain
from gql.transport.sse import StreamMember
from tests.factories import make_incident
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Running, until

#: Some 200 kB an event, of which the buffers between the two ends hold a few.
_FIELDS = " ".join(f"a{number}: description" for number in range(10))
FAT = f"subscription S($after: String) {{ incidentChanges(after: $after) {{ version incident {{ {_FIELDS} }} }} }}"
EVENTS = 25


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("outbox", "sse"):
        monkeypatch.setattr(f"gql.transport.{module}.MOST_FRAMES", 5)


async def test_an_unread_socket_is_closed_and_others_get_everything(served: Running, domain: Domain) -> None:
    start, dropped = await now(domain), served.endpoint.groups.dropped["slow_consumer"]
    with _narrow(served) as narrow:
        async with served.socket(sock=narrow, max_queue=1) as slow, served.socket() as quick:
            for raw in (slow, quick):
                await raw.subscribe(FAT)
            await until(lambda: served.members == 2)
            received = 0
            while served.members == 2:
                await _write(domain)
                await quick.data()
                received += 1
            assert received <= EVENTS
            # Now it reads on: what had left before, then the close.
            messages, code = await slow.rest()
            assert slow.connection.close_reason == "SLOW_CONSUMER"
            assert served.endpoint.groups.dropped["slow_consumer"] == dropped + 1
            assert code == 1013
            assert all(message["type"] == "next" for message in messages)
            await _write(domain)
            await quick.data()
    async with served.socket() as back:
        after = messages[-1]["payload"]["extensions"]["cursor"] if messages else start
        await back.subscribe(FAT, after=after)
        assert len(await back.data(received + 1 - len(messages))) == received + 1 - len(messages)


async def test_a_socket_read_late_gets_everything_in_order(served: Running, domain: Domain) -> None:
    async with served.socket(sock=_narrow(served), max_queue=1) as slow, served.socket() as quick:
        for raw in (slow, quick):
            await raw.subscribe(FAT)
        await until(lambda: served.members == 2)
        received = []
        for _ in range(3):
            # At first its transport takes all, then a frame stays behind in part, then others behind that one.
            for _ in range(4):
                await _write(domain)
                received.append((await quick.next())["payload"])
            assert [(await slow.next())["payload"] for _ in range(4)] == received[-4:]


async def test_an_unread_stream_is_cut_without_complete(served: Running, domain: Domain) -> None:
    async with _stalled(served) as (reader, writer), served.socket() as quick:
        await quick.subscribe(FAT)
        await until(lambda: served.members == 2)
        [group] = served.endpoint.groups._groups.values()
        [member] = [member for member in group.members if isinstance(member, StreamMember)]
        while not member._cut.is_set():
            await _write(domain)
            await quick.data()
        await _write(domain)
        await quick.data()
        assert not member._waiting
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = await reader.read()
        assert b"event: next" in received
        assert b"event: complete" not in received
        await until(lambda: served.members == 1)


def _narrow(served: Running) -> socket.socket:
    """Open a connection with small buffers."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", served.port))
    connection.setblocking(False)
    return connection


@asynccontextmanager
async def _stalled(served: Running) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(sock=_narrow(served), limit=4096)
    body = json.dumps({"query": FAT}).encode()
    headers = ["host: x", "connection: close", "accept: text/event-stream", "content-type: application/json"]
    head = "\r\n".join(["POST /graphql HTTP/1.1", *headers, f"content-length: {len(body)}"])
    writer.write(f"{head}\r\n\r\n".encode() + body)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def _write(domain: Domain) -> None:
    await make_incident(domain, description="x" * 19_000)
