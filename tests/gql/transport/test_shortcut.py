"""Short queries are answered at once, byte for byte as by the endpoint, and are paid for once."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
import pytest
from typing_extensions import override

from domain.bootstrap import running_domain
from domain.clock import Clock
from domain.model.viewer import Role
from domain.settings import Settings
from gql.transport.shortcut import Shortcut
from tests.gql.transport.sockets import TOKENS, Running, serving
from tests.gql.transport.test_direct import JSON, NAMED, ODD, Odd, posted, with_headers
from tests.gql.transport.test_http_protocol import Line, line_to

KNOWN = (b"authorization", f"Bearer {TOKENS[Role.ADMIN]}".encode())
PAGE = "query Page($first: Int, $all: Boolean!) { incidents(first: $first) { nodes { id title @include(if: $all) } } }"
BY_ID = "query ById($id: ID!) { incident(id: $id) { id systems { name } } }"
SHORT = {
    "a name": posted({"query": "{ __typename }"}),
    "a name, for a known caller": posted({"query": "{ __typename }"}, KNOWN),
    "a name in the new media type": posted({"query": "{ __typename }"}, (b"accept", b"*/*, application/json;q=0.1")),
    "a page": posted({"query": PAGE, "operationName": "Page", "variables": {"first": 5, "all": True}}, KNOWN),
    "a page without a flag": posted({"query": PAGE, "variables": {"first": 5, "all": False}}, KNOWN),
    "a flag that is a number": posted({"query": PAGE, "variables": {"first": 5, "all": 1}}, KNOWN),
    "a page that is too large": posted({"query": PAGE, "variables": {"first": 500, "all": True}}, KNOWN),
    "an unknown incident": posted({"query": BY_ID, "variables": {"id": "inc_0"}}),
    "a variable of a wrong type": posted({"query": BY_ID, "variables": {"id": [1]}}),
    "a missing variable": posted({"query": BY_ID, "variables": {}}),
    "a proxy": with_headers(JSON, KNOWN, (b"x-forwarded-for", b"203.0.113.9")),
    "an empty token": posted({"query": "{ __typename }"}, (b"authorization", b"")),
    "a token in capitals": posted({"query": "{ __typename }"}, (KNOWN[0], b"BEARER " + KNOWN[1][7:])),
    "a token with spaces": posted({"query": "{ __typename }"}, (KNOWN[0], KNOWN[1] + b" ")),
}


class StillClock(Clock):
    """A clock that stands still."""

    @override
    def now(self) -> datetime:
        return datetime(2026, 5, 1, tzinfo=UTC)


@asynccontextmanager
async def still(settings: Settings, **changes: Any) -> AsyncIterator[Running]:
    """Serve these settings at one and the same moment."""
    async with (
        running_domain(replace(settings, **changes), clock=StillClock()) as domain,
        serving(domain) as running,
    ):
        yield running


def encoded(odd: Odd) -> bytes:
    body = b"".join(odd.body)
    lines = [
        odd.method.encode() + b" /graphql" + (b"?" + odd.query if odd.query else b"") + b" HTTP/1.1",
        b"host: a.test",
        *(name + b": " + value for name, value in odd.headers),
        *([] if any(name == b"content-length" for name, _ in odd.headers) else [b"content-length: %d" % len(body)]),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def answered(served: Running, *parts: bytes) -> bytes:
    """Return all that a connection says to these bytes, without what differs from second to second."""
    async with line_to(served) as line:
        for part in parts:
            line.writer.write(part)
            await asyncio.sleep(0)
        head = await line.reader.readuntil(b"\r\n\r\n")
        size = int(next(iter(re.findall(rb"content-length: (\d+)", head)), b"0"))
        body = b"" if parts[0].startswith(b"HEAD") else await line.reader.readexactly(size)
    return re.sub(rb"(date: |req_)[^\r\"]+", b"*", head) + re.sub(rb"req_\w+", b"*", body)


def count_short(served: Running, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that grows by whether each request that was held was answered at once."""
    seen: list[bool] = []
    answer = Shortcut.answer

    def counting(self: Shortcut, headers: Sequence[tuple[bytes, bytes]], body: bytes, address: str) -> object:
        result = answer(self, headers, body, address)
        seen.append(isinstance(result, bytes))
        return result

    monkeypatch.setattr(Shortcut, "answer", counting)
    return seen


