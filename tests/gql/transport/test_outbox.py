"""The outgoing queue of a socket: in order, bounded, and without unwanted frames."""

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from gql.transport import outbox
from gql.transport.outbox import Outbox, text_frame


class Wire:
    """The parts of the server's protocol object and its transport that an outbox uses."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.closing = False
        self.transport = self
        self.written: list[bytes] = []
        self.aborted = False

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0 if self.writable.is_set() else 1 << 16

    def write(self, frame: bytes) -> None:
        self.written.append(frame)

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
def test_a_frame_is_what_the_library_would_write(size: int) -> None:
    message = b"x" * size
    assert text_frame(message) == Frame(Opcode.TEXT, message).serialize(mask=False)


async def test_a_frame_does_not_overtake_a_queued_one() -> None:
    wire, box = _outbox()
    box.put(b"1", _wanted)
    await asyncio.sleep(0)
    wire.writable.set()
    # The drain is woken, but has not run yet.
    box.put(b"2", _wanted)
    await _drained(box)
    box.put(b"3", _wanted)
    assert wire.written == [b"1", b"2", b"3"]


async def test_a_queued_frame_is_dropped_once_it_is_not_wanted() -> None:
    wire, box = _outbox()
    wanted = [True]
    box.put(b"1", lambda: wanted[0])
    box.put(b"2", _wanted)
    await asyncio.sleep(0)
    wanted[0] = False
    wire.writable.set()
    await _drained(box)
    assert wire.written == [b"2"]


async def test_a_peer_that_takes_no_frame_in_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "SEND_SECONDS", 0.01)
    wire, box = _outbox()
    box.put(b"1", _wanted)
    await _drained(box)
    assert wire.aborted
    assert box.closed
    assert wire.written == []


@pytest.mark.parametrize(("name", "bound", "fits"), [("MOST_FRAMES", 3, 3), ("MOST_BYTES", 25, 2)])
async def test_the_queue_is_bounded_by_number_and_size(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: int, fits: int
) -> None:
    monkeypatch.setattr(outbox, name, bound)
    overflows: list[bool] = []
    wire, box = _outbox(overflows)
    for _ in range(fits):
        box.put(b"x" * 10, _wanted)
    assert not overflows
    for _ in range(3):
        box.put(b"x" * 10, _wanted)
    assert overflows == [True]
    wire.writable.set()
    await _drained(box)
    assert wire.written == []


@pytest.mark.parametrize("waiting", [True, False])
async def test_nothing_is_written_to_a_peer_that_is_gone(waiting: bool) -> None:
    wire, box = _outbox()
    if waiting:
        box.put(b"1", _wanted)
        await asyncio.sleep(0)
    wire.closing = True
    wire.writable.set()
    await _drained(box)
    box.put(b"2", _wanted)
    assert wire.written == []
    assert box.closed


async def test_no_frame_follows_a_close_frame() -> None:
    wire, box = _outbox()
    box.put(b"1", _wanted)
    await asyncio.sleep(0)
    box.close()
    wire.writable.set()
    await _drained(box)
    box.put(b"2", _wanted)
    assert wire.written == []


async def test_frames_without_the_server_s_protocol_are_sent_in_order() -> None:
    sent: list[str] = []

    async def send(text: str) -> None:
        await asyncio.sleep(0)
        sent.append(text)

    box = Outbox(send, None, on_overflow=lambda: None)
    for text in (b"1", b"2", b"3"):
        box.put(text, _wanted)
    await _drained(box)
    assert sent == ["1", "2", "3"]


def _outbox(overflows: list[bool] | None = None) -> tuple[Any, Outbox]:
    noted = [] if overflows is None else overflows

    async def send(_: str) -> None:
        raise AssertionError("frames go to the wire")

    wire = Wire()
    return wire, Outbox(send, wire, on_overflow=lambda: noted.append(True))


async def _drained(box: Outbox) -> None:
    while (task := box._task) is not None:
        await asyncio.wait({task})


def _wanted() -> bool:
    return True
