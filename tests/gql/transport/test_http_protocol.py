"""Peers that send too much, too slowly or nothing: each gets a refusal, and the others are served."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from domain.bootstrap import Domain
from gql.transport import http_protocol
from gql.transport.http_protocol import BoundedHttpProtocol, Refusal
from tests.gql.transport.sockets import Running, serving, until

HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n"
STREAM = (
    b"GET /graphql?query=subscription%7BincidentEvents%7Bid%7D%7D HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
)
CHUNKED = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
#: Not that of the proxy that the test servers trust.
ELSEWHERE = "127.0.0.2"


class Line:
    """A connection for raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, bytes]:
        """Return the status of the next answer and its body."""
        async with asyncio.timeout(60):
            head = await self.reader.readuntil(b"\r\n\r\n")
            sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await self.reader.readexactly(int(sizes[0].split(b":")[1])) if sizes else b""
        return int(head.split()[1]), body

    async def refusal(self) -> tuple[int, str]:
        """Return the status and the code of the next answer, which has to be the last."""
        status, body = await self.answer()
        async with asyncio.timeout(60):
            assert await self.reader.read() == b""
        return status, json.loads(body)["errors"][0]["extensions"]["code"]

    async def ended(self) -> bytes:
        """Return all bytes until the server closed the connection."""
        try:
            async with asyncio.timeout(60):
                return await self.reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def line_to(served: Running, said: bytes = b"", *, host: str = ELSEWHERE) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=(host, 0))
    try:
        writer.write(said)
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def served_elsewhere(served: Running) -> int:
    async with line_to(served, HEALTH + b"\r\n", host="127.0.0.3") as line:
        return (await line.answer())[0]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HEALTH + b"x: " + b"a" * 80_000, id="one header"),
        pytest.param(b"GET /" + b"a" * 80_000, id="first line"),
        pytest.param(HEALTH + b"".join(b"x-%d: 1\r\n" % n for n in range(300)) + b"\r\n", id="many headers"),
        pytest.param(b"\r\n" * 40_000, id="empty lines"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nx: " + b"a" * 200_000, id="trailers"),
        pytest.param(CHUNKED + b"2;x=" + b"a" * 200_000, id="chunk extension"),
    ],
)
async def test_bytes_outside_of_bodies_are_bounded(served: Running, head: bytes) -> None:
    async with line_to(served, head) as line:
        assert await line.refusal() == (431, "BAD_USER_INPUT")
    await until(lambda: not len(served.connections))


async def test_a_head_at_the_bound_is_answered_in_any_pieces(served: Running) -> None:
    most = served.connections.limits.head_bytes
    head = HEALTH + b"x: " + b"a" * (most - len(HEALTH) - 7) + b"\r\n\r\n"
    assert len(head) == most
    async with line_to(served) as line:
        for start in range(0, most, 50_000):
            line.writer.write(head[start : start + 50_000])
            await line.writer.drain()
        assert (await line.answer())[0] == 200
        # A head that follows a large body in one go has a count of its own.
        body = b'{"query": "{__typename}", "x": "' + b"a" * 200_000 + b'"}'
        size = b"content-length: %d\r\n\r\n" % len(body)
        line.writer.write(CHUNKED.replace(b"transfer-encoding: chunked\r\n\r\n", size) + body + HEALTH + b"\r\n")
        assert [(await line.answer())[0] for _ in range(2)] == [200, 200]


def numbered(count: int) -> bytes:
    """Return that many pipelined requests with distinct answers."""
    return b"".join(
        b"GET /graphql?query=%%7Ba%d%%3A__typename%%7D HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(count)
    )


async def answered_in_order(line: Line, count: int) -> None:
    for number in range(count):
        status, body = await line.answer()
        assert (status, list(json.loads(body)["data"])) == (200, [f"a{number}"])


@pytest.mark.parametrize(
    ("count", "behind", "refusal"),
    [
        pytest.param(17, numbered(1), (429, "RATE_LIMITED"), id="one too many"),
        pytest.param(17, numbered(200), (429, "RATE_LIMITED"), id="many too many"),
        pytest.param(3, b"NONSENSE\r\n\r\n", (400, "BAD_USER_INPUT"), id="no request"),
        pytest.param(3, HEALTH + b"x: " + b"a" * 200_000, (431, "BAD_USER_INPUT"), id="a long header"),
        pytest.param(3, HEALTH + b"x: 1\r\n" * 300 + b"\r\n", (431, "BAD_USER_INPUT"), id="many headers"),
        pytest.param(3, CHUNKED + b"nonsense\r\n", (400, "BAD_USER_INPUT"), id="a body that is none"),
        pytest.param(3, CHUNKED + b"2;x=" + b"a" * 200_000, (431, "BAD_USER_INPUT"), id="a chunk's extension"),
    ],
)
async def test_earlier_requests_are_answered_before_a_refusal(
    served: Running, count: int, behind: bytes, refusal: tuple[int, str]
) -> None:
    async with line_to(served, numbered(count) + behind) as line:
        await answered_in_order(line, count)
        assert await line.refusal() == refusal
    await until(lambda: not len(served.connections))


