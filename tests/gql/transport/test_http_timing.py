"""Hostile bodies are refused so quickly that no other client has to wait."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from gql.app import create_app
from tests.gql.hostile import BODIES
from tests.gql.test_limits_timing import LONGEST_TURN_SECONDS
from tests.gql.transport.serving import serving, ticking
from tests.gql.transport.sockets import own_domain
from tests.gql.transport.test_http import HEAD, LEGACY, VIEWER, code, connected_to

pytestmark = [pytest.mark.timing, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def domain(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domain]:
    """Yield one domain for all of these tests, because none of them writes."""
    async with own_domain(sqlite_template, tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application in this process."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


@pytest.mark.parametrize(("content", "expected"), BODIES.values(), ids=BODIES.keys())
async def test_a_hostile_body_is_refused_quickly(http: httpx.AsyncClient, content: bytes, expected: str) -> None:
    await http.post("/graphql", json={"query": VIEWER})
    async with ticking() as ticker:
        response = await http.post("/graphql", content=content, headers={"content-type": LEGACY})
    assert 400 <= response.status_code < 500 or expected in {"DEPTH_LIMIT", "TOKEN_LIMIT"}
    assert code(response) == expected
    assert ticker.longest_seconds < LONGEST_TURN_SECONDS


async def test_only_the_beginning_of_an_endless_body_is_read(domain: Domain) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sent = 0
    async with serving(domain) as url, connected_to(url) as (reader, writer):
        async with ticking() as ticker:
            writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            answer = asyncio.create_task(reader.readuntil(b"}]}"))
            while not answer.done() and sent < 200_000_000:
                writer.write(chunk)
                sent += len(chunk)
                await writer.drain()
            assert (await answer).startswith(b"HTTP/1.1 413")
        assert ticker.longest_seconds < LONGEST_TURN_SECONDS
    assert sent < 20_000_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"of 200 MB {sent / 1e6:.1f} MB were sent; the process grew by {grown / 1024:.1f} MB")
