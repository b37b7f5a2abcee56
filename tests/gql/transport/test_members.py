"""Delivery of a result to all members: each gets it once, and the event loop goes on in between."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gql.transport import members
from gql.transport.frames import framing_of
from gql.transport.members import Members, SharedResult


class Recorder:
    """A member that records its results."""

    def __init__(self) -> None:
        self.last = 0
        self.received: list[int] = []
        self.on_delivery: Callable[[], object] = lambda: None

    def deliver(self, result: SharedResult) -> None:
        self.received.append(result.seq)
        self.on_delivery()

    def finish(self, errors: list[Any] | None) -> None:
        raise AssertionError(errors)


async def test_all_members_get_every_result_in_order() -> None:
    group, recorders = _members(100)
    for seq in (1, 2, 3):
        await group.deliver(_result(seq))
    assert [recorder.received for recorder in recorders] == [[1, 2, 3]] * 100


async def test_a_member_ahead_of_a_result_does_not_get_it_again() -> None:
    group, [recorder] = _members(1)
    recorder.last = 2
    for seq in (1, 2, 3):
        await group.deliver(_result(seq))
    assert recorder.received == [3]


async def test_a_member_that_leaves_during_a_yield_gets_no_further_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    group, recorders = _members(3)
    _one_a_slice(monkeypatch)
    recorders[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(group.remove, recorders[2])
    await group.deliver(_result(1))
    assert [recorder.received for recorder in recorders] == [[1], [1], []]
    assert len(group) == 2


async def test_a_member_that_joins_during_a_yield_gets_the_next_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group, recorders = _members(2)
    _one_a_slice(monkeypatch)
    late = Recorder()
    recorders[0].on_delivery = lambda: group.add(late)
    await group.deliver(_result(1))
    assert late.received == []
    await group.deliver(_result(2))
    assert late.received == [2]


async def test_delivery_yields_to_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    group, recorders = _members(3)
    _one_a_slice(monkeypatch)
    between: list[int] = []
    recorders[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(
        lambda: between.append(len(recorders[2].received))
    )
    await group.deliver(_result(1))
    assert between == [0]


def test_sockets_share_a_framing_unless_their_id_is_long() -> None:
    assert framing_of("1", None, wired=True) is framing_of("1", None, wired=True)
    assert framing_of("1", None, wired=True) is not framing_of("1", None, wired=False)
    long = "x" * 1_000_000
    assert framing_of(long, None, wired=True) is not framing_of(long, None, wired=True)


def _members(count: int) -> tuple[Members, list[Recorder]]:
    group, recorders = Members(), [Recorder() for _ in range(count)]
    for recorder in recorders:
        group.add(recorder)
    return group, recorders


def _one_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_SLICE_SECONDS", -1)
    monkeypatch.setattr(members, "_CHECK_EVERY", 1)


def _result(seq: int) -> SharedResult:
    return SharedResult(seq=seq, cursor=None, payload=b"", at=datetime(2026, 1, 1, tzinfo=UTC))
