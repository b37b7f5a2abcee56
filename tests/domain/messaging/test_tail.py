"""Following the log: every change once and in order, for any reader from any position."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.errors import CursorExpiredError, UnavailableError
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.messaging.changes import NEVER, a_change, a_tail, append, take, until, until_it_is
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")
on_sqlite = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "shared", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


async def test_a_follower_gets_the_stored_changes_then_the_live_ones_without_gap_or_duplicate(domain: Domain) -> None:
    head = await domain.events.head()
    stored = await append(domain, 8)
    async with a_tail(domain) as tail:
        inside(domain).database.on_append(tail.wake)
        following = asyncio.create_task(take(tail, head, 20))
        live = await append(domain, 12)

        assert await following == stored + live


async def test_followers_from_any_position_get_the_same_changes(domain: Domain) -> None:
    head = await domain.events.head()
    stored = await append(domain, 6)
    async with a_tail(domain) as tail:
        inside(domain).database.on_append(tail.wake)
        starts = enumerate([head, *stored])
        following = [asyncio.create_task(take(tail, after, 15 - number)) for number, after in starts]
        await until(lambda: len(tail._followers) == 7)
        live = await append(domain, 9)

        assert await asyncio.gather(*following) == [(stored + live)[number:] for number in range(7)]


async def test_a_follower_too_slow_for_the_ring_reads_the_database_and_skips_nothing(domain: Domain) -> None:
    head = await domain.events.head()
    stored = await append(domain, 2)
    async with a_tail(domain) as tail, aclosing(tail.follow(head)) as batches:
        seen = [change.seq for change in await anext(batches)]
        stored += await append(domain, 10)
        await tail.read_now()
        assert tail._floor > seen[-1]
        while len(seen) < len(stored):
            seen += [change.seq for change in await anext(batches)]

        assert seen == stored


@on_sqlite
@pytest.mark.parametrize(
    ("poll_seconds", "ago", "alive"),
    [
        pytest.param(1.0, 0, True, id="just now"),
        pytest.param(1.0, 11, False, id="more than ten seconds ago"),
        pytest.param(60.0, 100, True, id="less than five polls ago"),
        pytest.param(60.0, 301, False, id="more than five polls ago"),
    ],
)
async def test_a_tail_is_alive_for_ten_seconds_or_five_polls_after_its_last_read(
    domain: Domain, poll_seconds: float, ago: float, alive: bool
) -> None:
    tail = LogTail(inside(domain).database, poll_seconds=poll_seconds)
    await tail.read_now()
    tail._read_at -= ago

    assert tail.is_alive is alive


async def test_the_ring_keeps_no_more_than_twice_its_size(domain: Domain) -> None:
    async with a_tail(domain) as tail:
        for _ in range(10):
            await append(domain, 2)
            await tail.read_now()

            assert len(tail._recent) <= 6


async def test_memory_serves_only_positions_it_still_holds(domain: Domain) -> None:
    async with a_tail(domain, ring_size=3) as tail:
        stored = await append(domain, 7)
        await tail.read_now()

        assert tail.seen(stored[2], kinds=["widget"]) is None
        assert [change.seq for change in tail.seen(stored[3], kinds=["widget"]) or ()] == stored[4:]


async def test_a_follower_at_the_edge_of_memory_misses_nothing(domain: Domain) -> None:
    async with a_tail(domain, ring_size=3) as tail:
        stored = await append(domain, 7)
        await tail.read_now()

        for number in range(6):
            assert await take(tail, stored[number], 6 - number) == stored[number + 1 :]


async def test_a_lost_wake_up_is_covered_by_the_poll(domain: Domain) -> None:
    async with a_tail(domain, poll_seconds=0.02) as tail:
        following = asyncio.create_task(take(tail, tail.last, 3))

        assert await append(domain, 3) == await following


async def test_a_wake_up_is_quicker_than_the_poll(domain: Domain) -> None:
    async with a_tail(domain) as tail:
        following = asyncio.create_task(take(tail, tail.last, 1))
        [seq] = await append(domain)
        tail.wake()

        assert await following == [seq]


@on_sqlite
async def test_a_poll_reads_nothing_while_nobody_commits(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_tail(domain, poll_seconds=0.01) as tail:
        await until(lambda: tail._commits is not None)
        look, looks = tail._database.commits, Calls(tail._database.commits)
        # Of this tail alone: that of the domain looks, too.
        database = SimpleNamespace(commits=looks, glance=None, read=tail._database.read)
        monkeypatch.setattr(tail, "_database", database)
        await until(lambda: looks.count > 3)
        assert tail._commits == look()
        database.glance = inside(domain).database.glance
        following = asyncio.create_task(take(tail, tail.last, 1))

        assert await append(domain) == await following


@on_sqlite
async def test_what_another_process_commits_beside_the_log_is_noticed_by_the_poll(domain: Domain) -> None:
    async with a_tail(domain, poll_seconds=0.01) as tail:
        await until(lambda: tail._commits is not None)
        moves = tail.moves
        with closing(sqlite3.connect(_file(domain))) as other:
            other.execute("INSERT INTO server_state (name, value) VALUES ('elsewhere', 'set')")
            other.commit()

        await until(lambda: tail.moves > moves)


async def test_a_read_that_failed_is_made_again_though_nothing_is_committed(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_tail(domain, poll_seconds=0.01) as tail:
        failing = Calls(_away)
        with monkeypatch.context() as patched:
            patched.setattr(inside(domain).database, "read", failing)
            following = asyncio.create_task(take(tail, tail.last, 1))
            appended = await append(domain)
            await until(lambda: failing.count > 1)

        assert appended == await following


@on_sqlite
async def test_a_tail_that_cannot_read_the_log_logs_that_and_retries(
    domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_tail(domain, poll_seconds=0.02) as tail:
        following = asyncio.create_task(take(tail, tail.last, 1))
        _rename(domain, "changes", "gone")
        await until(lambda: any(record.name == "domain.messaging.tail" for record in caplog.records))
        _rename(domain, "gone", "changes")

        assert await append(domain) == await following


async def test_a_follower_from_a_pruned_position_gets_an_error(domain: Domain) -> None:
    stored = await append(domain, 4)
    await _prune(domain, stored[1])
    async with a_tail(domain) as tail:
        with pytest.raises(CursorExpiredError):
            await take(tail, stored[0], 1)

        assert await take(tail, stored[1], 2) == stored[2:]


async def test_a_follower_that_falls_behind_the_pruned_log_gets_an_error(domain: Domain) -> None:
    head = await domain.events.head()
    await append(domain)
    async with a_tail(domain) as tail, aclosing(tail.follow(head)) as batches:
        await anext(batches)
        more = await append(domain, 10)
        await tail.read_now()
        await _prune(domain, more[4])

        with pytest.raises(CursorExpiredError):
            await anext(batches)


async def test_a_follower_of_a_fully_pruned_log_gets_new_changes(domain: Domain) -> None:
    stored = await append(domain, 3)
    await _prune(domain, stored[-1])
    async with a_tail(domain) as tail:
        inside(domain).database.on_append(tail.wake)
        following = asyncio.create_task(take(tail, stored[-1], 1))

        assert await append(domain) == await following


async def test_a_follower_that_stops_is_removed(domain: Domain) -> None:
    [seq] = await append(domain)
    async with a_tail(domain) as tail:
        async with aclosing(tail.follow(seq - 1)) as batches:
            await anext(batches)
            assert len(tail._followers) == 1

        assert len(tail._followers) == 0


async def test_waiting_ends_with_the_next_change_or_at_the_timeout(domain: Domain) -> None:
    async with a_tail(domain) as tail:
        await tail.beyond(tail.last, seconds=0.01)
        waiting = asyncio.create_task(tail.beyond(tail.last, seconds=NEVER))
        await until(lambda: len(tail._followers) == 1)
        await append(domain)
        tail.wake()
        await asyncio.wait_for(waiting, 60)

        assert len(tail._followers) == 0


@on_postgresql
async def test_no_reader_skips_a_transaction_that_began_first_and_commits_last(domain: Domain) -> None:
    under_way, go_on = asyncio.Event(), asyncio.Event()
    early, late = a_change(domain), a_change(domain)

    async def slow(unit: UnitOfWork) -> None:
        unit.record(early, ())
        await unit.changes.head()
        under_way.set()
        await go_on.wait()

    async with a_tail(domain) as tail:
        inside(domain).database.on_append(tail.wake)
        following = asyncio.create_task(_ids(tail, 2))
        first = asyncio.create_task(inside(domain).database.write(slow))
        await under_way.wait()
        second = await inside(domain).database.write(lambda unit: _record(unit, late))
        try:
            await until(lambda: tail.last == second.seq)
        finally:
            go_on.set()

        assert (await first).seq > second.seq
        assert await following == [late.id, early.id]


@on_postgresql
async def test_an_uncommitted_append_blocks_later_appends(domain: Domain) -> None:
    head = await domain.events.head()
    appended, go_on = asyncio.Event(), asyncio.Event()
    early, late = a_change(domain), a_change(domain)

    async def slow(unit: UnitOfWork) -> None:
        async def hold(_: int) -> None:
            appended.set()
            await go_on.wait()

        unit.record(early, ())
        unit.before_commit(hold)

    async with a_tail(domain) as tail:
        inside(domain).database.on_append(tail.wake)
        following = asyncio.create_task(_ids(tail, 2))
        first = asyncio.create_task(inside(domain).database.write(slow))
        await appended.wait()
        second = asyncio.create_task(inside(domain).database.write(lambda unit: _record(unit, late)))
        try:
            await _someone_waits(domain)
            await tail.read_now()
            assert (second.done(), tail.last) == (False, head)
        finally:
            go_on.set()

        assert (await first).seq < (await second).seq
        assert await following == [early.id, late.id]


async def _ids(tail: LogTail, count: int) -> list[str]:
    ids: list[str] = []
    async with asyncio.timeout(60), aclosing(tail.follow(tail.last)) as batches:
        async for batch in batches:
            ids.extend(change.id for change in batch)
            if len(ids) >= count:
                break
    return ids


async def _record(unit: UnitOfWork, change: Change) -> None:
    unit.record(change, ())


async def _prune(domain: Domain, up_to: int) -> None:
    oldest = await domain.events.raw(0, limit=1000)
    count = sum(change.seq <= up_to for change in oldest)
    before = domain.clock.now() + timedelta(days=1)
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=before, limit=count))


class Calls:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.count = 0

    def __call__(self, *arguments: Any) -> Any:
        self.count += 1
        return self._function(*arguments)


async def _away(*_: Any) -> Any:
    raise UnavailableError


def _file(domain: Domain) -> str:
    return domain.settings.database_url.removeprefix("sqlite:///")


def _rename(domain: Domain, table: str, name: str) -> None:
    with closing(sqlite3.connect(_file(domain))) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {name}")


async def _someone_waits(domain: Domain) -> None:
    statement = sa.text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
        " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
    )

    async def waiting() -> bool:
        return bool(await inside(domain).database.read(lambda session: session.connection.scalar(statement)))

    await until_it_is(waiting)


async def test_a_waiter_for_some_kinds_ignores_changes_of_others(domain: Domain) -> None:
    async with a_tail(domain) as tail:
        before = tail.last
        waiting = asyncio.create_task(tail.beyond(before, seconds=NEVER, kinds=["widget"]))
        for_any = asyncio.create_task(tail.beyond(before, seconds=NEVER))
        await until(lambda: len(tail._followers) == 2)
        await append(domain, kind="gadget")
        await tail.read_now()
        await for_any
        await asyncio.sleep(0)
        assert not waiting.done()

        await append(domain, kind="widget")
        await tail.read_now()
        await asyncio.wait_for(waiting, 60)
