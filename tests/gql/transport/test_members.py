"""Handing a result to all members: each hears it once, in turns with whatever else there is to do."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gql.transport import members
from gql.transport.frames import framing_of
from gql.transport.members import Members, SharedResult


class Ear:
    """A member that notes what it hears."""

    def __init__(self) -> None:
        self.last = 0
        self.heard: list[int] = []
        self.on_delivery: Callable[[], object] = lambda: None

    def deliver(self, result: SharedResult) -> None:
        self.heard.append(result.seq)
        self.on_delivery()

    def finish(self, errors: list[Any] | None) -> None:
        raise AssertionError(errors)


async def test_all_members_hear_every_result_in_order() -> None:
    everybody, ears = _members(100)
    for seq in (1, 2, 3):
        await everybody.deliver(_result(seq))
    assert [ear.heard for ear in ears] == [[1, 2, 3]] * 100


async def test_a_member_that_is_ahead_gets_nothing_a_second_time() -> None:
    everybody, [ear] = _members(1)
    ear.last = 2
    for seq in (1, 2, 3):
        await everybody.deliver(_result(seq))
    assert ear.heard == [3]


async def test_a_member_that_leaves_between_two_turns_hears_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody, ears = _members(3)
    _one_a_turn(monkeypatch)
    ears[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(everybody.remove, ears[2])
    await everybody.deliver(_result(1))
    assert [ear.heard for ear in ears] == [[1], [1], []]
    assert len(everybody) == 2


async def test_a_member_that_joins_between_two_turns_hears_the_next_result_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everybody, ears = _members(2)
    _one_a_turn(monkeypatch)
    late = Ear()
    ears[0].on_delivery = lambda: everybody.add(late)
    await everybody.deliver(_result(1))
    assert late.heard == []
    await everybody.deliver(_result(2))
    assert late.heard == [2]


async def test_others_have_their_turn_while_a_result_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody, ears = _members(3)
    _one_a_turn(monkeypatch)
    between: list[int] = []
    ears[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(lambda: between.append(len(ears[2].heard)))
    await everybody.deliver(_result(1))
    assert between == [0]


def test_sockets_share_a_way_only_where_that_keeps_no_long_id_of_a_client() -> None:
    assert framing_of("1", None, wired=True) is framing_of("1", None, wired=True)
    assert framing_of("1", None, wired=True) is not framing_of("1", None, wired=False)
    long = "x" * 1_000_000
    assert framing_of(long, None, wired=True) is not framing_of(long, None, wired=True)


def _members(count: int) -> tuple[Members, list[Ear]]:
    everybody, ears = Members(), [Ear() for _ in range(count)]
    for ear in ears:
        everybody.add(ear)
    return everybody, ears


def _one_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_SLICE_SECONDS", -1)
    monkeypatch.setattr(members, "_CHECK_EVERY", 1)


def _result(seq: int) -> SharedResult:
    return SharedResult(seq=seq, cursor=None, payload=b"", at=datetime(2026, 1, 1, tzinfo=UTC))
