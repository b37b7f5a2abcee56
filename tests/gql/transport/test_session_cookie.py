"""The cookie at the endpoint: over HTTP, event streams and WebSockets, for pages of this server alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from domain.bootstrap import running_domain
from domain.model.viewer import Role
from domain.settings import Settings
from gql.compiled.running import CompiledOperations
from tests.conftest import SteppingClock
from tests.factories import ADMIN
from tests.gql.transport.sockets import TOKENS, Running, serving

WHO = "{ viewer { role } }"
SITES = [None, "same-origin", "same-site", "cross-site", "none"]
ORIGINS = ["our", "other port", "other host", None]
TRANSPORTS = ["POST", "GET", "stream", "socket"]


@pytest.fixture(params=[(), ("*",)], ids=["no other pages", "pages of any origin"])
async def served(request: pytest.FixtureRequest, settings: Settings, clock: SteppingClock) -> AsyncIterator[Running]:
    """Yield a server whose API pages of no other origin may call, or those of any."""
    allowing = replace(settings, cors_origins=request.param)
    async with running_domain(allowing, clock=clock) as domain, serving(domain) as running:
        yield running


def cookie_of(served: Running, secret: str = TOKENS[Role.ADMIN]) -> str:
    """Return the header of a browser in which somebody is signed in, among other cookies."""
    return f"theme=dark; incidentql_session_{served.port}={secret}; other=1"


def headers_of(served: Running, site: str | None, origin: str | None, secret: str = TOKENS[Role.ADMIN]) -> Any:
    """Return the headers of a request from a page."""
    origins = {
        "our": f"http://127.0.0.1:{served.port}",
        "other port": "http://127.0.0.1:1",
        "other host": "http://evil.test",
    }
    given = {"cookie": cookie_of(served, secret), "sec-fetch-site": site, "origin": origins.get(origin or "")}
    return {name: value for name, value in given.items() if value is not None}


async def role_over(served: Running, transport: str, headers: dict[str, str]) -> str:
    """Return whom the endpoint takes the caller for."""
    if transport == "socket":
        try:
            async with served.raw(additional_headers=headers) as raw:
                await raw.open()
                await raw.subscribe(WHO)
                return str((await raw.data())[0]["role"])
        except InvalidStatus as refused:
            return str(refused.response.status_code)
    async with httpx.AsyncClient(verify=False) as http:
        if transport == "GET":
            answer = await http.get(served.url, params={"query": WHO}, headers=headers)
        else:
            accept = {"accept": "text/event-stream"} if transport == "stream" else {}
            answer = await http.post(served.url, json={"query": WHO}, headers=headers | accept)
    assert answer.status_code == 200
    return next(role.name for role in Role if f'"role":"{role.name}"' in answer.text)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_cookie_counts_for_pages_of_this_server_alone(served: Running, transport: str) -> None:
    used = {
        (site, origin)
        for site in SITES
        for origin in ORIGINS
        if await role_over(served, transport, headers_of(served, site, origin)) == "ADMIN"
    }
    if transport == "socket":
        # A browser names the origin of whatever opens a socket.
        assert used == {(None, "our"), ("same-origin", "our")}
    else:
        assert used == {(None, "our"), *(("same-origin", origin) for origin in ORIGINS)}


async def test_a_cookie_that_is_not_taken_says_nothing_of_its_token(served: Running) -> None:
    answers = []
    for secret in (TOKENS[Role.ADMIN], "wrong"):
        headers = headers_of(served, "cross-site", "other host", secret)
        async with httpx.AsyncClient(verify=False) as http:
            answer = await http.post(served.url, json={"query": WHO}, headers=headers)
        socket = await role_over(served, "socket", headers)
        answers.append((answer.status_code, answer.json()["data"], "cache-control" in answer.headers, socket))
    assert answers[0] == answers[1]
    assert answers[0][2] is False


async def test_a_wrong_token_in_the_cookie_is_refused_as_any_other(served: Running) -> None:
    headers = headers_of(served, "same-origin", "our", "wrong")
    async with httpx.AsyncClient(verify=False) as http:
        for accept in ("application/json", "text/event-stream"):
            answer = await http.post(served.url, json={"query": WHO}, headers={**headers, "accept": accept})
            assert answer.status_code == 401
            assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert answer.headers["cache-control"] == "no-store"
    async with served.raw(additional_headers=headers) as raw:
        await raw.send({"type": "connection_init"})
        assert (await raw.closed())[0] == 4403


async def test_a_token_in_the_payload_wins_over_the_cookie(served: Running) -> None:
    async with served.raw(additional_headers=headers_of(served, None, "our")) as raw:
        await raw.open(Role.VIEWER)
        await raw.subscribe(WHO)
        assert await raw.data() == [{"role": "VIEWER"}]


async def test_a_header_of_the_upgrade_wins_over_the_cookie(served: Running) -> None:
    headers = headers_of(served, None, "our") | {"authorization": f"Bearer {TOKENS[Role.VIEWER]}"}
    assert await role_over(served, "socket", headers) == "VIEWER"


async def test_what_streams_on_a_cookie_ends_with_its_token(served: Running) -> None:
    async with served.raw(additional_headers=headers_of(served, None, "our")) as raw:
        await raw.open()
        await raw.subscribe("subscription { incidentChanges { incidentId } }")
        await raw.ping()
        token = (await served.domain.tokens.viewer_of(f"Bearer {TOKENS[Role.ADMIN]}")).token_id
        assert token is not None
        # Another admin is left, so that this one can be revoked.
        await served.domain.tokens.ensure_admin("another-admin-for-tests")
        await served.domain.tokens.revoke(ADMIN, token)
        assert await raw.closed() == (4403, "Token revoked")


async def test_a_browser_that_sends_a_cookie_is_never_answered_past_the_endpoint(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[object] = []
    monkeypatch.setattr(CompiledOperations, "run_at_once", lambda *given: at_once.append(given))
    headers = {"cookie": cookie_of(served), "sec-fetch-site": "same-origin", "content-type": "application/json"}
    async with httpx.AsyncClient(verify=False) as http, asyncio.timeout(60):
        roles = [(await http.post(served.url, json={"query": WHO}, headers=headers)).text for _ in range(4)]
    assert all('"ADMIN"' in role for role in roles)
    assert at_once == []
