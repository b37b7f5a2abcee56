"""Rate limits: token buckets per caller, in this process or shared through Redis."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from itertools import islice
from typing import Protocol, cast

from typing_extensions import override

from domain.clock import Clock

_MINUTE_SECONDS = 60.0
#: Callers remembered; those whose bucket is full again are forgotten first, and are as good as new.
_MOST_CALLERS = 10_000
#: For how many there is room once some were forgotten.
_ROOM = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A caller's rate limit as of one operation."""

    limit: int
    remaining: int
    #: When the bucket is full again.
    reset_at: datetime
    #: How long to wait before retrying this operation; None when it is allowed.
    retry_after_seconds: int | None = None


class Buckets(Protocol):
    """Token buckets, one per caller: they hold a minute's points and refill evenly."""

    #: How often this process has refused a caller.
    refused: int

    async def spend(self, caller: str, points: int) -> Allowance | None:
        """Spend points and return the caller's allowance; None when callers are not limited."""

    async def close(self) -> None:
        """Close connections."""


class LocalBuckets(Buckets, ABC):
    """Buckets of this process, which answer without waiting."""

    @abstractmethod
    def take(self, caller: str, points: int) -> Allowance | None:
        """Do as `spend`, at once."""

    @override
    async def spend(self, caller: str, points: int) -> Allowance | None:
        return self.take(caller, points)


class UnlimitedBuckets(LocalBuckets):
    """Buckets without a limit."""

    refused = 0

    @override
    def take(self, caller: str, points: int) -> Allowance | None:
        return None

    @override
    async def close(self) -> None:
        pass


class MemoryBuckets(LocalBuckets):
    """Buckets of this process alone."""

    def __init__(self, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._kept: dict[str, tuple[float, datetime]] = {}
        self.refused = 0

    @override
    def take(self, caller: str, points: int) -> Allowance | None:
        now = self._clock.now()
        level = self._level(caller, now)
        wanted = min(points, self._limit)
        allowed = level >= wanted
        if allowed:
            level -= wanted
        else:
            self.refused += 1
        self._kept[caller] = level, now
        if len(self._kept) > _MOST_CALLERS:
            self._forget(now)
        return allowance_of(self._limit, level=level, wanted=wanted, allowed=allowed, now=now)

    @override
    async def close(self) -> None:
        self._kept.clear()

    def _level(self, caller: str, now: datetime) -> float:
        if caller not in self._kept:
            return self._limit
        level, at = self._kept[caller]
        return min(self._limit, level + max(0.0, (now - at).total_seconds()) * self._limit / _MINUTE_SECONDS)

    def _forget(self, now: datetime) -> None:
        self._kept = {caller: kept for caller, kept in self._kept.items() if self._level(caller, now) < self._limit}
        # All of them spend at this moment: an attack from many addresses, which must exhaust neither the memory nor the
        # processor. All buckets are looked at here, so there has to be room for many callers afterwards.
        if len(self._kept) > _MOST_CALLERS - _ROOM:
            for caller in list(islice(self._kept, _ROOM)):
                del self._kept[caller]


def make_buckets(*, limit: int, broadcast_url: str, clock: Clock) -> Buckets:
    """Return buckets for a rate of points per minute, shared where the processes share a Redis."""
    if limit == 0:
        return UnlimitedBuckets()
    if broadcast_url.startswith(("redis://", "rediss://")):
        # Redis's client takes time to import, and most servers are alone.
        shared = import_module("domain.messaging.redis_buckets").RedisBuckets
        return cast("Buckets", shared(broadcast_url, clock, limit=limit))
    return MemoryBuckets(clock, limit=limit)


def allowance_of(limit: int, *, level: float, wanted: int, allowed: bool, now: datetime) -> Allowance:
    """Return a caller's allowance where the bucket has this level, in points."""
    seconds_per_point = _MINUTE_SECONDS / limit
    return Allowance(
        limit=limit,
        remaining=int(level),
        reset_at=now + timedelta(seconds=(limit - level) * seconds_per_point),
        retry_after_seconds=None if allowed else max(1, math.ceil((wanted - level) * seconds_per_point)),
    )
