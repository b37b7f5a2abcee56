"""A guarded route that is not GraphQL: it refuses callers as the GraphQL endpoint does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.bootstrap import running_domain
from domain.errors import ForbiddenError, NotFoundError, UnavailableError
from domain.model.viewer import Role
from domain.settings import Settings
from gql.app import create_app
from gql.web.guarding import Call, guarded
from tests.conftest import SteppingClock

SECRET = "an-admin-token-for-tests"
TOKEN = {"authorization": f"Bearer {SECRET}"}
QUERY = {"query": "{ viewer { role } }"}
MOST_BYTES = 1000
FAILURES = {
    "forbidden": ForbiddenError("No."),
    "missing": NotFoundError("Report", "rep_1"),
    "away": UnavailableError(),
    "bug": RuntimeError("a secret"),
}
Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def take_report(call: Call) -> Response:
    report = await call.json()
    if failure := FAILURES.get(report.get("fail")):
        raise failure
    return JSONResponse({"by": call.viewer.role, "report": report}, 201)


@pytest.fixture
def client(settings: Settings) -> Client:
    """Yield a client of an application with these settings and one more route."""

    @asynccontextmanager
    async def connected(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        limits = {"max_body_bytes": MOST_BYTES, **changes}
        async with running_domain(replace(settings, **limits), clock=SteppingClock()) as domain:
            await domain.tokens.ensure_admin(SECRET)
            app = create_app(domain)
            app.router.routes.append(
                Route("/reports", guarded(domain, take_report, methods=("POST",), role=Role.RESPONDER))
            )
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
                yield http

    return connected


async def both(http: httpx.AsyncClient, **request: Any) -> list[httpx.Response]:
    """Return the answers of the route and of the endpoint to the same request."""
    return [await http.post(path, **request) for path in ("/reports", "/graphql")]


def shown(response: httpx.Response) -> Any:
    """Return the parts of an answer that do not depend on the request."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, headers, response.json()


async def test_a_call_within_the_limits_reaches_the_route(client: Client) -> None:
    async with client() as http:
        response = await http.post("/reports", json={"name": "a"}, headers=TOKEN)
    assert (response.status_code, response.json()) == (201, {"by": "admin", "report": {"name": "a"}})


async def test_a_body_that_is_too_large_is_refused_with_413_as_by_the_endpoint(client: Client) -> None:
    async with client() as http:
        route, endpoint = await both(http, json={"query": "#" * MOST_BYTES}, headers=TOKEN)
    assert route.status_code == 413
    assert shown(route) == shown(endpoint)


@pytest.mark.parametrize(
    ("content_type", "status"), [("application/json", 400), ("text/plain", 415)], ids=["broken", "other type"]
)
async def test_a_body_that_is_no_json_is_refused_as_by_the_endpoint(
    client: Client, content_type: str, status: int
) -> None:
    async with client() as http:
        route, endpoint = await both(http, content=b"{", headers={**TOKEN, "content-type": content_type})
    assert route.status_code == status
    assert shown(route) == shown(endpoint)


async def test_a_token_that_comes_twice_is_refused_as_by_the_endpoint(client: Client) -> None:
    async with client() as http:
        route, endpoint = await both(http, json=QUERY, headers=[*TOKEN.items(), *TOKEN.items()])
    assert route.status_code == 400
    assert shown(route) == shown(endpoint)


async def test_a_caller_over_the_rate_limit_is_refused_with_429(client: Client) -> None:
    async with client(rate_limit=1) as http:
        assert (await http.post("/reports", json={}, headers=TOKEN)).status_code == 201
        route, endpoint = await both(http, json=QUERY, headers=TOKEN)
    assert route.status_code == endpoint.status_code == 429
    [error], [expected] = route.json()["errors"], endpoint.json()["errors"]
    assert error["message"].partition(" Try again in ")[0] == expected["message"].partition(" Try again in ")[0]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": int(route.headers["retry-after"])}
    assert expected["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": int(endpoint.headers["retry-after"])}


async def test_the_route_and_the_endpoint_share_one_rate_limit(client: Client) -> None:
    async with client(rate_limit=1) as http:
        assert (await http.post("/graphql", json=QUERY)).status_code == 200
        # Before anything else is looked at: whoever has no token pays by address, also for a refusal.
        assert (await http.post("/reports", json={})).status_code == 429
        assert (await http.post("/reports", json={}, headers=TOKEN)).status_code == 201


async def test_a_token_that_is_not_valid_is_refused_with_401_as_by_the_endpoint(client: Client) -> None:
    async with client() as http:
        route, endpoint = await both(http, json=QUERY, headers={"authorization": "Bearer wrong"})
    assert (route.status_code, route.headers["www-authenticate"]) == (401, "Bearer")
    assert shown(route) == shown(endpoint)


async def test_a_caller_without_a_token_is_refused_with_401_where_the_route_needs_a_role(client: Client) -> None:
    async with client() as http:
        response = await http.post("/reports", json={})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_another_method_is_refused_with_405(client: Client) -> None:
    async with client() as http:
        response = await http.get("/reports", headers=TOKEN)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ("forbidden", 403, "FORBIDDEN"),
        ("missing", 404, "NOT_FOUND"),
        ("away", 503, "UNAVAILABLE"),
        ("bug", 500, "INTERNAL"),
    ],
)
async def test_a_failure_of_the_route_is_answered_with_a_status_and_code(
    client: Client, failure: str, status: int, code: str
) -> None:
    async with client() as http:
        response = await http.post("/reports", json={"fail": failure}, headers=TOKEN)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "a secret" not in response.text
    assert ("retry-after" in response.headers) is (status == 503)
