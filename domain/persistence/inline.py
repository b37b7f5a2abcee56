"""SQLite without a thread beside the loop: for a loop that has nobody else to serve, and a database of its own."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import aiosqlite
from typing_extensions import override


class InlineConnection(aiosqlite.Connection):
    """A connection that does at once what another hands to its thread.

    A call that waits for a thread costs several times what a statement on a small database does.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._tx = _Immediate()  # type: ignore[assignment]  # all that is asked of the queue is to take a call

    @override
    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


class _Immediate:
    def put_nowait(self, call: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = call
        if future is None:
            # Nobody is left to tell: the connection is given up.
            with suppress(sqlite3.Error):
                function()
            return
        try:
            future.set_result(function())
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as error:
            future.set_exception(error)


def inline_connection(*arguments: Any, **settings: Any) -> InlineConnection:
    """A connection with the settings of `sqlite3.connect`, opened when it is awaited."""
    return InlineConnection(lambda: sqlite3.connect(*arguments, **settings))
