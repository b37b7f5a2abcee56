"""Whole requests are answered without ASGI, byte for byte as through it, in order, and are paid for once."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from starlette.types import Scope
from typing_extensions import override

from domain.bootstrap import running_domain
from domain.clock import Clock
from domain.messaging.buckets import Allowance, Buckets, MemoryBuckets
from domain.model.viewer import Role
from domain.persistence.database import Database
from domain.settings import Settings
from gql.transport.http_protocol import BoundedHttpProtocol
from gql.transport.shortcut import Answer, Shortcut
from tests.e2e.databases import fresh_database
from tests.factories import ADMIN, make_system
from tests.gql.dialects import on_both_databases
from tests.gql.transport.bursts import CAUSED, KNOWN, StillClock, differences, encoded
from tests.gql.transport.sockets import TOKENS, Running, serving, until
from tests.gql.transport.test_direct import JSON, MODERN, NAMED, ODD, Odd, posted, with_headers
from tests.gql.transport.test_http_protocol import HEALTH, Line, line_to, served_elsewhere

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


@asynccontextmanager
async def still(settings: Settings, **changes: Any) -> AsyncIterator[Running]:
    """Serve these settings at one and the same moment."""
    async with (
        running_domain(replace(settings, **changes), clock=StillClock()) as domain,
        serving(domain) as running,
    ):
        yield running


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


def count_short(served: Running, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by how each request that was held is answered: at once, later, or by ASGI."""
    seen: list[str] = []
    answer = Shortcut.answer

    def counting(self: Shortcut, scope: Scope, body: bytes) -> object:
        result = answer(self, scope, body)
        seen.append("by ASGI" if result is None else "at once" if isinstance(result, Answer) else "later")
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
        how: dict[str, str] = {}
        for name, odd in odds.items():
            seen.clear()
            assert (name, await answered(served, encoded(odd))) == (name, expected[name])
            how[name] = seen[0] if seen else "by ASGI"
    assert {name for name in how if how[name] == "at once"} == {
        *("a name", "a name, for a known caller", "a name in the new media type"),
        *("a page", "a page without a flag", "an unknown incident", "a token in capitals", "a token with spaces"),
        *("a query", "a body in pieces", "the new media type", "weights", "a long Accept"),
        *("two ids", "an id that is not sent back"),
    }
    assert {name for name in how if how[name] == "later"} > {
        *("a batch", "a syntax error", "a mutation", "an unknown token", "no JSON", "a field that fails", "two tokens"),
        *(
            "no media type of ours",
            "another type",
            "a page that is too large",
            "an empty token",
            "members of other types",
        ),
    }
    assert {how[name] for name in ("a proxy", "a compressed body", "an allowed page", "a GET")} == {"by ASGI"}


@on_both_databases
async def test_random_bursts_are_answered_alike_with_and_without_the_shortcut(dialect: str) -> None:
    async with fresh_database(dialect) as one, fresh_database(dialect) as other:
        assert [difference async for difference in differences([one, other], count=40, seed=1)] == []


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
    assert seen.count("at once") < 10


async def test_a_client_that_wants_no_more_is_hung_up_on(served: Running) -> None:
    last = encoded(posted({"query": "{ __typename }"}, (b"connection", b"close")))
    for _ in range(3):
        async with line_to(served, last) as line:
            assert (await line.answer())[0] == 200
            assert await line.ended() == b""


class AwaitedBuckets(Buckets):
    """Buckets that take waiting, as those in Redis do."""

    def __init__(self, clock: Clock, *, limit: int, **_: Any) -> None:
        self._kept = MemoryBuckets(clock, limit=limit)

    @override
    async def spend(self, caller: str, points: int) -> Allowance | None:
        await asyncio.sleep(0)
        return self._kept.take(caller, points)

    @override
    async def close(self) -> None:
        await self._kept.close()


@pytest.mark.parametrize("are_awaited", [False, True], ids=["in the process", "elsewhere"])
async def test_each_query_is_charged_once_and_refused_beyond_the_limit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, are_awaited: bool
) -> None:
    if are_awaited:
        monkeypatch.setattr("domain.bootstrap.make_buckets", AwaitedBuckets)
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
    await tokens.revoke(ADMIN, viewer.token_id)
    assert (await answered(served, request)).startswith(b"HTTP/1.1 401")


