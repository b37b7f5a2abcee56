"""Delivery of one result to all members of a group, yielding to the event loop in between."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

import orjson

#: How long delivering one result may hold the event loop before it yields.
_SLICE_SECONDS = 0.0015
_CHECK_EVERY = 32


@dataclass(slots=True, eq=False)
class SharedResult:
    """One result of a group for all its members: the JSON payload, encoded once."""

    seq: int
    cursor: str | None
    payload: bytes
    #: When it was delivered: a member's credential has to be valid at that time.
    at: datetime
    #: The library looks here for errors to handle; a group's errors are in the payload already.
    errors: ClassVar[None] = None
    #: Frames made of it, shared by members with the same framing.
    frames: dict[bytes, bytes] = field(default_factory=dict)
    #: The framing that was asked for last, and its frame: mostly the next member has the same.
    framing: object = None
    frame: bytes | None = None


class Member(Protocol):
    """One subscriber of a group."""

    #: The position up to which it has everything.
    last: int

    def deliver(self, result: SharedResult) -> None:
        """Take a result without waiting."""

    def finish(self, errors: list[Any] | None) -> None:
        """Note that nothing more comes, because of errors or because the subscription ended."""


class Stream(Protocol):
    """A stream whose client can be told how far it is."""

    def report(self) -> None:
        """Tell it."""


class Members:
    """All members of a group."""

    def __init__(self) -> None:
        self._members: dict[Member, None] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members))

    def add(self, member: Member) -> None:
        """Deliver to this member from now on all results behind its position."""
        self._members[member] = None

    def remove(self, member: Member) -> None:
        """Deliver nothing more to this member."""
        self._members.pop(member, None)

    def clear(self) -> None:
        """Deliver nothing more to any member."""
        self._members.clear()

    async def deliver(self, result: SharedResult) -> None:
        """Deliver a result to all members, yielding to the event loop between slices of time."""
        remaining, slice_ends = list(self._members), time.perf_counter() + _SLICE_SECONDS
        for start in range(0, len(remaining), _CHECK_EVERY):
            for member in remaining[start : start + _CHECK_EVERY]:
                # A member that joined ahead of this result has had it; one that left meanwhile must not get it.
                if member.last < result.seq and member in self._members:
                    member.last = result.seq
                    member.deliver(result)
            if time.perf_counter() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = time.perf_counter() + _SLICE_SECONDS


def encoded(result: Any, seq: int, cursor: str | None, *, at: datetime) -> SharedResult:
    """Return a result of a shared execution, encoded for all members."""
    payload: Mapping[str, Any] = {"data": result.data}
    if result.errors:
        payload = {**payload, "errors": [error.formatted for error in result.errors]}
    if result.extensions:
        payload = {**payload, "extensions": result.extensions}
    return SharedResult(seq=seq, cursor=cursor, payload=orjson.dumps(payload), at=at)
