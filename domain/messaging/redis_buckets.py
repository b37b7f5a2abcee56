"""Token buckets that all processes share, in Redis; imported where they are wanted."""

from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from typing_extensions import override

from domain.clock import Clock
from domain.messaging.buckets import Allowance, Buckets, allowance_of
from domain.outages import Outage

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


class RedisBuckets(Buckets):
    """Buckets that all processes share. While Redis is away no caller is limited, and the outage is logged."""

    def __init__(self, url: str, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._redis: Redis = Redis.from_url(url, socket_timeout=_REDIS_SECONDS)
        self._script: Any = self._redis.register_script(_SPEND)
        self._away_until: datetime | None = None
        self.refused = 0
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
        self.refused += not allowed
        return allowance_of(self._limit, level=float(level), wanted=wanted, allowed=bool(allowed), now=now)

    @override
    async def close(self) -> None:
        await self._redis.aclose()