async def test_requests_are_answered_alike_with_and_without_the_shortcut(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    odds = {name: odd for name, odd in {**ODD, **SHORT}.items() if odd.body and "events" not in name}
    odds.pop("a length that is no number")
    async with still(settings, max_body_bytes=1_000, batching_max=5, rate_limit=0) as served:
        for _ in range(2):
            expected = {}
            for name, odd in odds.items():
                with monkeypatch.context() as without:
                    without.setattr(Shortcut, "answer", lambda *_: None)
                    expected[name] = await answered(served, encoded(odd))
        seen = count_short(served, monkeypatch)
        short = set()
        for name, odd in odds.items():
            seen.clear()
            assert (name, await answered(served, encoded(odd))) == (name, expected[name])
            short |= {name} if True in seen else set()
    assert short == {
        *("a name", "a name, for a known caller", "a name in the new media type"),
        *("a page", "a page without a flag", "an unknown incident", "a token in capitals", "a token with spaces"),
        *("a query", "a body in pieces", "the new media type", "weights", "a long Accept"),
    }


async def test_a_body_in_pieces_is_answered(settings: Settings) -> None:
    request = encoded(posted({"query": "{ __typename }"}))
    async with still(settings, rate_limit=0) as served:
        whole = [await answered(served, request) for _ in range(3)][-1]
        for cut in (len(request) - 30, len(request) - 22, len(request) - 5, 60):
            assert await answered(served, request[:cut], request[cut:]) == whole


async def test_pipelined_queries_are_answered_in_order(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    request = posted({"query": "query ($flag: Boolean!) { a: __typename @skip(if: $flag) b: __typename }"})
    texts = [
        encoded(replace(request, body=(orjson.dumps({**orjson.loads(request.body[0]), "variables": {"flag": flag}}),)))
        for flag in (True, False)
    ]
    for text in texts * 3:
        await answered(served, text)
    seen = count_short(served, monkeypatch)
    async with line_to(served, b"".join(texts) * 5) as line:
        bodies = [(await Line.answer(line))[1] for _ in range(10)]
    assert [b'"a"' in body for body in bodies] == [False, True] * 5
    # One for each call of the loop, so that other connections have their turns.
    assert seen.count(True) < 10


async def test_a_client_that_wants_no_more_is_hung_up_on(served: Running) -> None:
    last = encoded(posted({"query": "{ __typename }"}, (b"connection", b"close")))
    for _ in range(3):
        async with line_to(served, last) as line:
            assert (await line.answer())[0] == 200
            assert await line.ended() == b""


async def test_each_query_is_charged_once_and_refused_beyond_the_limit(settings: Settings) -> None:
    request = encoded(posted({"query": "{ __typename }"}, KNOWN))
    async with still(settings, rate_limit=5) as served:
        answers = [await answered(served, request) for _ in range(7)]
    assert [int(answer.split()[1]) for answer in answers] == [200] * 5 + [429] * 2
    left = [re.findall(rb'"remaining":(\d+)', answer) for answer in answers[:5]]
    assert left == [[b"4"], [b"3"], [b"2"], [b"1"], [b"0"]]


async def test_a_read_that_turns_out_long_is_charged_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    request = encoded(replace(SHORT["a page"], headers=(JSON, NAMED, KNOWN)))
    async with still(settings, rate_limit=1_000) as served:
        left = []
        for turn in range(5):
            if turn == 3:
                monkeypatch.setattr("domain.persistence.drivers.SqliteDriver._row_in_loop", lambda *_: None)
            [now] = re.findall(rb'"remaining":(\d+)', await answered(served, request))
            left.append(int(now))
    assert len({before - after for before, after in pairwise(left)}) == 1


async def test_a_token_that_is_revoked_is_refused_at_once(served: Running) -> None:
    request = encoded(posted({"query": "{ __typename }"}, (KNOWN[0], f"Bearer {TOKENS[Role.VIEWER]}".encode())))
    for _ in range(3):
        assert (await answered(served, request)).startswith(b"HTTP/1.1 200")
    tokens = served.domain.tokens
    viewer = await tokens.viewer_of(f"Bearer {TOKENS[Role.VIEWER]}")
    assert viewer.token_id is not None
    await tokens.revoke(viewer.token_id)
    assert (await answered(served, request)).startswith(b"HTTP/1.1 401")
