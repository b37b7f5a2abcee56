"""Running the web server: a socket bound before anything else, clean shutdown, a token shown once."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from domain.bootstrap import Domain, running_domain
from domain.demo.automations import install
from domain.demo.service import DEMO
from domain.demo.staging import stage
from domain.settings import Settings
from gql.app import ProtocolScope, create_app
from gql.cli.file_limit import raise_file_limit
from gql.cli.links import start_link
from gql.cli.listening import BACKLOG, bind
from gql.cli.probing import probed
from gql.cli.running import run
from gql.cli.server import Server
from gql.cli.tracing import tracing
from gql.cli.workers import Place, Workers, settings_of_worker
from gql.transport.connections import ConnectionLimits, Connections
from gql.transport.endpoint import Endpoint
from gql.transport.http_protocol import BoundedHttpProtocol
from gql.transport.protocol import SlimProtocol

_LEAST_BACKLOG = 16
#: Uvicorn's own: a proxy on the same machine.
_PROXIES = "127.0.0.1,::1"
_DEMO_INCIDENTS = 200
_GRACE_SECONDS = 10
#: The period over which sockets are closed when the server stops, so that clients do not all reconnect at once.
_CLOSING_SECONDS = 1.0
_WS_FRAME_BYTES = 1 << 20
#: The number of collections of younger garbage between two full ones; Python's default is ten.
_FULL_COLLECTION_AFTER = 25


async def serve(settings: Settings, *, demo: bool, say: Callable[[str], None], place: Place | None = None) -> None:
    """Serve until a signal comes, at a place among several processes or alone.

    Raises:
        StartupError: the port is taken, or the database cannot be used.
    """
    files = raise_file_limit()
    listening = (place and place.listening) or bind(settings.host, settings.port)
    with listening:
        async with tracing(settings) as tracer, running_domain(settings, tracer=tracer) as domain:
            if not settings.automations:
                await domain.automations.prepare()
            token = await domain.tokens.ensure_admin(settings.admin_token)
            app = create_app(domain)
            endpoint: Endpoint = app.state.endpoint
            most = settings.max_connections
            config, connections = configure(app, ConnectionLimits.of(settings, room=files.room(wanted=most)))
            files.warn(wanted=most)
            _keep_what_is_made()
            port = listening.getsockname()[1]
            link = None
            if place is None or place.greets:
                link = await start_link(domain, port=port, demo=demo, token=token)
            # Whoever reads the greeting may stop the server at once, so signals are handled by then.
            greet = partial(_greet, say, host=settings.host, port=port, token=token, link=link)
            server = Server(
                config,
                on_serving=partial(_say_so, place, greet),
                on_draining=partial(_announce_end, app, connections),
                on_closing=lambda: endpoint.close(seconds=_CLOSING_SECONDS),
                drain_seconds=settings.drain_seconds,
                loop_lag=app.state.measured.loop_lag,
            )
            parts = (endpoint.running(), connections.running(), probed(app, settings, place))
            async with AsyncExitStack() as stack:
                for part in (*parts, _demo_running(domain, wanted=demo)):
                    await stack.enter_async_context(part)
                await server.serve(sockets=[listening])


def _keep_what_is_made() -> None:
    # Objects made so far stay for good: scanning them in each full collection would stop all clients for 0.1 s.
    gc.collect()
    gc.freeze()
    # Python scans all other objects when they have grown by a quarter, which a few hundred new sockets are
    # enough for, at 80 us a socket. So wait for some 175,000 new objects: at most 30 MB of garbage.
    gc.set_threshold(*gc.get_threshold()[:2], _FULL_COLLECTION_AFTER)


def configure(app: Starlette, limits: ConnectionLimits) -> tuple[uvicorn.Config, Connections]:
    """Return the configuration of uvicorn, and the counter of its connections."""
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", _PROXIES)
    trusted = ProxyHeadersMiddleware(cast("Any", app), trusted_hosts=proxies).trusted_hosts
    connections = Connections(limits, trusts=trusted.__contains__)
    app.state.measured.connections = connections
    protocol = partial(BoundedHttpProtocol, connections, shortcut=app.state.endpoint.shortcut)
    config = uvicorn.Config(
        ProtocolScope(app, connections),
        lifespan="off",
        access_log=False,
        log_config=None,
        # It tells attackers what to try, and nobody else anything.
        server_header=False,
        forwarded_allow_ips=proxies,
        # A burst is accepted before any of it is counted, so it has to fit into the files in reserve.
        backlog=min(BACKLOG, max(_LEAST_BACKLOG, limits.most // 4)),
        http=protocol,  # type: ignore[arg-type]  # called like a class, is all
        ws=SlimProtocol,
        ws_max_size=_WS_FRAME_BYTES,
        ws_per_message_deflate=False,
        # Its own pings end in 1011, after which the official client does not retry; ours drop the connection.
        ws_ping_interval=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return config, connections


@asynccontextmanager
async def _demo_running(domain: Domain, *, wanted: bool) -> AsyncIterator[None]:
    """Fill an empty database and write demo events while the block runs, where the demo is wanted."""
    if not wanted:
        yield
        return
    if await domain.demo.is_empty():
        await domain.demo.fill(_DEMO_INCIDENTS, scene=True)
        await stage(domain.reads, domain.relations, domain.maintenance, now=domain.clock.now())
    await install(domain.automations.service, DEMO)
    stopping = asyncio.Event()
    running = asyncio.create_task(domain.demo.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await running


def _announce_end(app: Starlette, connections: Connections) -> None:
    app.state.draining.set()
    connections.keeps_alive = False


def _say_so(place: Place | None, greet: Callable[[], None]) -> None:
    if place is None or place.greets:
        greet()
    if place is not None:
        place.serves()


def serve_by_workers(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> int:
    """Serve by several processes until a signal comes; return the exit code.

    Raises:
        StartupError: the port is taken.
    """
    # Shared sockets do not notice another server's, which this one does.
    with bind(settings.host, settings.port) as first:
        settings = replace(settings, port=first.getsockname()[1])

    def main(place: Place) -> int:
        own = settings_of_worker(settings, place)
        run(serve(own, demo=demo and place.number == 0, say=say, place=place))
        return 0

    listening = [bind(settings.host, settings.port, shared=True) for _ in range(settings.workers)]
    return Workers(main, settings.workers, listening, settings.drain_seconds).run()


def _greet(say: Callable[[str], None], *, host: str, port: int, token: str | None, link: str | None) -> None:
    shown = f"[{host}]" if ":" in host else host
    say(f"IncidentQL serves http://{shown}:{port}/graphql (HTTP, WebSocket and SSE)")
    if token is not None:
        say(f"Admin token, shown only this once: {token}")
    if link is not None:
        say(f"Open this link to be signed in: {link}")
