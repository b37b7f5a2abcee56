"""Hostile bodies are refused so quickly that no other client has to wait."""

import asyncio
import resource

import pytest

from domain.bootstrap import Domain
from tests.gql.hostile import BODIES
from tests.gql.test_limits_timing import LONGEST_TURN_SECONDS
from tests.gql.transport.serving import serving, ticking
from tests.gql.transport.test_http import HEAD, LEGACY, VIEWER, Client, client, code, connected_to

__all__ = ["client"]

pytestmark = pytest.mark.timing


@pytest.mark.parametrize(("content", "expected"), BODIES.values(), ids=BODIES.keys())
async def test_a_hostile_body_is_refused_quickly(client: Client, content: bytes, expected: str) -> None:
    async with client() as http:
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
