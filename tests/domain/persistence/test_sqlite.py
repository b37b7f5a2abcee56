import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from domain.persistence.sqlite import Connection, InlineConnection, ReaderConnection, WriterConnection, creator

_COUNT = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) SELECT n FROM numbers"
)
KINDS = (ReaderConnection, WriterConnection, InlineConnection)


@pytest.fixture(params=KINDS)
async def connection(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Connection]:
    opened = creator(request.param)(tmp_path / "data.db", isolation_level=None, check_same_thread=False)
    await opened
    await opened.cursor().execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    yield opened
    await opened.close()


class Threads:
    """The threads in which statements ran, recorded by a function that SQLite calls."""

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def note(self) -> int:
        self.seen.append(threading.current_thread() is threading.main_thread())
        return 1


async def opened_with(threads: Threads, path: Path, kind: type[Connection] = WriterConnection) -> Connection:
    opened = creator(kind)(path, isolation_level=None, check_same_thread=False)
    await opened
    opened._conn.create_function("note", 0, threads.note)
    await opened.cursor().execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    return opened


async def test_a_statement_returns_rows_count_and_last_id(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.execute("BEGIN")
    await cursor.execute("INSERT INTO things (name) VALUES (?), (?)", ("a", "b"))
    assert (cursor.rowcount, cursor.lastrowid, cursor.description) == (2, 2, None)
    await cursor.executemany("INSERT INTO things (name) VALUES (?)", [("c",), ("d",)])
    assert cursor.rowcount == 2
    await cursor.execute("SELECT name FROM things ORDER BY id")
    assert [column[0] for column in cursor.description] == ["name"]
    assert await cursor.fetchall() == [("a",), ("b",), ("c",), ("d",)]
    assert await cursor.fetchall() == []
    await connection.commit()


async def test_a_failed_statement_raises_its_error_and_the_transaction_continues(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.execute("BEGIN")
    await cursor.execute("INSERT INTO things (name) VALUES ('a')")
    with pytest.raises(sqlite3.IntegrityError):
        await cursor.execute("INSERT INTO things (name) VALUES ('a')")
    await cursor.execute("INSERT INTO things (name) VALUES ('b')")
    await connection.commit()
    await cursor.execute("SELECT count(*) FROM things")
    assert await cursor.fetchall() == [(2,)]


async def test_a_connection_that_cannot_open_leaves_no_thread_behind(tmp_path: Path) -> None:
    connection = creator(ReaderConnection)(tmp_path / "none" / "a.db")
    with pytest.raises(sqlite3.OperationalError):
        await connection
    assert not connection._thread.is_alive()


async def test_a_closed_connection_takes_no_statement(tmp_path: Path) -> None:
    for kind in KINDS:
        opened = creator(kind)(tmp_path / "data.db", check_same_thread=False)
        await opened
        await opened.close()
        with pytest.raises(ValueError, match="onnection"):
            await opened.cursor().execute("SELECT 1")


async def test_a_writer_begins_in_its_thread_and_writes_at_once(tmp_path: Path) -> None:
    threads = Threads()
    writer = await opened_with(threads, tmp_path / "data.db")
    await writer.cursor().execute("SELECT note()")
    await writer.cursor().execute("BEGIN IMMEDIATE")
    await writer.cursor().execute("SELECT note()")
    await writer.commit()
    await writer.cursor().execute("SELECT note()")
    assert threads.seen == [False, True, False]
    await writer.close()


async def test_a_reader_reads_in_the_loop_and_now_and_then_in_its_thread(tmp_path: Path) -> None:
    threads = Threads()
    reader = await opened_with(threads, tmp_path / "data.db", ReaderConnection)
    await reader.cursor().execute("BEGIN")
    while threads.seen.count(False) < 2:
        await reader.cursor().execute(f"SELECT note() FROM ({_COUNT.format(3_000)})")
    await reader.rollback()
    assert not reader.in_transaction
    assert threads.seen[0]
    await reader.close()


@pytest.mark.parametrize("statement", ["SELECT count(*) FROM ({})", "SELECT 1 FROM ({}) WHERE n > 1000000000"])
async def test_a_long_read_goes_on_in_the_thread_at_the_same_moment(tmp_path: Path, statement: str) -> None:
    reader = await opened_with(Threads(), tmp_path / "data.db", ReaderConnection)
    seen: list[bool] = []
    patiently = reader._patiently  # type: ignore[attr-defined]

    def noted(*given: Any) -> None:
        seen.append(True)
        patiently(*given)

    reader._patiently = noted  # type: ignore[attr-defined]
    await reader.cursor().execute("BEGIN")
    await reader.cursor().execute(statement.format(_COUNT.format(500_000)))
    assert seen == [True]
    assert reader.in_transaction
    await reader.rollback()
    await reader.close()


async def test_a_read_that_is_locked_out_waits_in_the_thread(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "data.db", isolation_level=None, check_same_thread=False)
    reader = creator(partial(ReaderConnection, busy_millis=60_000))(
        tmp_path / "data.db", isolation_level=None, check_same_thread=False, timeout=0
    )
    await reader
    await reader.cursor().execute("BEGIN")
    holder.execute("BEGIN EXCLUSIVE")
    reading = asyncio.create_task(reader.cursor().execute("SELECT count(*) FROM sqlite_master"))
    done, _ = await asyncio.wait({reading}, timeout=0.05)
    assert not done
    holder.rollback()
    await reading
    await reader.rollback()
    await reader.close()
    holder.close()


async def test_long_statements_do_not_block_the_loop(tmp_path: Path) -> None:
    threads = Threads()
    writer = await opened_with(threads, tmp_path / "data.db")
    await writer.cursor().execute("BEGIN IMMEDIATE")
    await writer.cursor().executemany("INSERT INTO things (name) VALUES (? || note())", [(str(n),) for n in range(51)])
    await writer.cursor().execute("DELETE FROM things WHERE note() = 1")
    assert set(threads.seen) == {False}
    await writer.commit()
    await writer.close()


async def test_other_tasks_run_during_a_long_transaction(tmp_path: Path) -> None:
    writer = await opened_with(Threads(), tmp_path / "data.db")
    steps = 0
    done = asyncio.Event()

    async def count() -> None:
        nonlocal steps
        while not done.is_set():
            steps += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await writer.cursor().execute("BEGIN IMMEDIATE")
    before = steps
    for number in range(320):
        await writer.cursor().execute("INSERT INTO things (name) VALUES (?)", (str(number),))
    assert steps - before >= 20
    await writer.commit()
    done.set()
    await counting
    await writer.close()


@pytest.mark.parametrize("kind", [WriterConnection, InlineConnection])
async def test_a_transaction_begins_at_once_where_the_lock_is_free_and_is_undone_or_kept(
    tmp_path: Path, kind: type[Connection]
) -> None:
    writer = await opened_with(Threads(), tmp_path / "data.db", kind)
    for name, keep in (("undone", False), ("kept", True)):
        await writer.begin()
        assert writer.in_transaction
        await writer.executemany("INSERT INTO things (name) VALUES (?)", [(name,)])
        await (writer.commit if keep else writer.rollback)()
        assert not writer.in_transaction
    assert await writer.fetch("SELECT name FROM things") == [("kept",)]
    await writer.close()


@pytest.mark.parametrize("former", [0, 2])
async def test_a_transaction_waits_in_the_thread_for_the_lock_of_another_connection(
    tmp_path: Path, former: int
) -> None:
    writer = await opened_with(Threads(), tmp_path / "data.db")
    writer._conn.execute("PRAGMA busy_timeout = 60000")
    for _ in range(former):
        await writer.begin()
        await writer.commit()
    other = sqlite3.connect(tmp_path / "data.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    starting = asyncio.create_task(writer.begin())
    for _ in range(100):
        await asyncio.sleep(0)
    assert not starting.done()
    other.execute("COMMIT")
    await starting
    # In the loop it never waits.
    assert writer._conn.execute("PRAGMA busy_timeout").fetchone() == (0,)
    await writer.rollback()
    await writer.close()
    other.close()


async def test_a_writer_asks_often_for_a_lock_that_is_free_for_moments_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = await opened_with(Threads(), tmp_path / "data.db")
    other = sqlite3.connect(tmp_path / "data.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 100:
            other.execute("COMMIT")

    monkeypatch.setattr(time, "sleep", sleep)
    await writer.begin()
    assert pauses == [0.001] * 100
    await writer.rollback()
    await writer.close()
    other.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY])
async def test_a_reader_waits_in_the_thread_while_another_process_has_the_file(tmp_path: Path, code: int) -> None:
    reader = await opened_with(Threads(), tmp_path / "data.db", ReaderConnection)
    await reader.cursor().execute("BEGIN")
    in_loop: list[bool] = []

    def read(_: sqlite3.Connection) -> str:
        in_loop.append(threading.current_thread() is threading.main_thread())
        if in_loop[-1]:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = code
            raise error
        return "read"

    assert await reader.call(read, brief=True) == "read"
    assert in_loop == [True, False]
    await reader.close()
