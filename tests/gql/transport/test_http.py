"""GraphQL over HTTP beyond the official audits: types, statuses, headers and batches."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.services.tokens import TokenService
from domain.settings import Settings
from gql.app import create_app
from gql.transport.joining import Joining
from gql.transport.members import Member
from tests.conftest import SteppingClock
from tests.factories import make_incident
from tests.gql.transport.serving import serving
from tests.inside import inside

VIEWER = "{ viewer { role } }"
WRITE = 'mutation { createSystem(input: {key: "a", name: "b"}) { userErrors { code } } }'
WATCH = "subscription { incidentChanges { incidentId } }"
SECRET = "an-admin-token-for-tests"
MODERN, LEGACY, STREAM = "application/graphql-response+json", "application/json", "text/event-stream"
HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def client(settings: Settings) -> Client:
    """Yield a client of an application with these settings."""

    @asynccontextmanager
    async def connected(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with running_domain(replace(settings, **changes), clock=SteppingClock()) as domain:
            await domain.tokens.ensure_admin(SECRET)
            transport = httpx.ASGITransport(app=create_app(domain))
            async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
                yield http

    return connected


@asynccontextmanager
async def connected_to(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection for bytes that no HTTP client would send."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


def body(response: httpx.Response) -> Any:
    """Return the JSON of an answer after checking its media type."""
    assert response.headers["content-type"] in {f"{MODERN}; charset=utf-8", f"{LEGACY}; charset=utf-8"}
    return response.json()


def code(response: httpx.Response) -> str:
    """Return the code of the one error of an answer without data."""
    answer = body(response)
    assert "data" not in answer
    [error] = answer["errors"]
    return str(error["extensions"]["code"])


#: What a client accepts, and what it gets.
PREFERRED: list[tuple[str | None, str]] = [
    (None, LEGACY),
    ("*/*", LEGACY),
    ("application/*", LEGACY),
    (LEGACY, LEGACY),
    (MODERN, MODERN),
    (f"{MODERN}, {LEGACY}", MODERN),
    (f"{LEGACY}, {MODERN}", LEGACY),
    (f"{LEGACY};q=0.5, {MODERN}", MODERN),
    (f"{MODERN};q=0.2, {LEGACY};q=0.9", LEGACY),
    (f"{MODERN};q=0, */*", LEGACY),
    (f"text/html, {MODERN};q=0.1", MODERN),
    (f"{MODERN}, application/graphql+json, {LEGACY}, {STREAM}, multipart/mixed", MODERN),
    (f"{STREAM}, {LEGACY}", LEGACY),
]


async def test_an_answer_has_the_client_s_preferred_media_type(client: Client) -> None:
    async with client() as http:
        http.headers.pop("accept")
        for accept, media in PREFERRED:
            headers = {} if accept is None else {"accept": accept}
            response = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
            assert response.headers["content-type"] == f"{media}; charset=utf-8", accept
            assert body(response)["data"] == {"viewer": {"role": "ANONYMOUS"}}, accept


async def test_an_unsupported_accept_header_is_refused(client: Client) -> None:
    async with client() as http:
        for accept in ("text/html", f"{LEGACY};q=0", "image/*", f"{LEGACY};q=x"):
            response = await http.post("/graphql", json={"query": VIEWER}, headers={"accept": accept})
            assert (accept, response.status_code) == (accept, 406)
            assert code(response) == "BAD_USER_INPUT"


#: What is refused, its status in the modern media type and in the old one, and its code.
REFUSED = [
    ("{", 400, 200, "GRAPHQL_PARSE_FAILED"),
    ("{ nope }", 400, 200, "GRAPHQL_VALIDATION_FAILED"),
    ("{ incidents(first: 100) { nodes { updates(first: 100) { nodes { id } } } } }", 400, 200, "COST_LIMIT"),
    ("query A { viewer { role } } query B { viewer { role } }", 400, 200, "OPERATION_RESOLUTION_FAILURE"),
    ("fragment F on Viewer { role }", 400, 400, "OPERATION_RESOLUTION_FAILURE"),
    ("", 400, 400, "BAD_USER_INPUT"),
    (WATCH, 400, 400, "BAD_USER_INPUT"),
]


async def test_each_kind_of_refusal_has_a_status_and_no_data(client: Client) -> None:
    async with client(max_cost=5_000) as http:
        for query, modern, legacy, expected in REFUSED:
            for media, status in ((MODERN, modern), (LEGACY, legacy)):
                response = await http.post("/graphql", json={"query": query}, headers={"accept": media})
                assert (query, response.status_code, code(response)) == (query, status, expected)


async def test_an_error_of_a_field_leaves_the_status_at_200(client: Client) -> None:
    async with client() as http:
        response = await http.post("/graphql", json={"query": "{ incident { id } }"}, headers={"accept": MODERN})
        assert response.status_code == 200
        assert body(response)["data"] == {"incident": None}
        response = await http.post("/graphql", json={"query": WRITE}, headers={"accept": MODERN})
        assert response.status_code == 200
        assert "errors" not in body(response)
        assert body(response)["data"]["createSystem"]["userErrors"] == [{"code": "UNAUTHENTICATED"}]


async def test_methods_other_than_get_and_post_are_not_allowed(client: Client) -> None:
    async with client() as http:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            response = await http.request(method, "/graphql")
            assert response.status_code == 405
            assert response.headers["allow"] == "GET, HEAD, POST"
            assert code(response) == "BAD_USER_INPUT"


async def test_a_get_runs_queries_and_no_mutations(client: Client) -> None:
    async with client() as http:
        response = await http.get(
            "/graphql",
            params={
                "query": "query A($n: Int) { incidents(first: $n) { totalCount } } query B { viewer { role } }",
                "operationName": "A",
                "variables": '{"n": 1}',
                "extensions": "{}",
            },
        )
        assert body(response)["data"] == {"incidents": {"totalCount": 0}}
        for media in (MODERN, LEGACY):
            response = await http.get("/graphql", params={"query": WRITE}, headers={"accept": media})
            assert response.status_code == 405
            assert response.headers["allow"] == "POST"
            assert code(response) == "BAD_USER_INPUT"
        # GraphQL over HTTP, on GET: the empty text stands for none. In JSON there is null for that.
        response = await http.get("/graphql", params={"query": f"query A {VIEWER}", "operationName": ""})
        assert body(response)["data"] == {"viewer": {"role": "ANONYMOUS"}}
        response = await http.post("/graphql", json={"query": f"query A {VIEWER}", "operationName": ""})
        assert (response.status_code, code(response)) == (400, "OPERATION_RESOLUTION_FAILURE")
        for parameter in ("variables", "extensions"):
            for value in ("{", "[]", "1"):
                response = await http.get("/graphql", params={"query": VIEWER, parameter: value})
                assert response.status_code == 400
                assert code(response) == "BAD_USER_INPUT"


#: Headers of bodies that are no JSON.
OTHER_BODIES = [
    {"content-type": "text/plain"},
    {"content-type": "application/jsonfoo"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"content-type": "application/json; charset=utf-16"},
    {"content-type": ""},
    {"content-type": "application/json", "content-encoding": "gzip"},
]


#: Headers of which the first one would count for this server, and maybe the last one for a proxy before it.
REPEATED = {
    "Authorization": [f"Bearer {SECRET}", "Bearer other"],
    "Content-Type": [LEGACY, LEGACY],
}


async def test_a_body_of_another_type_is_refused(client: Client) -> None:
    async with client() as http:
        for headers in OTHER_BODIES:
            response = await http.post("/graphql", content=json.dumps({"query": VIEWER}), headers=headers)
            assert (headers, response.status_code) == (headers, 415)
            assert code(response) == "BAD_USER_INPUT"


async def test_a_header_that_a_request_may_have_once_is_refused_where_it_comes_twice(client: Client) -> None:
    async with client() as http:
        for name, values in REPEATED.items():
            headers = [("content-type", LEGACY)] * (name != "Content-Type") + [(name, value) for value in values]
            response = await http.post("/graphql", content=json.dumps({"query": VIEWER}), headers=headers)
            assert (values, response.status_code, code(response)) == (values, 400, "BAD_USER_INPUT")
            assert f"`{name}`" in response.text
        response = await http.get("/graphql", params={"query": VIEWER}, headers=[("authorization", SECRET)] * 2)
        assert response.status_code == 400


async def test_a_body_with_too_large_a_content_length_is_refused_unread(client: Client) -> None:
    async with client(max_body_bytes=1_000) as http:
        response = await http.post("/graphql", json={"query": VIEWER, "variables": {"x": "y" * 1_000}})
        assert response.status_code == 413
        assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("announced", "status", "expected"), [(200_000_000, b"413", "BAD_USER_INPUT"), (100, b"408", "TIMEOUT")]
)
async def test_a_large_or_slow_body_is_answered_before_the_end(
    settings: Settings, announced: int, status: bytes, expected: str
) -> None:
    async with (
        running_domain(replace(settings, body_timeout_seconds=0.1)) as domain,
        serving(domain) as url,
        connected_to(url) as (reader, writer),
    ):
        writer.write(HEAD + f"Content-Length: {announced}\r\n\r\n{{".encode())
        answer = await asyncio.wait_for(reader.read(), timeout=60)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer.lower()
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == expected


async def test_batches_are_refused_unless_enabled(client: Client) -> None:
    async with client() as http:
        response = await http.post("/graphql", json=[{"query": VIEWER}])
        assert response.status_code == 400
        assert code(response) == "BAD_USER_INPUT"


async def test_a_failed_query_of_a_batch_leaves_the_others(client: Client) -> None:
    batch = [
        {"query": VIEWER},
        {"query": "{ nope }"},
        {"query": WRITE},
        1,
        {"query": "query A { viewer { role } }", "operationName": "B"},
        {"documentId": "nobody-knows-this-one"},
        {"query": "{ rateLimit { cost } }"},
    ]
    async with client(batching_max=7) as http:
        response = await http.post("/graphql", json=batch, headers={"authorization": f"Bearer {SECRET}"})
        answers = body(response)
        assert [answer.get("data") for answer in answers] == [
            {"viewer": {"role": "ADMIN"}},
            *[None] * 5,
            {"rateLimit": {"cost": 1}},
        ]
        assert [answer["errors"][0]["extensions"]["code"] for answer in answers[1:6]] == [
            "GRAPHQL_VALIDATION_FAILED",
            "BAD_USER_INPUT",
            "BAD_USER_INPUT",
            "OPERATION_RESOLUTION_FAILURE",
            "PERSISTED_QUERY_NOT_FOUND",
        ]
        assert all("data" not in answer for answer in answers[1:6])
        for wrong in ([], batch + batch):
            assert code(await http.post("/graphql", json=wrong)) == "BAD_USER_INPUT"


async def test_documents_are_named_by_post_and_by_get(client: Client, tmp_path: Any) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"viewer": VIEWER}))
    async with client(documents=str(file), documents_only=True) as http:
        expected = {"viewer": {"role": "ANONYMOUS"}}
        assert body(await http.post("/graphql", json={"documentId": "viewer"}))["data"] == expected
        assert body(await http.get("/graphql", params={"documentId": "viewer"}))["data"] == expected
        for media, status in ((MODERN, 400), (LEGACY, 200)):
            response = await http.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": media})
            assert response.status_code == status
            assert code(response) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_caller_over_the_rate_limit_gets_429_with_retry_after(client: Client) -> None:
    async with client(rate_limit=1) as http:
        for media in (MODERN, LEGACY):
            await http.post("/graphql", json={"query": VIEWER})
            response = await http.post("/graphql", json={"query": VIEWER}, headers={"accept": media})
            assert response.status_code == 429
            assert 1 <= int(response.headers["retry-after"]) <= 60
            assert code(response) == "RATE_LIMITED"


async def test_a_request_keeps_the_id_that_it_came_with(client: Client) -> None:
    async with client() as http:
        for given in ("abc-123", "0af7651916cd43dd8448eb211c80319c", "a:b/c=d"):
            response = await http.post("/graphql", json={"query": VIEWER}, headers={"x-request-id": given})
            assert response.headers["x-request-id"] == given


async def test_a_request_without_a_valid_id_gets_a_new_one(client: Client) -> None:
    async with client() as http:
        for given in ("", "a b", "<script>", "x" * 129, "ä"):
            headers = {b"x-request-id": given.encode()}
            first = await http.post("/graphql", json={"query": VIEWER}, headers=headers)
            second = await http.get("/health")
            assert first.headers["x-request-id"].startswith("req_"), given
            assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_bug_is_answered_with_the_id_under_which_it_was_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    async with client() as http:
        monkeypatch.setattr(TokenService, "viewer_of", broken)
        response = await http.post("/graphql", json={"query": VIEWER}, headers={"x-request-id": "find-me"})
        assert response.status_code == 500
        assert body(response)["errors"][0]["extensions"] == {"code": "INTERNAL", "requestId": "find-me"}
        assert "secret" not in response.text
        [record] = [each for each in caplog.records if each.levelname == "ERROR"]
        assert "find-me" in record.getMessage()


async def test_answers_have_headers_for_caches_and_browsers(client: Client) -> None:
    async with client() as http:
        response = await http.post("/graphql", json={"query": VIEWER})
        assert response.headers["vary"] == "Accept, Authorization, Cookie, Origin"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "cache-control" not in response.headers
        for token in (SECRET, "wrong"):
            response = await http.post("/graphql", json={"query": VIEWER}, headers={"authorization": f"Bearer {token}"})
            assert response.headers["cache-control"] == "no-store"


async def test_pages_of_listed_origins_may_call(client: Client) -> None:
    ours, other = "https://status.example", "https://elsewhere.example"
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    async with client(cors_origins=(ours,)) as http:
        allowed = await http.options("/graphql", headers={"origin": ours, **preflight})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ours
        assert (await http.options("/graphql", headers={"origin": other, **preflight})).status_code == 400
        response = await http.post("/graphql", json={"query": VIEWER}, headers={"origin": ours})
        assert response.headers["access-control-allow-origin"] == ours
        assert response.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
        assert response.headers["vary"] == "Accept, Authorization, Cookie, Origin"
        response = await http.post("/graphql", json={"query": VIEWER}, headers={"origin": other})
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("origins", [("https://status.example", "https://ops.example"), ("*",)], ids=["listed", "all"])
async def test_clients_of_allowed_origins_may_send_any_header(client: Client, origins: tuple[str, ...]) -> None:
    asked = "traceparent,apollographql-client-name, x-Custom"
    preflight = {"origin": "https://ops.example", "access-control-request-method": "POST"}
    async with client(cors_origins=origins) as http:
        allowed = await http.options(
            "/graphql", headers={**preflight, "access-control-request-headers": asked, "x-request-id": "r"}
        )
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] in {"https://ops.example", "*"}
        assert allowed.headers["access-control-allow-headers"] == asked
        assert allowed.headers["access-control-allow-methods"] == "GET, HEAD, POST"
        assert allowed.headers["access-control-max-age"] == "7200"
        assert "Access-Control-Request-Headers" in allowed.headers["vary"]
        assert "access-control-allow-credentials" not in allowed.headers
        for wrong in ("a" * 5000, "x y", "a,,b", "x\xe9"):
            headers = httpx.Headers({**preflight, "access-control-request-headers": wrong}, encoding="latin-1")
            refused = await http.options("/graphql", headers=headers)
            assert refused.status_code == 400
            assert "access-control-allow-headers" not in refused.headers


async def test_a_head_has_the_status_and_the_headers_of_a_get(domain: Domain) -> None:
    varying = {"date", "x-request-id", "content-length"}
    async with serving(domain) as url, httpx.AsyncClient(verify=False) as http:
        for path, accept in (
            ("/graphql?query={viewer{role}}", MODERN),
            ("/graphql?query={", MODERN),
            ("/graphql?query=mutation{a:__typename}", MODERN),
            ("/graphql", "text/html"),
            ("/graphql/schema", "*/*"),
            ("/health", "*/*"),
            ("/favicon.ico", "*/*"),
            ("/", "*/*"),
        ):
            headers = {"accept": accept}
            head, get = [await http.request(method, f"{url}{path}", headers=headers) for method in ("HEAD", "GET")]
            assert head.status_code == get.status_code, path
            assert _without(head.headers, varying) == _without(get.headers, varying), path
            assert (head.content, "content-length" in head.headers) == (b"", "content-length" in get.headers), path


def _without(headers: httpx.Headers, names: set[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


async def test_a_head_never_runs_a_stream(domain: Domain) -> None:
    followers = len(inside(domain).tail._followers)
    async with serving(domain) as url, httpx.AsyncClient(verify=False) as http:
        for accept in (STREAM, f"{MODERN}, {STREAM}"):
            response = await http.head(f"{url}/graphql", params={"query": WATCH}, headers={"accept": accept})
            assert (response.status_code, response.content) == (200, b"")
            assert response.headers["content-type"].startswith(STREAM)
        assert len(inside(domain).tail._followers) == followers


@pytest.mark.parametrize("accept", [STREAM, f"{MODERN}, {STREAM}"])
async def test_a_subscription_streams_to_clients_that_accept_event_streams(domain: Domain, accept: str) -> None:
    async with serving(domain) as url, httpx.AsyncClient(verify=False) as http:
        request = http.stream("POST", f"{url}/graphql", json={"query": WATCH}, headers={"accept": accept})
        async with request as response:
            assert response.headers["content-type"].startswith(STREAM)
            assert response.headers["cache-control"] == "no-cache, no-transform"
            incident = await make_incident(domain)
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    assert json.loads(line[6:])["data"] == {"incidentChanges": {"incidentId": incident.id}}
                    break


async def test_a_stream_has_what_follows_its_headers(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    results, written = Joining.results, []

    async def late(joining: Joining, member: Member) -> AsyncIterator[Any]:
        # The subscription begins once the headers are sent, and not before this.
        written.append((await make_incident(domain)).id)
        async with aclosing(results(joining, member)) as found:
            async for result in found:
                yield result

    monkeypatch.setattr(Joining, "results", late)
    async with (
        serving(domain) as url,
        httpx.AsyncClient(verify=False, timeout=60) as http,
        http.stream("POST", f"{url}/graphql", json={"query": WATCH}, headers={"accept": STREAM}) as response,
    ):
        event = await anext(line[6:] async for line in response.aiter_lines() if line.startswith("data: "))
    assert json.loads(event)["data"] == {"incidentChanges": {"incidentId": written[0]}}


async def test_a_refusal_on_a_stream_is_an_event(domain: Domain) -> None:
    async with serving(domain) as url, httpx.AsyncClient(verify=False) as http:
        for query, expected in (("{", "GRAPHQL_PARSE_FAILED"), ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED")):
            response = await http.post(f"{url}/graphql", json={"query": query}, headers={"accept": STREAM})
            [event] = [line[6:] for line in response.text.splitlines() if line.startswith("data: {")]
            assert json.loads(event)["errors"][0]["extensions"]["code"] == expected
