"""Patches of a server's process: it dies at a commit when told to, and has a bug put in on purpose."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

import domain.persistence.changes as log
import domain.persistence.unit_of_work as units
from domain.entities.incident import INCIDENT
from domain.messaging import readers
from domain.messaging.readers import DurableReader
from domain.model.change import Change
from domain.persistence.dialects import append_one
from domain.persistence.groups import GroupedTransactions
from domain.persistence.log_tables import changes
from domain.persistence.prepared import Prepared
from domain.persistence.transactions import PooledTransactions
from domain.persistence.unit_of_work import UnitOfWork

#: Files that tell the first process which finds one to kill itself.
BEFORE_COMMIT, AFTER_COMMIT, BEFORE_CHANGE = "before-commit", "after-commit", "before-change"
#: A file that tells the first process which finds it to lose the transaction of a change just before its commit. Like
#: the last one above, it waits for a change that subscribers are shown.
LOSE = "lose"
#: How long a commit that never comes takes, as on a disk that stalls.
_STALL_SECONDS = 0.4
_RUNNERS: tuple[Any, ...] = (PooledTransactions, GroupedTransactions)


def prepare(folder: Path, bug: str | None) -> None:
    """Prepare a process: let it die where a file of the folder says so, with a bug if one is named."""
    for runner in _RUNNERS:
        runner.run = _dying(runner.run, folder)
    if bug is not None:
        BUGS[bug]()


def _dying(run: Callable[..., Any], folder: Path) -> Callable[..., Any]:
    """Return the runner of transactions that dies beside a commit once it is told to."""

    async def running(self: Any, work: Any, kept: Any, *, joins: bool = False) -> Any:
        async def whole(connection: Any) -> Any:
            result = await work(connection)
            # The result is of `Database`, and says whether anything is appended to the log.
            shows = _serves() and any(change.kind == INCIDENT.name for change in result.unit.recorded)
            if (shows and _is_told(folder / BEFORE_CHANGE)) or _is_told(folder / BEFORE_COMMIT):
                await asyncio.sleep(_STALL_SECONDS)
                os.kill(os.getpid(), signal.SIGKILL)
            if shows and _is_told(folder / LOSE):
                await asyncio.sleep(_STALL_SECONDS)
                await _lose(connection)
            return result

        def keep(results: Sequence[Any]) -> None:
            if _is_told(folder / AFTER_COMMIT):
                os.kill(os.getpid(), signal.SIGKILL)
            kept(results)

        return await run(self, whole, keep, joins=joins)

    return running


def _serves() -> bool:
    """Return whether this process has subscribers, who would be shown too early what it writes."""
    return sys.argv[1] == "serve"


async def _lose(connection: Any) -> None:
    """Lose the transaction of a connection: by its end on PostgreSQL, by an error of the disk on SQLite."""
    if isinstance(connection.driver, asyncpg.Connection):
        await connection.driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


def _is_told(file: Path) -> bool:
    try:
        file.unlink()  # of several processes, one succeeds
    except FileNotFoundError:
        return False
    return True


def _append_without_lock() -> None:
    """Append to the log without its lock: numbers no longer appear in the order of commits."""

    async def lock_nothing(_: Any) -> None:
        pass

    every: Any = log
    written = [column.name for column in changes.c if column.name != "seq"]
    every._INSERT_ONE = Prepared(lambda _: append_one(changes, written, sqlite=True).returning(changes.c.seq), written)
    every.lock_log = lock_nothing
    patched: Any = units
    patched.lock_log = lock_nothing


def _push_before_commit() -> None:
    """Put changes into the memory that subscribers are served from before they are committed."""
    for runner in _RUNNERS:
        runner.run = _pushing(runner.run)


def _pushing(run: Callable[..., Any]) -> Callable[..., Any]:
    async def running(self: Any, work: Any, kept: Any, *, joins: bool = False) -> Any:
        async def whole(connection: Any) -> Any:
            result = await work(connection)
            kept([result])
            return result

        return await run(self, whole, lambda _: None, joins=joins)

    return running


def _store_cursor_first() -> None:
    """Let durable readers store their position in a transaction before the one with their work."""
    patched: Any = DurableReader
    patched._handle = _handle_late


async def _handle_late(self: Any, batch: Sequence[Change], _stopping: Any) -> Any:
    async def store(unit: UnitOfWork) -> Sequence[Change] | None:
        position = await unit.readers.hold(self._name)
        if position is None:
            return None
        fresh = [change for change in batch if change.seq > position][: readers._TOGETHER]
        if fresh:
            await unit.readers.advance(self._name, to=fresh[-1].seq, now=self._clock.now())
        return fresh

    async def work(fresh: Sequence[Change], unit: UnitOfWork) -> None:
        for change in fresh:
            await self._handler(unit, change)

    fresh = (await self._database.write(store)).value
    if fresh is None:
        return None
    await self._database.write(partial(work, fresh))
    return readers._Progress(fresh[-1].seq if fresh else batch[-1].seq, len(fresh))


BUGS: Mapping[str, Callable[[], None]] = {
    "no-lock": _append_without_lock,
    "push-before-commit": _push_before_commit,
    "cursor-first": _store_cursor_first,
}