CREATE = """mutation Create($input: CreateIncidentInput!) {
  createIncident(input: $input) { incident { id title updates(first: 1) { nodes { message } } } reused
    userErrors { code message field } }
}"""
ADD = """mutation Add($input: AddIncidentUpdateInput!) {
  addIncidentUpdate(input: $input) { update { message statusChange } incident { version } userErrors { code } cursor }
}"""


def created(*headers: tuple[bytes, bytes], query: str = CREATE, **given: Any) -> Odd:
    """Return a request to open an incident."""
    return posted({"query": query, "variables": {"input": {**CAUSED, **given}}}, *headers)


WRITES = {
    "a create": created(KNOWN),
    "a create in the new media type": created(KNOWN, MODERN),
    "a create of nobody": created(),
    "a create with a blank title": created(KNOWN, title=" "),
    "a create with an unknown severity": created(KNOWN, severity="HUGE"),
    "a create with an unknown severity in the new media type": created(KNOWN, MODERN, severity="HUGE"),
    "a create with a member too many": created(KNOWN, color="red"),
    "a create with a null": created(KNOWN, title=None),
    "a create with one system by itself": created(KNOWN, systemIds="api"),
    "a create with an unknown system": created(KNOWN, systemIds=["nothing"]),
    "a create with a moment": created(KNOWN, occurredAt="2026-04-30T10:00:00+02:00"),
    "a create with no moment": created(KNOWN, occurredAt="yesterday"),
    "a create with a key": created(KNOWN, idempotencyKey="once"),
    "a create with the same key": created(KNOWN, idempotencyKey="once"),
    "a create with the same key and another title": created(KNOWN, idempotencyKey="once", title="Another"),
    "a create with a long text": created(KNOWN, description="a" * 300),
    "a create with a lone surrogate": Odd(
        body=(created().body[0].replace(b"Disk full", b"Disk \\ud800"),), headers=(JSON, NAMED, KNOWN)
    ),
    "two creates in one": posted(
        {
            "query": "mutation ($input: CreateIncidentInput!) { a: createIncident(input: $input) { reused } "
            "b: createIncident(input: $input) { incident { title } } }",
            "variables": {"input": CAUSED},
        },
        KNOWN,
    ),
    "an entry of nothing": posted(
        {"query": ADD, "variables": {"input": {"incidentId": "inc_0", "message": "a"}}}, KNOWN
    ),
    "a query that is refused": posted({"query": "{ incidents(first: 0) { totalCount } }"}, KNOWN),
    "the log": posted({"query": "{ incidentEvents(first: 5) { nodes { type } } }"}, KNOWN),
    "a page": SHORT["a page"],
}
_OWN = re.compile(rb"(inc|upd|ch|sys)_\w+|\"cursor\":\"[^\"]+\"|content-length: \d+")


