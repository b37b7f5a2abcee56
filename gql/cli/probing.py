"""A port of each process for its operator: metrics and probes, apart from what clients use."""

import asyncio
import signal
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from typing_extensions import override

from domain.settings import Settings
from gql.cli.listening import bind
from gql.cli.server import Server
from gql.cli.workers import Place

_MOST_REQUESTS = 32


class _Beside(Server):
    """A server beside the one that signals are for."""

    @contextmanager
    @override
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def probed(app: Starlette, settings: Settings, place: Place | None) -> AsyncIterator[None]:
    """Answer the application's metrics and probes while the block runs, where the settings name a port for them.

    Of several processes, the second one takes the port after the first one's, and so on.

    Raises:
        StartupError: the port is taken.
    """
    if settings.metrics_port is None:
        yield
        return
    number = 0 if place is None else place.number
    with bind(settings.host, settings.metrics_port + number) as listening:
        config = uvicorn.Config(
            Starlette(routes=app.state.probes),
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            limit_concurrency=_MOST_REQUESTS,
        )
        server = _Beside(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.handle_exit(signal.SIGTERM, None)
            await task
