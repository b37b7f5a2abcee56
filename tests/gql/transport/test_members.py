"""Handing a result to all members: whoever takes it at once gets it past everything, and nobody twice or too late."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from domain.bootstrap import Domain
from gql.transport import members
from gql.transport.frames import way_of
from gql.transport.members import Delivery, Members, Way
from gql.transport.outbox import Outbox
from gql.transport.protocol import SlimProtocol
from gql.transport.websocket import TransportHandler
from tests.factories import make_incident
from tests.gql.transport.sockets import Running, until

CHANGES = "subscription { incidentChanges { version incidentId } }"
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
CLOSE = b"\x88\x80\0\0\0\0"


class Line:
    """A member with a socket of its own, and its peer."""

    def __init__(self) -> None:
        self.last = 0
        self.here, self.there = socket.socketpair()
        for end in (self.here, self.there):
            end.setblocking(False)
        self.delivered: list[int] = []
        self.passed_on: list[bytes] = []
        self.allowed = True
        self.idle = True
        self.on_frame: Callable[[], object] = lambda: None

    def deliver(self, delivery: Delivery) -> None:
        self.delivered.append(delivery.seq)

    def direct(self) -> tuple[int, Way] | None:
        return (self.here.fileno(), self) if self.idle else None

    def frame_of(self, delivery: Delivery) -> bytes | None:
        self.on_frame()
        return delivery.payload if self.allowed else None

    def pass_on(self, rest: bytes) -> None:
        self.passed_on.append(rest)

    def finish(self, errors: list[Any] | None) -> None:
        raise AssertionError(errors)

    def heard(self) -> bytes:
        """All that has arrived at its peer."""
        parts = []
        with suppress(BlockingIOError):
            while part := self.there.recv(1 << 16):
                parts.append(part)
        return b"".join(parts)


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """Three of them."""
    found = [Line() for _ in range(3)]
    yield found
    for line in found:
        line.here.close()
        line.there.close()


# ------------------------------------------------------------------------------------------------------ past everything


async def test_what_comes_after_the_first_result_goes_straight_to_the_descriptor(lines: list[Line]) -> None:
    everybody = await _direct(lines)
    await everybody.hand_out(_delivery(2, b"two"))
    assert [line.heard() for line in lines] == [b"two"] * 3
    assert [line.delivered for line in lines] == [[1]] * 3


async def test_of_a_short_write_exactly_the_rest_is_passed_on(lines: list[Line]) -> None:
    line, frame = lines[0], os.urandom(4_000_000)
    everybody = await _direct([line])
    await everybody.hand_out(_delivery(2, frame))
    [rest] = line.passed_on
    heard = line.heard()
    assert 0 < len(heard) < len(frame)
    assert heard + rest == frame


async def test_a_full_socket_has_the_whole_frame_passed_on(lines: list[Line]) -> None:
    line = lines[0]
    everybody = await _direct([line])
    with suppress(BlockingIOError):
        while True:
            line.here.send(b"x" * 100_000)
    await everybody.hand_out(_delivery(2, b"two"))
    assert line.passed_on == [b"two"]


async def test_a_peer_that_is_gone_is_left_to_the_transport_and_the_others_hear_it(lines: list[Line]) -> None:
    everybody = await _direct(lines)
    lines[1].there.close()
    await everybody.hand_out(_delivery(2, b"two"))
    assert lines[1].passed_on == [b"two"]
    assert [lines[0].heard(), lines[2].heard()] == [b"two", b"two"]


async def test_nothing_is_written_for_a_caller_who_may_not_have_it_any_more(lines: list[Line]) -> None:
    everybody = await _direct(lines)
    lines[1].allowed = False
    await everybody.hand_out(_delivery(2, b"two"))
    assert [line.heard() for line in lines] == [b"two", b"", b"two"]


async def test_a_socket_with_something_waiting_is_not_written_past_it(lines: list[Line]) -> None:
    everybody, line = Members(), lines[0]
    everybody.add(line)
    line.idle = False
    for seq in (1, 2):
        await everybody.hand_out(_delivery(seq))
    assert line.delivered == [1, 2]
    line.idle = True
    for seq in (3, 4):
        await everybody.hand_out(_delivery(seq, b"late"))
    assert line.delivered == [1, 2, 3]
    assert line.heard() == b"late"


async def test_a_second_subscription_of_the_same_socket_hears_everything_too(lines: list[Line]) -> None:
    one, other = lines[:2]
    other.here.close()
    other.here = one.here
    everybody = await _direct([one, other])
    await everybody.hand_out(_delivery(2, b"two"))
    assert one.heard() == b"two"
    assert other.delivered == [1, 2]


async def test_who_is_ahead_gets_nothing_a_second_time(lines: list[Line]) -> None:
    everybody, line = Members(), lines[0]
    line.last = 2
    everybody.add(line)
    for seq in (1, 2, 3):
        await everybody.hand_out(_delivery(seq))
    assert line.delivered == [3]


# ---------------------------------------------------------------------------------------------- while others are served


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_who_steps_out_between_two_turns_gets_what_is_handed_out_exactly_once(
    lines: list[Line], monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    everybody, line = await _direct(lines), lines[which]
    _one_a_turn(monkeypatch)
    # The turn that this asks for comes when the second one has been served.
    lines[1].on_frame = lambda: asyncio.get_running_loop().call_soon(everybody.step_out, line)
    await everybody.hand_out(_delivery(2, b"two"))
    assert [other.heard() for other in lines if other is not line] == [b"two", b"two"]
    had_it = which < 2
    assert line.heard() == (b"two" if had_it else b"")
    assert line.delivered == ([1] if had_it else [1, 2])


async def test_who_leaves_between_two_turns_hears_nothing_more(
    lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = await _direct(lines)
    _one_a_turn(monkeypatch)
    lines[0].on_frame = lambda: asyncio.get_running_loop().call_soon(everybody.remove, lines[2])
    await everybody.hand_out(_delivery(2, b"two"))
    assert [line.heard() for line in lines] == [b"two", b"two", b""]
    assert lines[2].delivered == [1]
    assert len(everybody) == 2


async def test_the_next_owner_of_a_descriptor_hears_nothing_of_the_last_one(lines: list[Line]) -> None:
    everybody, (line, other, _) = await _direct(lines[:1]), lines
    number = line.here.fileno()
    everybody.step_out(line)
    os.dup2(other.here.fileno(), number)
    line.idle = False
    await everybody.hand_out(_delivery(2, b"two"))
    assert other.heard() == b""
    assert line.delivered == [1, 2]


# ------------------------------------------------------------------------------------------ until when that is possible


@LOOPS
def test_a_transport_asks_for_a_pause_as_soon_as_a_byte_waits(new_loop: Callable[[], Any]) -> None:
    async def check() -> None:
        async with _Connected() as protocol:
            held_up: list[int] = []
            transport = protocol.transport
            protocol.on_held_up = lambda: held_up.append(transport.get_write_buffer_size())
            assert protocol.descriptor() is not None
            while not transport.get_write_buffer_size():
                assert not held_up
                transport.write(b"x" * 50_000)
            # In the very call that left something in the buffer.
            assert len(held_up) == 1
            assert held_up[0] > 0

    _run(check(), new_loop)


@LOOPS
def test_a_connection_s_end_is_told_while_its_descriptor_is_still_open(new_loop: Callable[[], Any]) -> None:
    async def check() -> None:
        async with _Connected() as protocol:
            number = protocol.descriptor()
            assert number is not None
            inode, still = os.fstat(number).st_ino, []
            protocol.on_held_up = lambda: still.append(os.fstat(number).st_ino == inode)
            protocol.transport.abort()
            await until(lambda: bool(still))
            assert still == [True]
            assert protocol.on_held_up is None

    _run(check(), new_loop)


@pytest.mark.parametrize(
    "extra",
    [{}, {"socket": 1, "sslcontext": object()}, {"socket": 1, "ssl_object": object()}],
    ids=["no socket", "sslcontext", "ssl_object"],
)
async def test_nothing_is_written_past_a_transport_that_encrypts_or_has_no_socket(extra: dict[str, Any]) -> None:
    protocol: Any = _protocol()
    protocol.transport = _Encrypting(extra)
    assert protocol.descriptor() is None


async def test_a_server_s_protocol_of_another_kind_is_not_written_past() -> None:
    box = Outbox(_no_send, _Encrypting({}), on_overflow=lambda: None, on_held_up=lambda: None)
    assert box.descriptor() is None


@pytest.mark.parametrize(
    "end",
    [
        lambda handler: handler.adapter.protocol.data_received(CLOSE),
        lambda handler: handler.adapter.protocol.eof_received(),
        lambda handler: handler.adapter.protocol.pause_writing(),
        lambda handler: handler.adapter.protocol.shutdown(),
        lambda handler: handler.outbox.close(),
    ],
    ids=["a close frame", "the peer's end", "a pause", "the server's end", "a close of ours"],
)
async def test_a_socket_is_not_written_to_directly_from_the_moment_that(
    served: Running, domain: Domain, end: Callable[[TransportHandler], None]
) -> None:
    async with served.socket() as raw:
        await raw.subscribe(CHANGES)
        await until(lambda: served.members == 1)
        [group] = served.endpoint.groups._groups.values()
        await make_incident(domain)
        await raw.data()
        assert len(group.members._ways) == 1
        [handler] = served.endpoint.sockets._open
        assert isinstance(handler, TransportHandler)
        end(handler)
        assert len(group.members._ways) == 0
        assert handler.outbox.descriptor() is None or not handler.adapter.protocol.transport.is_closing()


def test_sockets_share_a_way_only_where_that_keeps_no_long_id_of_a_client() -> None:
    assert way_of("1", None, wired=True) is way_of("1", None, wired=True)
    assert way_of("1", None, wired=True) is not way_of("1", None, wired=False)
    long = "x" * 1_000_000
    assert way_of(long, None, wired=True) is not way_of(long, None, wired=True)


class _Encrypting:
    """A transport, as far as anybody asks it before writing past it."""

    def __init__(self, extra: dict[str, Any]) -> None:
        self._extra = extra
        self.transport = self

    def get_extra_info(self, name: str) -> Any:
        return self._extra.get(name)


class _Connected:
    """The server's protocol object, connected to a peer that reads nothing."""

    async def __aenter__(self) -> SlimProtocol:
        self.made: asyncio.Future[SlimProtocol] = asyncio.get_running_loop().create_future()
        self.server = await asyncio.get_running_loop().create_server(self._make, "127.0.0.1", 0)
        self.peer = socket.create_connection(self.server.sockets[0].getsockname())
        protocol = await self.made
        await until(lambda: protocol.transport is not None)
        return protocol

    async def __aexit__(self, *_: object) -> None:
        self.peer.close()
        self.server.close()
        await self.server.wait_closed()

    def _make(self) -> SlimProtocol:
        protocol = _protocol()
        self.made.set_result(protocol)
        return protocol


def _protocol() -> SlimProtocol:
    config = uvicorn.Config(_app, log_config=None, ws_per_message_deflate=False)
    config.load()
    return SlimProtocol(config=config, server_state=ServerState(), app_state={})


async def _app(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError((scope, receive, send))


async def _no_send(_: str) -> None:
    raise AssertionError("nobody asks for anything")


def _run(check: Any, new_loop: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(check)


def _one_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_TURN_SECONDS", -1)
    monkeypatch.setattr(members, "_CHECK_EVERY", 1)


async def _direct(lines: list[Line]) -> Members:
    """Members who have had the first result, and are written to directly from now on."""
    everybody = Members()
    for line in lines:
        everybody.add(line)
    await everybody.hand_out(_delivery(1))
    return everybody


def _delivery(seq: int, payload: bytes = b"") -> Delivery:
    return Delivery(seq=seq, cursor=None, payload=payload, at=datetime(2026, 1, 1, tzinfo=UTC))
