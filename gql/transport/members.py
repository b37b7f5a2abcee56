"""Handing one result to all who share it: written straight to the sockets that take it, one call for the others."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
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


class Way(Protocol):
    """What becomes of a delivery on its way to a member: one object for all for whom it becomes the same."""

    def frame_of(self, delivery: Delivery) -> bytes | None:
        """What to write; None where the caller may not have it any more."""


class Member(Protocol):
    """One subscriber of a group."""

    #: The position up to which it has everything; what it gets lies behind that.
    last: int

    def deliver(self, delivery: Delivery) -> None:
        """Take a result without waiting."""

    def finish(self, errors: list[Any] | None) -> None:
        """Hear that nothing more comes, because of errors or because the subscription ended."""

    def direct(self) -> tuple[int, Way] | None:
        """The descriptor that takes its frames now, where nothing has to leave before them; told when that ends."""

    def pass_on(self, rest: bytes) -> None:
        """Take what the descriptor did not, before anything else."""


class Members:
    """All members of a group.

    Of thousands of sockets no object is in the processor's cache any more when its turn comes, and a call to each
    would cost a fifth of what the kernel takes for the write. So where a socket has nothing waiting, only its
    descriptor is touched. It is in `_ways` for exactly as long as that is safe: `step_out` comes before the connection
    is closed, hence before its number can stand for another one, and before anything waits that frames would overtake.
    """

    def __init__(self) -> None:
        #: Each with its descriptor while that is written to directly.
        self._descriptors: dict[Member, int | None] = {}
        self._apart: dict[Member, None] = {}
        self._ways: dict[int, Way] = {}
        self._direct: dict[int, Member] = {}
        self._handed = 0
        #: Who of the direct ones has not had yet what is being handed out; filled while others have their turn.
        self._missing: Sequence[int] | set[int] = ()

    def __len__(self) -> int:
        return len(self._descriptors)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._descriptors))

    def add(self, member: Member) -> None:
        """Hand to this member from now on what lies behind its position."""
        self._descriptors[member] = None
        self._apart[member] = None

    def remove(self, member: Member) -> None:
        """Hand this member nothing more."""
        self.step_out(member)
        self._descriptors.pop(member, None)
        self._apart.pop(member, None)

    def clear(self) -> None:
        """Hand out nothing more."""
        for member in self:
            self.remove(member)

    def step_out(self, member: Member) -> None:
        """Write no more to its descriptor: something waits, or the connection is about to close."""
        descriptor = self._descriptors.get(member)
        if descriptor is None:
            return
        self._descriptors[member] = None
        self._apart[member] = None
        del self._ways[descriptor], self._direct[descriptor]
        if self._missing and not isinstance(self._missing, set):
            self._missing = set(self._missing)
        member.last = self._handed - 1 if descriptor in self._missing else self._handed

    async def hand_out(self, delivery: Delivery) -> None:
        """Give all of them a result, in turns with whatever else there is to do."""
        self._handed = delivery.seq
        waiting = list(self._ways)
        while waiting:
            waiting = waiting[self._write(waiting, delivery) :]
            if waiting:
                waiting = await self._still_direct(waiting)
        await self._hand_apart(delivery)

    async def _still_direct(self, waiting: list[int]) -> list[int]:
        """Let others have their turn; who can still be written to."""
        self._missing = waiting
        await asyncio.sleep(0)
        # It became a set when somebody stepped out. Nobody steps in meanwhile, so a number is who it was.
        changed = self._missing is not waiting
        self._missing = ()
        return [descriptor for descriptor in waiting if descriptor in self._ways] if changed else waiting

    def _write(self, descriptors: Sequence[int], delivery: Delivery) -> int:
        """Write to as many as one turn has time for; how many that are."""
        ways, write, turn_ends = self._ways, os.write, time.perf_counter() + _TURN_SECONDS
        way, frame = None, None
        for start in range(0, len(descriptors), _CHECK_EVERY):
            for descriptor in descriptors[start : start + _CHECK_EVERY]:
                if ways[descriptor] is not way:
                    way = ways[descriptor]
                    frame = way.frame_of(delivery)
                if frame is None:
                    continue
                try:
                    left = len(frame) - write(descriptor, frame)
                except OSError:
                    # Full, or gone: its transport finds out, and knows what to do.
                    left = len(frame)
                if left:
                    self._direct[descriptor].pass_on(frame[-left:])
            if time.perf_counter() > turn_ends:
                return start + _CHECK_EVERY
        return len(descriptors)

    async def _hand_apart(self, delivery: Delivery) -> None:
        remaining, turn_ends = list(self._apart), time.perf_counter() + _TURN_SECONDS
        for start in range(0, len(remaining), _CHECK_EVERY):
            for member in remaining[start : start + _CHECK_EVERY]:
                if member.last < delivery.seq and member in self._apart:
                    member.last = delivery.seq
                    member.deliver(delivery)
                    self._step_in(member)
            if time.perf_counter() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.perf_counter() + _TURN_SECONDS

    def _step_in(self, member: Member) -> None:
        """Write to its descriptor from the next time on; it has had all that the others have."""
        direct = member.direct()
        # Delivering can be what ends it; and of two subscriptions of one socket, one is enough to be quick.
        if direct is None or member not in self._apart or direct[0] in self._ways:
            return
        descriptor, self._ways[direct[0]] = direct
        self._direct[descriptor] = member
        self._descriptors[member] = descriptor
        del self._apart[member]