@on_both_databases
async def test_writes_are_answered_alike_with_and_without_the_shortcut(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with still(settings, rate_limit=0) as served:
        await make_system(served.domain, key="api")
        answers: list[dict[str, bytes]] = []
        for turn in range(4):
            with monkeypatch.context() as without:
                if turn % 2 == 0:
                    without.setattr(Shortcut, "answer", lambda *_: None)
                seen = count_short(served, without)
                answers.append({})
                for name, odd in WRITES.items():
                    # What was kept under a key would be another answer the next time.
                    text = encoded(odd).replace(b'"once"', b'"on%02d"' % turn)
                    answers[-1][name] = _OWN.sub(b"*", await answered(served, text))
            if turn == 3:
                assert set(seen) == {"later", "at once"} if settings.database_url.startswith("sqlite") else {"later"}
    assert answers[3] == answers[2]
    assert answers[1] == answers[0]
    assert b'"userErrors":[]' in answers[3]["a create"]


@asynccontextmanager
async def writes_held(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Hold all writes back; yield an event for the first that came, and one to set to let them go on."""
    came, go = asyncio.Event(), asyncio.Event()
    write = Database.write

    async def held(self: Database, work: Any, **how: Any) -> Any:
        came.set()
        await go.wait()
        return await write(self, work, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", held)
        try:
            yield came, go
        finally:
            go.set()


def note_protocols(monkeypatch: pytest.MonkeyPatch) -> list[BoundedHttpProtocol]:
    """Return a list that grows by the protocol of each answer without ASGI."""
    protocols: list[BoundedHttpProtocol] = []
    answer_with = BoundedHttpProtocol._answer_with

    def noting(protocol: BoundedHttpProtocol, answer: Any) -> None:
        protocols.append(protocol)
        answer_with(protocol, answer)

    monkeypatch.setattr(BoundedHttpProtocol, "_answer_with", noting)
    return protocols


async def warmed(served: Running) -> bytes:
    """Return a request to open an incident, of which the document is compiled."""
    await make_system(served.domain, key="api")
    text = encoded(created(KNOWN))
    for _ in range(3):
        assert (await answered(served, text)).startswith(b"HTTP/1.1 200")
    return text


async def count_of(served: Running) -> int:
    text = encoded(posted({"query": "{ incidents { totalCount } }"}, KNOWN))
    [count] = re.findall(rb'"totalCount":(\d+)', await answered(served, text))
    return int(count)


@on_both_databases
async def test_what_comes_behind_a_write_waits_for_its_answer(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    create, name = await warmed(served), encoded(posted({"query": "{ __typename }"}))
    seen = count_short(served, monkeypatch)
    before = await count_of(served)
    seen.clear()
    async with writes_held(monkeypatch) as (came, go), line_to(served, create + name) as line:
        await came.wait()
        line.writer.write(HEALTH + b"\r\n" + create + name)
        await served_elsewhere(served)
        go.set()
        answers = [await line.answer() for _ in range(5)]
        # Once nothing is before it, a request is answered without ASGI again.
        line.writer.write(name)
        answers.append(await line.answer())
    assert [status for status, _ in answers] == [200] * 6
    assert [b"Disk full" in body for _, body in answers] == [True, False, False, True, False, False]
    assert seen[0] == "later"
    assert await count_of(served) == before + 2


@on_both_databases
@pytest.mark.parametrize("behind", [b"", b"NONSENSE\r\n\r\n"], ids=["nothing", "no request"])
async def test_a_write_whose_client_goes_away_is_made(
    served: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, behind: bytes
) -> None:
    create, before = await warmed(served), await count_of(served)
    protocols = note_protocols(monkeypatch)
    async with writes_held(monkeypatch) as (came, go):
        async with line_to(served, create + behind):
            await came.wait()
        await until(lambda: not len(served.connections))
        assert len(protocols[0].tasks) == 1
        go.set()
        await until(lambda: not protocols[0].tasks)
    assert await count_of(served) == before + 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_refusal_waits_for_the_answer_to_a_write(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    create = await warmed(served)
    for behind, refusal in ((b"NONSENSE\r\n\r\n", (400, "BAD_USER_INPUT")), ((HEALTH + b"\r\n") * 20, None)):
        async with writes_held(monkeypatch) as (came, go), line_to(served, create + behind) as line:
            await came.wait()
            go.set()
            assert (await line.answer())[0] == 200
            for _ in range(0 if refusal else 16):
                assert (await line.answer())[0] == 200
            assert await line.refusal() == (refusal or (429, "RATE_LIMITED"))


async def test_a_server_that_stops_waits_for_the_answer(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    create = await warmed(served)
    protocols = note_protocols(monkeypatch)
    async with writes_held(monkeypatch) as (came, go), line_to(served, create) as line:
        await came.wait()
        protocols[0].shutdown()
        assert len(protocols[0].tasks) == 1
        go.set()
        text = await line.ended()
    assert text.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n\r\n{" in text
    assert b"Disk full" in text


async def test_each_write_is_charged_once_and_refused_beyond_the_limit(settings: Settings) -> None:
    async with still(settings, rate_limit=100) as served:
        text = await warmed(served)
        answers = [await answered(served, text) for _ in range(12)]
    left = [int(found) for answer in answers for found in re.findall(rb'"remaining":(\d+)', answer)]
    cost = left[0] - left[1]
    assert cost > 0
    assert left == [*range(100 - 4 * cost, left[-1] - 1, -cost), *([left[-1]] * (len(left) - len(set(left))))]
    assert {answer.split()[1] for answer in answers} == {b"200", b"429"}


async def test_a_fault_behind_the_shortcut_is_told_and_closes_the_connection(
    served: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create = await warmed(served)

    async def broken(*_: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(served.endpoint.shortcut, "_respond", broken)
    async with line_to(served, create) as line:
        assert (await line.answer())[0] == 500
        assert await line.ended() == b""
    assert "a fault" in caplog.text
    await until(lambda: not len(served.connections))
