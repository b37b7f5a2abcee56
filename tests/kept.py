"""Keeping of what takes tests long to make, for the next one: event loops, and connections to PostgreSQL.

A test that ends leaves neither tasks nor timers nor sockets in the loop, and a connection has forgotten its session.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
import uvloop
from typing_extensions import override

from domain.persistence import postgres
from domain.persistence.postgres import Connector

#: As many as two processes of one test use at the same time.
_MOST = 4


class KeptLoop(uvloop.Loop):
    """An event loop, of the kind that servers use, which stays open: closing it takes away all but the connections."""

    def __init__(self) -> None:
        super().__init__()
        self.is_free = True
        self.connections: list[KeptConnection] = []
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._threads: ThreadPoolExecutor | None = None
        self._signals: set[int] = set()

    def _asyncgen_firstiter_hook(self, generator: AsyncGenerator[Any, Any]) -> None:
        # The library would refuse all those of later tests, once it has ended those of this one.
        self._generators.add(generator)

    @override
    async def shutdown_asyncgens(self) -> None:
        """End the generators of this test."""
        left = list(self._generators)
        self._generators.clear()
        await asyncio.gather(*(generator.aclose() for generator in left), return_exceptions=True)

    @override
    def run_in_executor(self, executor: Any, func: Any, *arguments: Any) -> Any:  # type: ignore[override] # any function
        """Run a function in a thread: by default in one of this test's."""
        if executor is None:
            self._threads = executor = self._threads or ThreadPoolExecutor(thread_name_prefix="asyncio")
        return super().run_in_executor(executor, func, *arguments)

    @override
    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads of this test, without holding the loop up: they may wait for it."""
        threads, self._threads = self._threads, None
        if threads is not None:
            with ThreadPoolExecutor(1) as aside:
                await super().run_in_executor(aside, threads.shutdown)

    @override
    def add_signal_handler(self, sig: int, callback: Any, *arguments: Any) -> None:  # type: ignore[override] # any call
        """Add it until the end of this test."""
        super().add_signal_handler(sig, callback, *arguments)
        self._signals.add(sig)

    @override
    def close(self) -> None:
        """Drop what a test has left."""
        for number in self._signals:
            self.remove_signal_handler(number)
        self._signals.clear()
        self.set_exception_handler(None)
        self.set_task_factory(None)
        self.set_debug(False)
        self.is_free = True

    def end(self) -> None:
        """Close it, after its connections."""
        for connection in self.connections:
            connection.terminate()
        # The library closes them in a round of the loop.
        self.run_until_complete(asyncio.sleep(0))
        super().close()


class KeptConnection(asyncpg.Connection):  # type: ignore[misc] # the library has no types
    """A connection that the next test uses once this one has closed it."""

    #: The parts of its setup that are done.
    done: set[str]
    #: SQLAlchemy's prepared statements.
    prepared: Any = None
    options: dict[str, Any]

    @property
    def descriptor(self) -> int:
        """The number of its socket."""
        return int(self._transport.get_extra_info("socket").fileno())

    @override
    async def close(self, *, timeout: float | None = None) -> None:
        """Forget the session, and wait for the next test; end where that is impossible, or within a transaction."""
        loop = asyncio.get_running_loop()
        # What is given up within a transaction was given up for a failure.
        is_sound = not self.is_closed() and not self.is_in_transaction()
        if isinstance(loop, KeptLoop) and len(loop.connections) < _MOST and is_sound:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await self.reset(timeout=timeout)
                loop.connections.append(self)
                return
        await super().close(timeout=timeout)


#: More than one where a module, or the whole run, has a loop of its own beside those of single tests.
_loops: list[KeptLoop] = []


def kept_loop() -> asyncio.AbstractEventLoop:
    """Return a kept loop that is not in use."""
    free = next((loop for loop in _loops if loop.is_free), None)
    if free is None:
        _loops.append(free := KeptLoop())
    free.is_free = False
    return free


def kept_sessions() -> list[int]:
    """Return the server's numbers of the connections that wait for the next test."""
    return [connection.get_server_pid() for loop in _loops for connection in loop.connections]


def close_kept_loops() -> None:
    """Close the loops at the very end."""
    for loop in _loops:
        loop.end()


def keep_connections(patch: pytest.MonkeyPatch, database: str) -> None:
    """Keep the connections to this database."""
    connect, opened, prepare = Connector.connect, Connector._open, Connector.prepare

    async def connecting(self: Connector, **options: Any) -> asyncpg.Connection:
        kept = _taken(options) if self._address.database == database else None
        if kept is None:
            return await connect(self, **options)
        self._is_pooled = False
        return kept

    async def opening(self: Connector, **options: Any) -> asyncpg.Connection:
        if self._address.database != database:
            return await opened(self, **options)
        connection = await opened(self, **options, connection_class=KeptConnection)
        connection.options, connection.done = options, set()
        return connection

    def preparing(self: Connector, adapted: Any, record: Any) -> None:
        prepare(self, adapted, record)
        # The library makes every connection an instance of every class of connections.
        if type(connection := adapted.driver_connection) is KeptConnection:
            connection.prepared = connection.prepared or adapted._prepared_statement_cache
            adapted._prepared_statement_cache = connection.prepared

    patch.setattr(Connector, "connect", connecting)
    patch.setattr(Connector, "_open", opening)
    patch.setattr(Connector, "prepare", preparing)
    patch.setattr(postgres, "_in_transaction", _once(postgres._in_transaction))


def _taken(options: dict[str, Any]) -> KeptConnection | None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, KeptLoop):
        return None
    alive = [connection for connection in loop.connections if not connection.is_closed()]
    found = next((connection for connection in alive if connection.options == options), None)
    loop.connections = [connection for connection in alive if connection is not found]
    return found


def _once(wrap: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(setup: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        whole, name = wrap(setup), setup.__name__

        async def once(adapted: Any) -> None:
            done: set[str] = getattr(adapted.driver_connection, "done", set())
            if name not in done:
                await whole(adapted)
                done.add(name)

        return once

    return wrapped
