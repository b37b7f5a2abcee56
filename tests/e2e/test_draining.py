"""Servers that go on for a while once they are asked to stop, so that a proxy sends its requests elsewhere first."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.server import TOKEN, Server, running_server
from tests.e2e.subscriber import PROTOCOL

#: Longer than any test: asked once more, they stop.
_DRAIN_SECONDS = "500"
_DEADLINE_SECONDS = 60
_CLIENTS = 4
_MUTATION = 'mutation { createSystem(input: {key: "%s", name: "A"}) { userErrors { code } } }'


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Proxy:
    """Requests as a proxy sends them: by connections that are kept, to a server that was ready last, never twice."""

    def __init__(self, servers: Sequence[Server], client: httpx.AsyncClient) -> None:
        self._servers = servers
        self._client = client
        self._turns = count()
        self.ready: list[Server] = []
        self.under_way: Counter[Server] = Counter()
        self.answered: Counter[Server] = Counter()
        self.failures: list[str] = []

    async def look(self) -> None:
        """Look again and again which servers are ready."""
        while True:
            found = []
            for server in self._servers:
                with suppress(httpx.TransportError):
                    if (await self._client.get(f"{server.url}/readyz")).is_success:
                        found.append(server)
            self.ready = found
            await asyncio.sleep(0.02)

    async def send(self) -> None:
        """Send one write after the other."""
        while True:
            await until(lambda: bool(self.ready))
            turn = next(self._turns)
            server = self.ready[turn % len(self.ready)]
            self.under_way[server] += 1
            try:
                body = {"query": _MUTATION % f"system-{turn}"}
                response = await self._client.post(server.graphql_url, json=body)
                if not response.is_success or response.json()["data"]["createSystem"]["userErrors"]:
                    self.failures.append(response.text)
                self.answered[server] += 1
            except httpx.TransportError as error:
                self.failures.append(repr(error))
            finally:
                self.under_way[server] -= 1


@asynccontextmanager
async def proxied(servers: Sequence[Server]) -> AsyncIterator[Proxy]:
    """Send requests to these servers through a proxy while the block runs."""
    async with httpx.AsyncClient(
        headers={"authorization": f"Bearer {TOKEN}"}, timeout=_DEADLINE_SECONDS, verify=False
    ) as client:
        proxy = Proxy(servers, client)
        tasks = [asyncio.create_task(work()) for work in (proxy.look, *(proxy.send for _ in range(_CLIENTS)))]
        try:
            yield proxy
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["one process", "workers"])
async def test_no_request_through_a_proxy_fails_when_a_server_stops(options: Sequence[str], tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    async with (
        running_server(url, drain_seconds=_DRAIN_SECONDS, rate_limit="0", options=options) as first,
        running_server(url, rate_limit="0") as second,
        proxied([first, second]) as proxy,
    ):
        await until(lambda: min(proxy.answered[first], proxy.answered[second]) >= 20)
        first.terminate()
        await until(lambda: proxy.ready == [second] and not proxy.under_way[first])
        first.terminate()
        assert await first.ended() == 0
        enough = proxy.answered[second] + 20
        await until(lambda: proxy.answered[second] >= enough)
        assert proxy.failures == []


async def test_a_server_that_drains_serves_new_requests_and_keeps_its_sockets_until_it_stops(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        running_server(url, drain_seconds=_DRAIN_SECONDS) as server,
        httpx.AsyncClient(base_url=server.url, headers=headers, timeout=_DEADLINE_SECONDS, verify=False) as client,
        connect(server.websocket_url, subprotocols=[PROTOCOL]) as socket,
        asyncio.timeout(_DEADLINE_SECONDS),
    ):
        query = {"query": "{ viewer { role } }"}
        for _ in range(3):
            answer = await client.post("/graphql", json=query)
            assert "connection" not in answer.headers
        server.terminate()
        while (probe := await client.get("/readyz")).is_success:
            pass
        assert probe.json()["reasons"] == ["The server is stopping."]
        for _ in range(3):
            # Also a query that is answered by a shortcut otherwise.
            answer = await client.post("/graphql", json=query)
            assert answer.json() == {"data": {"viewer": {"role": "ADMIN"}}, "extensions": answer.json()["extensions"]}
            assert answer.headers["connection"] == "close"
        assert (await client.get("/livez")).is_success
        await socket.send('{"type": "connection_init"}')
        assert "connection_ack" in str(await socket.recv())
        server.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert await server.ended() == 0


async def test_a_server_that_is_asked_once_stops_when_the_time_is_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    async with running_server(url, drain_seconds="0.1") as server, asyncio.timeout(_DEADLINE_SECONDS):
        server.terminate()
        assert await server.ended() == 0
