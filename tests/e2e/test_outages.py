"""Outages of the database under a real server, as official clients and the log see them."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.api import Api
from tests.e2e.clients import Client, graphql_sse, graphql_ws
from tests.e2e.clusters import running_cluster
from tests.e2e.server import Server, api_of, running_server

DEADLINE_SECONDS = 60
MOST_LINES = 20
KINDS = {"graphql-ws": graphql_ws, "graphql-sse": graphql_sse}
_CREATE = 'mutation { createSystem(input: {key: "late", name: "Late"}) { userErrors { code } } }'
SYSTEMS = "{ systems { nodes { key } } }"


@pytest.mark.postgres
@pytest.mark.node
async def test_official_clients_resume_over_restarts_of_postgresql_without_gaps() -> None:
    async with (
        running_cluster() as cluster,
        running_server(cluster.url, broadcast_url=cluster.url) as server,
        api_of(server) as api,
        AsyncExitStack() as stack,
    ):
        after = await api.create_system()
        clients = [await stack.enter_async_context(_client(kind, server, after)) for kind in KINDS]
        expected = [("CREATED", await api.create_incident("Before"))]
        for client in clients:
            assert await client.events(1) == expected
        for mode in ("immediate", "fast"):
            await cluster.stop(mode)
            await _until(lambda: _answers(server, "/readyz", 503))
            # Clients that connect during the outage get in after it; those connected before do not notice.
            late = [await stack.enter_async_context(_client(kind, server, after)) for kind in KINDS]
            await cluster.start()
            await _until(lambda: _answers(server, "/readyz", 200))
            incident = ("CREATED", await api.create_incident(f"After {mode}"))
            for client in clients:
                assert await client.events(1) == [incident]
            expected.append(incident)
            for client in late:
                assert await client.events(len(expected)) == expected
            clients += late
        assert "the database is available again" in server.stderr
        assert len(server.stderr.splitlines()) < MOST_LINES, server.stderr


async def test_a_locked_sqlite_file_is_an_outage_until_its_release(tmp_path: Path, sqlite_template: Path) -> None:
    file = tmp_path / "held.db"
    shutil.copyfile(sqlite_template, file)
    impatient = running_server(f"sqlite:///{file}", may_complain=True, sqlite_busy_seconds="0.1", automations="false")
    async with impatient as server, api_of(server) as api:
        await api.create_system()
        with closing(sqlite3.connect(file, isolation_level=None)) as rival:
            rival.execute("BEGIN IMMEDIATE")
            refused = await api.post(_CREATE)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert '"UNAVAILABLE"' in refused.text
            assert await _status(api, SYSTEMS) == 200
            await _until(lambda: _answers(server, "/readyz", 503))
        await _until(lambda: _answers(server, "/readyz", 200))
        assert await _status(api, _CREATE) == 200
        lines = [line for line in server.stderr.splitlines() if " domain.outages: " in line]
    assert [("not available: database" in line, "available again" in line) for line in lines] == [
        (True, False),
        (False, True),
    ]


def _client(kind: str, server: Server, after: str) -> AbstractAsyncContextManager[Client]:
    return KINDS[kind](server, variables={"after": after}, retries=1000)


async def _status(api: Api, document: str) -> int:
    return (await api.post(document)).status_code


async def _answers(server: Server, path: str, status: int) -> bool:
    async with httpx.AsyncClient(timeout=5, verify=False) as client:
        return (await client.get(f"{server.url}{path}")).status_code == status


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - a server sends no notice
            await asyncio.sleep(0.05)


@pytest.mark.postgres
async def test_the_status_page_stays_while_the_database_is_away() -> None:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(running_cluster())
        server = await stack.enter_async_context(running_server(cluster.url, broadcast_url=cluster.url))
        api = await stack.enter_async_context(api_of(server))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=30))
        await api.create_system()
        await api.create_incident("Cards fail")
        pages = {path: (await http.get(path)).text for path in ("/status", "/status/INC-1", "/badge.svg")}
        await cluster.stop("immediate")
        for path, known in pages.items():
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (200, known)
        refused = await http.get("/status/systems/payments")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        assert "This page cannot be read just now" in refused.text
        await cluster.start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (await http.get("/status/systems/payments")).status_code != 200:
            assert time.monotonic() < deadline
