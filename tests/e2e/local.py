"""A server within the test's own process, for browsers and other clients: as `serve` runs it, and there at once.

It takes a fortieth of the CPU of a process. Crashes of processes are for `tests.e2e.server`.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from typing_extensions import override

from domain.bootstrap import running_domain
from domain.settings import Settings
from gql.app import create_app
from gql.cli.listening import bind
from gql.cli.server import Server
from gql.cli.serving import configure
from gql.transport.connections import ConnectionLimits
from gql.transport.endpoint import Endpoint
from tests.e2e.databases import fresh_database
from tests.e2e.server import TOKEN, free_port

_MOMENT_SECONDS = 0.01
#: What tests of pages do without, unless they are about it, because it takes time to start.
_LEFT_OUT: dict[str, Any] = {"automations": False, "webhooks": False}


class LocalServer:
    """A server at one address and on one database, which can go away and come back."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.url = f"http://{settings.host}:{settings.port}"
        self.database_url = settings.database_url

    @property
    def graphql_url(self) -> str:
        """The URL of the endpoint."""
        return f"{self.url}/graphql"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._stopping, serves = asyncio.Event(), asyncio.Event()
        # A task of its own, because whoever stops it may be another one than has started it.
        self._running = asyncio.create_task(self._run(serves))
        waiting = asyncio.create_task(serves.wait())
        await asyncio.wait({self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await self._running

    async def stop(self) -> None:
        """Cut all connections, as the end of a process does, and refuse new ones from then on."""
        self._stopping.set()
        if self._running is not None:
            await self._running

    async def restart(self) -> None:
        """Stop it and start it again, with what its database has."""
        await self.stop()
        await self.start()

    async def _run(self, serves: asyncio.Event) -> None:
        with bind(self._settings.host, self._settings.port) as listening:
            async with running_domain(self._settings) as domain:
                await domain.tokens.ensure_admin(TOKEN)
                app = create_app(domain)
                endpoint: Endpoint = app.state.endpoint
                config, connections = configure(app, ConnectionLimits.of(self._settings, room=None))

                server = Server(config, on_serving=serves.set, on_closing=lambda: _cut_off(server, endpoint))
                async with endpoint.running(), connections.running():
                    serving = asyncio.create_task(server._serve([listening]))
                    await self._stopping.wait()
                    server.handle_exit(signal.SIGTERM, None)
                    await serving


async def _cut_off(server: Server, endpoint: Endpoint) -> None:
    """Refuse connections, and cut those that are open."""
    for listener in server.servers:
        listener.close()
    # What was accepted just before comes up a moment later: pages connect again at once.
    for _ in range(3):
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(_MOMENT_SECONDS)
    await endpoint.close(seconds=0)


class _Faults(logging.Handler):
    """The faults that a server's process would have printed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "database is locked" in record.getMessage():
            self.texts.append(logging.Formatter().format(record))


@asynccontextmanager
async def local_server(**settings: Any) -> AsyncIterator[LocalServer]:
    """Run a server on an empty database; at the end there must be no trace of a bug in its log."""
    faults = _Faults()
    async with fresh_database("sqlite") as url:
        given = {"database_url": url, "port": free_port(), "sqlite_synchronous": "NORMAL", **_LEFT_OUT, **settings}
        server = LocalServer(Settings(**given))
        logging.getLogger().addHandler(faults)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()
            logging.getLogger().removeHandler(faults)
    assert faults.texts == []
