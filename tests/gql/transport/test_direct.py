"""The endpoint in front of Starlette's layers answers as it does behind them, whatever comes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message

from domain.bootstrap import running_domain
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock

SECRET = "an-admin-token-for-tests"
QUERY = b'{"query": "{ viewer { role } }"}'
JSON = (b"content-type", b"application/json")
KNOWN = (b"authorization", f"Bearer {SECRET}".encode())
NAMED = (b"x-request-id", b"mine")
MODERN = (b"accept", b"application/graphql-response+json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """One request, its body in the pieces in which it comes; without any, its client is gone."""

    body: Sequence[bytes] = (QUERY,)
    headers: Sequence[tuple[bytes, bytes]] = (JSON, NAMED)
    method: str = "POST"
    query: bytes = b""


def with_headers(*headers: tuple[bytes, bytes]) -> Odd:
    """Return a query with headers of its own."""
    return Odd(headers=(NAMED, *headers))


def posted(value: Any, *headers: tuple[bytes, bytes]) -> Odd:
    """Return a request with this value as its body."""
    return Odd(body=(json.dumps(value).encode(),), headers=(JSON, NAMED, *headers))


ODD = {
    "a query": Odd(),
    "a query of a known caller": Odd(headers=(JSON, NAMED, KNOWN)),
    "a body in pieces": Odd(body=(QUERY[:10], b"", QUERY[10:])),
    "an id that is not sent back": with_headers(JSON, (b"x-request-id", b"a b")),
    "two ids": with_headers(JSON, (b"x-request-id", b"other")),
    "two tokens": with_headers(JSON, KNOWN, (b"authorization", b"Bearer no")),
    "a token twice": with_headers(JSON, KNOWN, KNOWN),
    "two types": with_headers(JSON, (b"content-type", b"text/plain")),
    "a type twice in the new media type": with_headers(JSON, JSON, MODERN),
    "an unknown token": with_headers(JSON, (b"authorization", b"Bearer no")),
    "an unknown token and a wrong type": with_headers(
        (b"authorization", b"Bearer no"), (b"content-type", b"text/plain")
    ),
    "another scheme": with_headers(JSON, (b"authorization", b"Basic bm8=")),
    "an empty token": with_headers(JSON, (b"authorization", b"")),
    "a token that is no ASCII": with_headers(JSON, (b"authorization", b"Bearer \xff\xfe")),
    "the new media type": with_headers(JSON, MODERN),
    "an unknown token in the new media type": with_headers(JSON, MODERN, (b"authorization", b"Bearer no")),
    "weights": with_headers(JSON, (b"accept", b"application/graphql-response+json;q=0.1, */*;q=0.5")),
    "a long Accept": with_headers(JSON, (b"accept", b"text/html, " * 100 + b"*/*")),
    "no media type of ours": with_headers(JSON, (b"accept", b"image/png")),
    "events of a query": with_headers(JSON, (b"accept", b"text/event-stream")),
    "no type": Odd(headers=(NAMED,)),
    "another type": with_headers((b"content-type", b"text/plain")),
    "a type in capitals": with_headers((b"content-type", b"APPLICATION/JSON; Charset=UTF-8")),
    "a quoted charset": with_headers((b"content-type", b'application/json; charset="utf-8"')),
    "another charset": with_headers((b"content-type", b"application/json; charset=latin-1")),
    "a compressed body": with_headers(JSON, (b"content-encoding", b"gzip")),
    "a body as it is": with_headers(JSON, (b"content-encoding", b"IDENTITY")),
    "an announced body that is too large": with_headers(JSON, (b"content-length", b"99999999999")),
    "a length that is no number": with_headers(JSON, (b"content-length", b"-1")),
    "a body that is too large": Odd(body=(b" " * 600, b" " * 600)),
    "a body that is too large in one piece": Odd(body=(b" " * 1_200,)),
    "no body": Odd(body=(b"",)),
    "a client that is gone": Odd(body=()),
    "no JSON": Odd(body=(b"{",)),
    "no UTF-8": Odd(body=(b'{"query": "\xff"}',)),
    "a lone surrogate": Odd(body=(b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',)),
    "a number": posted(1),
    "a null": posted(None),
    "a batch": posted([{"query": "{ __typename }"}, {"query": "{"}, 1, {"query": "mutation { a }"}]),
    "an empty batch": posted([]),
    "a long batch": posted([{"query": "{ __typename }"}] * 9),
    "a batch of events": posted([{"query": "{ __typename }"}], (b"accept", b"text/event-stream")),
    "members of other types": posted({"query": 1}),
    "variables of another type": posted({"query": "{ __typename }", "variables": []}),
    "no document": posted({}),
    "an unknown document": posted({"documentId": "sha256:0"}),
    "a hash of an unknown document": posted(
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, MODERN
    ),
    "a wrong hash": posted(
        {"query": "{ __typename }", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    ),
    "a syntax error": posted({"query": "{"}),
    "a syntax error in the new media type": posted({"query": "{"}, MODERN),
    "an unknown field": posted({"query": "{ nothing }"}, MODERN),
    "an unknown operation": posted({"query": "query A { __typename }", "operationName": "B"}),
    "a field that fails": posted({"query": '{ incident(id: "inc_0") { id } tokens { totalCount } }'}),
    "a field that fails of a known caller": posted({"query": "{ incidents(first: 0) { totalCount } }"}, KNOWN),
    "a subscription": posted({"query": "subscription { incidentChanges { incidentId } }"}),
    "a mutation": posted({"query": 'mutation { deleteIncident(input: {id: "inc_0"}) { userErrors { code } } }'}, KNOWN),
    "a GET": Odd(method="GET", query=b"query=%7B__typename%7D", headers=(NAMED,)),
    "a HEAD": Odd(method="HEAD", query=b"query=%7B__typename%7D", headers=(NAMED,)),
    "a HEAD of events": Odd(
        method="HEAD", query=b"query=%7B__typename%7D", headers=(NAMED, (b"accept", b"text/event-stream"))
    ),
    "a GET without an operation": Odd(method="GET", headers=(NAMED,)),
    "a GET of a mutation": Odd(method="GET", query=b"query=mutation%7Ba%7D", headers=(NAMED,)),
    "a GET of a page": Odd(method="GET", headers=(NAMED, (b"accept", b"text/html"))),
    "a HEAD of a page": Odd(method="HEAD", headers=(NAMED, KNOWN, (b"accept", b"TEXT/HTML;q=0.5"))),
    "a GET with variables that are no JSON": Odd(
        method="GET", query=b"query=%7B__typename%7D&variables=%7B", headers=(NAMED,)
    ),
    "another method": Odd(method="PUT"),
    "the options": Odd(method="OPTIONS", headers=(NAMED, (b"access-control-request-method", b"POST"))),
    "a page elsewhere": with_headers(JSON, (b"origin", b"https://elsewhere.test")),
    "an allowed page": with_headers(JSON, (b"origin", b"https://allowed.test")),
}


async def answer_of(app: ASGIApp, odd: Odd) -> dict[str, Any]:
    """Return status, headers and body of the answer; empty where none was sent."""
    parts: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in odd.body]
    if parts:
        parts[-1]["more_body"] = False
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": odd.method,
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": odd.query,
        "headers": [(b"host", b"a.test"), *odd.headers],
        "client": ("127.0.0.1", 4000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    await app(scope, receive, send)
    headers = sorted((name.decode(), value.decode("latin-1")) for name, value in sent[0]["headers"]) if sent else []
    if odd.headers.count(NAMED) != 1 or sum(name == b"x-request-id" for name, _ in odd.headers) > 1:
        headers = [(name, "*" if name == "x-request-id" else value) for name, value in headers]
    body = b"".join(message.get("body", b"") for message in sent)
    return {"status": sent[0]["status"] if sent else None, "headers": headers, "body": body.decode()}


@pytest.mark.parametrize("origins", [(), ("https://allowed.test",)], ids=["without CORS", "with CORS"])
async def test_requests_are_answered_alike_before_and_behind_the_layers(
    settings: Settings, origins: tuple[str, ...]
) -> None:
    settings = replace(settings, cors_origins=origins, max_body_bytes=1_000, batching_max=5, rate_limit=0)
    async with running_domain(settings, clock=SteppingClock()) as domain:
        await domain.tokens.ensure_admin(SECRET)
        app = create_app(domain)

        async def layered(scope: Any, receive: Any, send: Any) -> None:
            await Starlette.__call__(app, scope, receive, send)

        for name, odd in ODD.items():
            direct = await answer_of(app, odd)
            assert (name, direct) == (name, await answer_of(layered, odd))
            assert (direct["status"] is None) is (not odd.body)
