"""Handing a result to all members: each hears it once, in turns with whatever else there is to do."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gql.transport import members
from gql.transport.frames import way_of
from gql.transport.members import Delivery, Members


class Ear:
    """A member that notes what it hears."""

    def __init__(self) -> None:
        self.last = 0
        self.heard: list[int] = []
        self.on_delivery: Callable[[], object] = lambda: None

    def deliver(self, delivery: Delivery) -> None:
        self.heard.append(delivery.seq)
        self.on_delivery()

    def finish(self, errors: list[Any] | None) -> None:
        raise AssertionError(errors)


async def test_all_members_hear_every_result_in_order() -> None:
    everybody, ears = _members(100)
    for seq in (1, 2, 3):
        await everybody.hand_out(_delivery(seq))
    assert [ear.heard for ear in ears] == [[1, 2, 3]] * 100


async def test_a_member_that_is_ahead_gets_nothing_a_second_time() -> None:
    everybody, [ear] = _members(1)
    ear.last = 2
    for seq in (1, 2, 3):
        await everybody.hand_out(_delivery(seq))
    assert ear.heard == [3]


async def test_a_member_that_leaves_between_two_turns_hears_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody, ears = _members(3)
    _one_a_turn(monkeypatch)
    ears[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(everybody.remove, ears[2])
    await everybody.hand_out(_delivery(1))
    assert [ear.heard for ear in ears] == [[1], [1], []]
    assert len(everybody) == 2


async def test_a_member_that_joins_between_two_turns_hears_the_next_result_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everybody, ears = _members(2)
    _one_a_turn(monkeypatch)
    late = Ear()
    ears[0].on_delivery = lambda: everybody.add(late)
    await everybody.hand_out(_delivery(1))
    assert late.heard == []
    await everybody.hand_out(_delivery(2))
    assert late.heard == [2]


async def test_others_have_their_turn_while_a_result_is_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody, ears = _members(3)
    _one_a_turn(monkeypatch)
    between: list[int] = []
    ears[0].on_delivery = lambda: asyncio.get_running_loop().call_soon(lambda: between.append(len(ears[2].heard)))
    await everybody.hand_out(_delivery(1))
    assert between == [0]


def test_sockets_share_a_way_only_where_that_keeps_no_long_id_of_a_client() -> None:
    assert way_of("1", None, wired=True) is way_of("1", None, wired=True)
    assert way_of("1", None, wired=True) is not way_of("1", None, wired=False)
    long = "x" * 1_000_000
    assert way_of(long, None, wired=True) is not way_of(long, None, wired=True)


def _members(count: int) -> tuple[Members, list[Ear]]:
    everybody, ears = Members(), [Ear() for _ in range(count)]
    for ear in ears:
        everybody.add(ear)
    return everybody, ears


def _one_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_TURN_SECONDS", -1)
    monkeypatch.setattr(members, "_CHECK_EVERY", 1)


def _delivery(seq: int) -> Delivery:
    return Delivery(seq=seq, cursor=None, payload=b"", at=datetime(2026, 1, 1, tzinfo=UTC))
