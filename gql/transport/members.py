"""Hands one result to all who share it, in turns with whatever else there is to do."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

#: How long handing an event out may hold the event loop before others get a turn.
_TURN_SECONDS = 0.0015
_CHECK_EVERY = 32


@dataclass(slots=True, eq=False)
class Delivery:
    """One result of a group on its way to the members: the JSON payload, encoded once."""

    seq: int
    cursor: str | None
    payload: bytes
    #: When it was handed out: what a member's credential has to be valid at.
    at: datetime
    #: Where the library looks for errors to handle; those of a group are in the payload, handled.
    errors: ClassVar[None] = None
    #: What members made of it for the wire, shared among those that make the same of it.
    frames: dict[bytes, bytes] = field(default_factory=dict)


class Member(Protocol):
    """One subscriber of a group."""

    #: The position up to which it has everything; what it gets lies behind that.
    last: int

    def deliver(self, delivery: Delivery) -> None:
        """Take a result without waiting."""

    def finish(self, errors: list[Any] | None) -> None:
        """Hear that nothing more comes, because of errors or because the subscription ended."""


class Members:
    """All members of a group."""

    def __init__(self) -> None:
        self._members: dict[Member, None] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members))

    def add(self, member: Member) -> None:
        """Hand to this member from now on what lies behind its position."""
        self._members[member] = None

    def remove(self, member: Member) -> None:
        """Hand this member nothing more."""
        self._members.pop(member, None)

    def clear(self) -> None:
        """Hand out nothing more."""
        self._members.clear()

    async def hand_out(self, delivery: Delivery) -> None:
        """Give all of them a result, in turns with whatever else there is to do."""
        remaining, turn_ends = list(self._members), time.perf_counter() + _TURN_SECONDS
        for start in range(0, len(remaining), _CHECK_EVERY):
            for member in remaining[start : start + _CHECK_EVERY]:
                # One that joined while it was ahead has had it; one that left meanwhile wants it no more.
                if member.last < delivery.seq and member in self._members:
                    member.last = delivery.seq
                    member.deliver(delivery)
            if time.perf_counter() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.perf_counter() + _TURN_SECONDS
