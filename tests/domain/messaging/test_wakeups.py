"""Wake-ups between processes, over each of the broadcaster's backends."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import asyncpg
import pytest
from broadcaster import Broadcast
from redis.asyncio import Redis

from domain.errors import StartupError
from domain.messaging.wakeups import WakeUps
from tests.addresses import postgres_url, redis_url
from tests.domain.messaging.changes import until, until_it_is

NEVER = 3600.0
between_processes = pytest.mark.parametrize(
    "url",
    [
        pytest.param(redis_url(), marks=pytest.mark.redis, id="redis"),
        pytest.param(postgres_url(), marks=pytest.mark.postgres, id="postgres"),
    ],
)


class Process:
    """The wake-ups of one process, counted."""

    def __init__(self, url: str, *, heartbeat_seconds: float = NEVER, silence_seconds: float = NEVER) -> None:
        self.woken = 0
        self.wakeups = WakeUps(url, self._wake, heartbeat_seconds=heartbeat_seconds, silence_seconds=silence_seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect until the context is left."""
        await self.wakeups.start()
        try:
            await until(lambda: self.woken > 0)
            yield
        finally:
            await self.wakeups.stop()

    def _wake(self) -> None:
        self.woken += 1


@pytest.mark.parametrize("url", ["kafka://localhost", "redis-stream://localhost", "localhost", ""])
def test_a_broadcast_url_of_an_unknown_kind_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="memory://"):
        Process(url)


async def test_in_one_process_an_announcement_wakes_its_own_reader() -> None:
    process = Process("memory://")
    async with process.running():
        process.wakeups.announce()

        await until(lambda: process.woken == 2)


async def test_an_announcement_that_comes_while_another_is_sent_is_sent_too() -> None:
    backend = _Announcing()
    async with asyncio.timeout(60):
        with suppress(_SentTwiceError):
            await backend.wakeups._publish(cast("Broadcast", backend))

    assert backend.sent == 2


@between_processes
async def test_an_announcement_in_one_process_wakes_the_other(url: str) -> None:
    one, other = Process(url), Process(url)
    async with one.running(), other.running():
        await _wakes(one, other)
        await _wakes(other, one)


@between_processes
async def test_connecting_wakes_the_process_for_earlier_announcements(url: str) -> None:
    process = Process(url)
    async with process.running():
        assert process.woken == 1


@pytest.mark.redis
async def test_a_lost_connection_to_redis_is_made_again() -> None:
    name = f"incidentql-test-{uuid.uuid4().hex[:8]}"
    async with Redis.from_url(redis_url()) as server:
        await _survives(f"{redis_url()}?client_name={name}", _RedisConnections(server, name))


@pytest.mark.postgres
async def test_a_lost_connection_to_postgres_is_made_again() -> None:
    name = f"incidentql-test-{uuid.uuid4().hex[:8]}"
    server = await asyncpg.connect(postgres_url())
    try:
        await _survives(f"{postgres_url()}?application_name={name}", _PostgresConnections(server, name))
    finally:
        await server.close()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "postgresql://127.0.0.1:1/nowhere"], ids=["redis", "postgres"])
async def test_a_server_that_is_away_is_retried_and_leaves_no_task_behind(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="domain.outages")
    before = asyncio.all_tasks()
    wakeups = WakeUps(url, lambda: None)
    await wakeups.start()
    await until(lambda: len(outages(caplog)) >= 3)
    await wakeups.stop()

    assert outages(caplog)[:3] == [logging.ERROR, logging.DEBUG, logging.DEBUG]
    await until(lambda: asyncio.all_tasks() == before)


async def test_heartbeats_wake_the_reader_without_any_announcement() -> None:
    process = Process("memory://", heartbeat_seconds=0.02)
    async with process.running():
        await until(lambda: process.woken > 3)


async def test_a_channel_that_is_silent_is_an_outage_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    process = Process("memory://", silence_seconds=0.02)
    async with process.running():
        await until(lambda: bool(outages(caplog)))
        await until(lambda: process.woken > 1)
    assert caplog.messages[0].endswith(": TimeoutError()")


async def test_a_channel_that_fails_at_the_very_moment_of_the_stop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    fails = asyncio.Event()

    async def listen(*_: object) -> None:
        await fails.wait()
        raise ConnectionError

    monkeypatch.setattr(WakeUps, "_listen", listen)
    process = Process("memory://")
    async with process.running():
        await until(lambda: len(asyncio.all_tasks()) > 3)
        fails.set()
    assert process.wakeups._task is not None
    assert process.wakeups._task.done()
    assert process.woken == 1


async def test_the_pauses_between_attempts_double_up_to_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    wakeups = WakeUps("redis://127.0.0.1:1", lambda: None)
    pauses: list[tuple[float, float]] = []

    def at_once(least: float, most: float) -> float:
        pauses.append((wakeups._pause_seconds, least / most))
        return 0.0

    monkeypatch.setattr("random.uniform", at_once)
    await wakeups.start()
    await until(lambda: len(pauses) >= 9)
    await wakeups.stop()
    assert [pause for pause, _ in pauses[:9]] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])
    assert {share for _, share in pauses} == {0.5}


def outages(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if record.name == "domain.outages"]


class _SentTwiceError(Exception):
    pass


class _Announcing:
    """A backend during whose first sending something else is announced."""

    def __init__(self) -> None:
        self.sent = 0
        self.wakeups = WakeUps("memory://", lambda: None, heartbeat_seconds=NEVER)
        self.wakeups.announce()

    async def publish(self, channel: str, message: str) -> None:
        self.sent += 1
        if self.sent == 2:
            raise _SentTwiceError
        self.wakeups.announce()


class _RedisConnections:
    def __init__(self, server: Redis, name: str) -> None:
        self._server = server
        self._name = name

    async def listening(self) -> set[str]:
        clients = await self._server.client_list(_type="pubsub")
        return {client["id"] for client in clients if client["name"] == self._name}

    async def cut(self, connection: str) -> None:
        await self._server.client_kill_filter(_id=connection)


class _PostgresConnections:
    def __init__(self, server: asyncpg.Connection, name: str) -> None:
        self._server = server
        self._name = name

    async def listening(self) -> set[str]:
        rows = await self._server.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = $1", self._name)
        return {str(row["pid"]) for row in rows}

    async def cut(self, connection: str) -> None:
        await self._server.execute("SELECT pg_terminate_backend($1)", int(connection))


async def _survives(url: str, connections: _RedisConnections | _PostgresConnections) -> None:
    process = Process(url, heartbeat_seconds=0.05, silence_seconds=0.3)
    other = Process(url.partition("?")[0])
    async with process.running(), other.running():
        [lost] = await connections.listening()
        await connections.cut(lost)
        await until_it_is(lambda: _reconnected(connections, lost))
        woken = process.woken
        await until(lambda: process.woken > woken + 2)

        assert process.wakeups._pause_seconds == pytest.approx(0.1)
        await _wakes(process, other)


async def _reconnected(connections: _RedisConnections | _PostgresConnections, lost: str) -> bool:
    return bool(await connections.listening() - {lost})


async def _wakes(announcing: Process, woken: Process) -> None:
    before = woken.woken
    async with asyncio.timeout(60):
        # The server may not have taken note of the subscription yet: an announcement may be lost, not all of them.
        while woken.woken == before:
            announcing.wakeups.announce()
            await asyncio.sleep(0.02)