async def test_pipelined_requests_up_to_the_bound_are_answered(served: Running) -> None:
    async with line_to(served) as line:
        for _ in range(3):
            line.writer.write(numbered(17))
            await answered_in_order(line, 17)


async def test_a_slow_head_times_out_and_others_are_served(domain: Domain) -> None:
    async with serving(domain, head_seconds=0) as served, line_to(served, HEALTH) as slow, line_to(served) as silent:
        await until(lambda: len(served.connections) == 2)
        await served_elsewhere(served)
        served.connections.sweep()
        assert await slow.refusal() == (408, "TIMEOUT")
        assert await silent.ended() == b""


async def test_streams_and_sockets_never_time_out(domain: Domain) -> None:
    async with (
        serving(domain, head_seconds=0) as served,
        line_to(served, STREAM + b"\r\n") as stream,
        served.socket() as socket,
    ):
        assert (await stream.answer())[0] == 200
        served.connections.sweep()
        await socket.ping()
        assert len(served.connections) == 2
    await until(lambda: not len(served.connections))


async def test_idle_connections_make_room(domain: Domain) -> None:
    async with serving(domain, most=20, most_per_address=5) as served, AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(line_to(served)) for _ in range(30)]
        await until(lambda: len(served.connections) == 5)
        assert await served_elsewhere(served) == 200
        assert await lines[0].ended() == b""
        for number in range(3, 12):
            for _ in range(5):
                await stack.enter_async_context(line_to(served, host=f"127.0.1.{number}"))
        assert await served_elsewhere(served) == 200
        assert len(served.connections) <= 20


async def test_a_connection_beyond_all_busy_ones_gets_503_with_retry_after(domain: Domain) -> None:
    async with serving(domain, most_per_address=2) as served, AsyncExitStack() as stack:
        for _ in range(2):
            stream = await stack.enter_async_context(line_to(served, STREAM + b"\r\n"))
            assert (await stream.answer())[0] == 200
        async with line_to(served, HEALTH + b"\r\n") as third:
            head = await third.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 5\r\n" in head
        assert await served_elsewhere(served) == 200


async def test_many_refused_connections_do_not_pile_up(domain: Domain) -> None:
    async with serving(domain, most_per_address=1) as served, line_to(served, STREAM + b"\r\n") as stream:
        assert (await stream.answer())[0] == 200
        async with AsyncExitStack() as stack:
            for _ in range(100):
                await stack.enter_async_context(line_to(served))
            await until(lambda: len(served.connections.refused) <= 32)
        await until(lambda: not served.connections.refused)


async def test_requests_behind_a_proxy_count_by_their_address(domain: Domain) -> None:
    async with serving(domain, most_per_address=2) as served, AsyncExitStack() as stack:

        async def stream_for(address: bytes) -> Line:
            head = STREAM + b"x-forwarded-for: 203.0.113.9, " + address + b"\r\n\r\n"
            return await stack.enter_async_context(line_to(served, head, host="127.0.0.1"))

        assert [(await (await stream_for(b"192.0.2.1")).answer())[0] for _ in range(3)] == [200, 200, 503]
        assert (await (await stream_for(b"192.0.2.2")).answer())[0] == 200
        with pytest.raises(InvalidStatus) as refused:
            async with served.raw(additional_headers={"x-forwarded-for": "192.0.2.1"}):
                pass
        assert refused.value.response.status_code == 503
        # Whoever is no proxy cannot speak for others.
        async with line_to(served, HEALTH + b"x-forwarded-for: 192.0.2.1\r\n\r\n") as line:
            assert (await line.answer())[0] == 200
    await until(lambda: not served.connections._origins)


