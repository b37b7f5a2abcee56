"""Rate limits: token buckets per caller, in this process or shared through Redis."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from domain.clock import Clock
from domain.outages import Outage

_MINUTE_SECONDS = 60.0
#: Callers remembered; those whose bucket is full again are forgotten first, and are as good as new.
_MOST_CALLERS = 10_000
_REDIS_SECONDS = 0.25
_REDIS_PAUSE = timedelta(seconds=5)
_REDIS_PREFIX = "incidentql:rate:"

#: Reads, refills, spends and writes in one step, by Redis's clock: those of the processes need not agree.
_SPEND = """
local limit, points = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = limit
if kept[1] then
    level = math.min(limit, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * limit / 60)
end
local allowed = 0
if level >= points then
    level = level - points
    allowed = 1
end
redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], 61000)
return {allowed, tostring(level)}
"""


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

    async def spend(self, caller: str, points: int) -> Allowance | None:
        """Spend points and return the caller's allowance; None when callers are not limited."""

    async def close(self) -> None:
        """Close connections."""


class UnlimitedBuckets(Buckets):
    """Buckets without a limit."""

    @override
    async def spend(self, caller: str, points: int) -> Allowance | None:
        return None

    @override
    async def close(self) -> None:
        pass


class MemoryBuckets(Buckets):
    """Buckets of this process alone."""

    def __init__(self, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._kept: dict[str, tuple[float, datetime]] = {}

    @override
    async def spend(self, caller: str, points: int) -> Allowance | None:
        now = self._clock.now()
        level = self._level(caller, now)
        wanted = min(points, self._limit)
        allowed = level >= wanted
        if allowed:
            level -= wanted
        self._kept[caller] = level, now
        if len(self._kept) > _MOST_CALLERS:
            self._forget(now)
        return _allowance(self._limit, level=level, wanted=wanted, allowed=allowed, now=now)

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
        # All of them spend at this moment: an attack from many addresses, which must not exhaust the memory.
        while len(self._kept) > _MOST_CALLERS:
            del self._kept[next(iter(self._kept))]


class RedisBuckets(Buckets):
    """Buckets that all processes share. While Redis is away no caller is limited, and the outage is logged."""

    def __init__(self, url: str, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._redis: Redis = Redis.from_url(url, socket_timeout=_REDIS_SECONDS)
        self._script: Any = self._redis.register_script(_SPEND)
        self._away_until: datetime | None = None
        self._outage = Outage("the Redis for rate limits, without which no caller is limited,")

    @override
    async def spend(self, caller: str, points: int) -> Allowance | None:
        now = self._clock.now()
        if self._away_until is not None and now < self._away_until:
            return None
        wanted = min(points, self._limit)
        try:
            allowed, level = await self._script(keys=[_REDIS_PREFIX + caller], args=[self._limit, wanted])
        except (RedisError, OSError, TimeoutError) as error:
            # Retried only after a pause: otherwise every operation would wait for the timeout.
            self._away_until = now + _REDIS_PAUSE
            self._outage.failed(repr(error))
            return None
        self._away_until = None
        self._outage.works()
        return _allowance(self._limit, level=float(level), wanted=wanted, allowed=bool(allowed), now=now)

    @override
    async def close(self) -> None:
        await self._redis.aclose()


def make_buckets(*, limit: int, broadcast_url: str, clock: Clock) -> Buckets:
    """Return buckets for a rate of points per minute, shared where the processes share a Redis."""
    if limit == 0:
        return UnlimitedBuckets()
    if broadcast_url.startswith(("redis://", "rediss://")):
        return RedisBuckets(broadcast_url, clock, limit=limit)
    return MemoryBuckets(clock, limit=limit)


def _allowance(limit: int, *, level: float, wanted: int, allowed: bool, now: datetime) -> Allowance:
    seconds_per_point = _MINUTE_SECONDS / limit
    return Allowance(
        limit=limit,
        remaining=int(level),
        reset_at=now + timedelta(seconds=(limit - level) * seconds_per_point),
        retry_after_seconds=None if allowed else max(1, math.ceil((wanted - level) * seconds_per_point)),
    )