async def test_pipelined_requests_are_bounded(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[int] = []
    refuse = BoundedHttpProtocol._refuse

    def count(protocol: BoundedHttpProtocol, problem: Refusal) -> None:
        refuse(protocol, problem)
        waiting.append(len(protocol.pipeline))

    monkeypatch.setattr(BoundedHttpProtocol, "_refuse", count)
    async with line_to(served, STREAM + b"\r\n" + (HEALTH + b"\r\n") * 1000) as line:
        assert await line.answer() == (200, b"")
        line.writer.write((HEALTH + b"\r\n") * 1000)
        await line.writer.drain()
        assert await served_elsewhere(served) == 200
    assert waiting == [16]
    await until(lambda: not len(served.connections))


@pytest.mark.parametrize("behind", [b"", HEALTH + b"\r\n", (HEALTH + b"\r\n") * 40], ids=["nothing", "one", "too many"])
@pytest.mark.parametrize("before", [b"", (HEALTH + b"\r\n") * 3], ids=["first", "fourth"])
async def test_a_stream_ends_with_the_connection_despite_pipelined_requests(
    served: Running, before: bytes, behind: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with line_to(served, before + STREAM + b"\r\n" + behind) as line:
        for _ in range(before.count(HEALTH)):
            assert (await line.answer())[0] == 200
        assert await line.answer() == (200, b"")
        await until(lambda: len(served.endpoint.groups.claims) > 0)
    await until(lambda: not len(served.endpoint.groups.claims))
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_unread_answer_is_cut_off(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "STALLED_SECONDS", 0.2)
    async with line_to(served) as line:
        line.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own way to stop reading
        line.writer.write(b"GET /graphql/schema HTTP/1.1\r\nhost: x\r\n\r\n" * 16)
        await until(lambda: bool(len(served.connections)))
        await until(lambda: not len(served.connections))


async def test_an_answer_that_is_read_late_is_whole(served: Running) -> None:
    async with line_to(served) as line:
        line.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's own way to stop reading
        line.writer.write(b"GET /graphql/schema HTTP/1.1\r\nhost: x\r\n\r\n" * 12)
        await asyncio.sleep(0)
        line.reader._transport.resume_reading()  # type: ignore[attr-defined]  # and to go on
        bodies = {(await line.answer()) for _ in range(12)}
        assert len(bodies) == 1
        assert next(iter(bodies))[0] == 200


async def test_bytes_that_are_no_http_are_refused_in_json(served: Running) -> None:
    async with line_to(served, b"nonsense\r\n\r\n") as line:
        assert await line.refusal() == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"cookie": "a" * 9000}, id="a long one"),
        pytest.param({f"x-{number}": "1" for number in range(150)}, id="many"),
    ],
)
async def test_a_handshake_whose_headers_are_too_large_is_refused(served: Running, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.raw(additional_headers=headers):
            pass
    assert refused.value.response.status_code == 431
    await until(lambda: not len(served.connections))


@pytest.mark.parametrize("first", [b"POST /graphql", b"GET /graphql"])
async def test_a_handshake_that_is_no_bare_get_is_refused(served: Running, first: bytes) -> None:
    head = (
        b" HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncontent-length: 2\r\n\r\n{}"
    )
    async with line_to(served, first + head) as line:
        assert await line.refusal() == (400, "BAD_USER_INPUT")
    await until(lambda: not len(served.connections))


async def test_text_that_is_no_utf8_closes_a_socket_unlogged(served: Running, caplog: pytest.LogCaptureFixture) -> None:
    async with served.socket() as raw:
        await raw.connection.send(b"\xff\xff", text=True)
        assert await raw.closed() == (1007, "not UTF-8")
    assert not caplog.records


async def test_a_message_in_endless_pieces_is_refused(served: Running) -> None:
    async with served.socket() as raw:
        with suppress(ConnectionClosed):
            await raw.connection.send([""] * 2000)
        assert await raw.closed() == (1009, "too many fragments")


async def test_unread_pongs_do_not_pile_up(served: Running) -> None:
    async with served.socket() as raw:
        raw.connection.transport.pause_reading()
        [handler] = served.endpoint.sockets._open
        transport = handler.adapter.protocol.transport  # type: ignore[attr-defined]  # the protocol names less
        for _ in range(40):
            raw.connection.transport.write(_pings(1000))
            await asyncio.sleep(0)
        await until(lambda: not raw.connection.transport.get_write_buffer_size())
        assert transport.get_write_buffer_size() < 500_000
        raw.abort()


def _pings(count: int) -> bytes:
    return (b"\x89\xfd\x00\x00\x00\x00" + b"a" * 125) * count
