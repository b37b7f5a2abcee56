"""Signing in by a cookie: it counts for pages of this server alone, at `/graphql` and nowhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.viewer import Role
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_token
from tests.outages import Away

HOST = "incidents.test"
PAGE = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
WHO = {"query": "{ viewer { role } }"}
NAME = "incidentql_session"
WRITE = {
    "query": 'mutation { createSystem(input: {key: "a", name: "A"}) { system { key } userErrors { code } } }',
}


@asynccontextmanager
async def page_of(domain: Domain, *, base: str = f"http://{HOST}", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser's page of this server: it keeps cookies, and says where its requests come from."""
    transport = httpx.ASGITransport(app=create_app(domain), **options)
    headers = {"origin": base.rpartition("/")[0] if base.count("/") > 2 else base, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as http:
        yield http


@pytest.fixture
async def page(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    async with page_of(domain) as http:
        yield http


@pytest.fixture
async def token(domain: Domain) -> str:
    return (await make_token(domain, role=Role.ADMIN, name="Ann"))[1]


async def sign_in(page: httpx.AsyncClient, token: str) -> httpx.Response:
    """Return the answer to a sign-in, which succeeds."""
    response = await page.post("/session", json={"token": token})
    assert response.status_code == 204, response.text
    return response


async def role_of(page: httpx.AsyncClient, **headers: str) -> str:
    """Return whom the endpoint takes a page for."""
    answer = await page.post("/graphql", json=WHO, headers=headers)
    assert answer.status_code == 200, answer.text
    role: str = answer.json()["data"]["viewer"]["role"]
    return role


async def test_a_page_that_signed_in_needs_no_token(page: httpx.AsyncClient, token: str) -> None:
    assert await role_of(page) == "ANONYMOUS"
    response = await sign_in(page, token)
    assert (response.content, response.headers["cache-control"]) == (b"", "no-store")
    assert await role_of(page) == "ADMIN"
    written = await page.post("/graphql", json=WRITE)
    assert written.json()["data"]["createSystem"]["userErrors"] == []


async def test_no_script_reads_the_cookie_and_no_other_site_sends_it(page: httpx.AsyncClient, token: str) -> None:
    cookie = (await sign_in(page, token)).headers["set-cookie"]
    assert cookie == f"{NAME}={token}; HttpOnly; Max-Age=2592000; Path=/; SameSite=strict"


async def test_by_https_no_other_host_can_set_the_cookie(domain: Domain, token: str) -> None:
    async with page_of(domain, base=f"https://{HOST}") as page:
        cookie = (await sign_in(page, token)).headers["set-cookie"]
        assert cookie == f"__Host-{NAME}={token}; HttpOnly; Max-Age=2592000; Path=/; SameSite=strict; Secure"
        assert await role_of(page) == "ADMIN"
        # One of a page without encryption, under the name that it would have there.
        page.cookies.clear()
        assert await role_of(page, cookie=f"{NAME}={token}") == "ANONYMOUS"


async def test_a_server_below_a_path_keeps_its_cookie_there(domain: Domain, token: str) -> None:
    async with page_of(domain, base=f"https://{HOST}/ops", root_path="/ops") as page:
        cookie = (await sign_in(page, token)).headers["set-cookie"]
        assert cookie.startswith(f"__Secure-{NAME}_")
        assert "; Path=/ops;" in cookie
        assert await role_of(page) == "ADMIN"


async def test_a_proxy_that_takes_the_path_away_is_known_by_the_public_url(
    settings: Settings, clock: SteppingClock
) -> None:
    public = replace(settings, public_url=f"https://{HOST}/ops")
    async with running_domain(public, clock=clock) as domain:
        token = (await make_token(domain, role=Role.VIEWER))[1]
        async with page_of(domain, base=f"https://{HOST}") as page:
            response = await page.post("/session", json={"token": token})
        assert "; Path=/ops;" in response.headers["set-cookie"]


async def test_a_proxy_that_says_nothing_of_https_has_a_secure_cookie_all_the_same(
    settings: Settings, clock: SteppingClock
) -> None:
    async with running_domain(replace(settings, public_url=f"https://{HOST}"), clock=clock) as domain:
        token = (await make_token(domain, role=Role.VIEWER))[1]
        async with page_of(domain) as page:
            page.headers["origin"] = f"https://{HOST}"
            cookie = (await sign_in(page, token)).headers["set-cookie"]
            assert cookie.startswith(f"__Host-{NAME}={token};")
            assert cookie.endswith("; Secure")
            assert await role_of(page, cookie=f"__Host-{NAME}={token}") == "VIEWER"
            # Another host may have set this one.
            assert await role_of(page, cookie=f"{NAME}={token}") == "ANONYMOUS"


async def test_two_servers_on_one_machine_have_a_cookie_each(domain: Domain, token: str) -> None:
    async with page_of(domain, base="http://127.0.0.1:8001") as page:
        assert (await sign_in(page, token)).headers["set-cookie"].startswith(f"{NAME}_8001={token};")
        assert await role_of(page) == "ADMIN"
        assert await role_of(page, cookie=f"{NAME}_8002={token}") == "ANONYMOUS"


async def test_a_server_below_the_path_of_another_has_a_cookie_of_its_own(domain: Domain, token: str) -> None:
    async with page_of(domain) as outer, page_of(domain, base=f"http://{HOST}/ops", root_path="/ops") as inner:
        given = (await sign_in(outer, token)).headers["set-cookie"].partition(";")[0]
        # Browsers send it there, too.
        assert await role_of(inner, cookie=given) == "ANONYMOUS"
        await sign_in(inner, (await make_token(domain, role=Role.VIEWER))[1])
        [own] = inner.cookies.jar
        assert await role_of(inner, cookie=f"{given}; {own.name}={own.value}") == "VIEWER"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cookie_that_another_host_may_have_set_signs_nobody_in(domain: Domain, token: str, scheme: str) -> None:
    other = (await make_token(domain, role=Role.VIEWER, name="Eve"))[1]
    name = f"__Host-{NAME}" if scheme == "https" else NAME
    async with page_of(domain, base=f"{scheme}://{HOST}") as page:
        assert await role_of(page, cookie=f"a=b; {name}={token};{name}={token}; c") == "ADMIN"
        # Its own, and one of a host of the same domain, for a longer path or set before: the order says nothing.
        for pair in (f"{name}={other}; {name}={token}", f"{name}={token}; x=y; {name}={other}"):
            assert await role_of(page, cookie=pair) == "ANONYMOUS"
            assert (await page.get("/session", headers={"cookie": pair})).json()["viewer"] is None
        # Browsers take these for other names, and let any host of the domain set them.
        for space in (b"\x85", b"\xa0", b"\x1c", b"\x0b"):
            odd = {b"cookie": space + f"{name}={other}".encode(), b"content-type": b"application/json"}
            answer = await page.post("/graphql", content=orjson.dumps(WHO), headers=odd)
            assert answer.json()["data"]["viewer"]["role"] == "ANONYMOUS"


async def test_a_page_signs_out(page: httpx.AsyncClient, token: str) -> None:
    await sign_in(page, token)
    response = await page.delete("/session")
    assert (response.status_code, response.headers["cache-control"]) == (204, "no-store")
    assert "Max-Age=0" in response.headers["set-cookie"]
    assert await role_of(page) == "ANONYMOUS"


async def test_a_session_says_who_is_signed_in(domain: Domain, page: httpx.AsyncClient, clock: SteppingClock) -> None:
    nobody = {"viewer": None, "login": None, "expiresAt": None}
    response = await page.get("/session")
    assert (response.status_code, response.json(), response.headers["cache-control"]) == (200, nobody, "no-store")
    ends = clock.now() + timedelta(hours=1)
    known, token = await make_token(domain, role=Role.RESPONDER, name="Ann", expires_at=ends)
    signed_in = await sign_in(page, token)
    assert 3590 < int(signed_in.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0]) < 3600
    response = await page.get("/session")
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "viewer": {"role": "RESPONDER", "name": "Ann", "id": known.id, "type": "APPLICATION"},
        "login": None,
        "expiresAt": ends.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    assert (await page.head("/session")).status_code == 200


async def test_a_page_without_https_learns_who_is_signed_in(page: httpx.AsyncClient, token: str) -> None:
    # Browsers name neither the site nor the origin there.
    await sign_in(page, token)
    del page.headers["origin"], page.headers["sec-fetch-site"]
    assert (await page.get("/session")).json()["viewer"]["name"] == "Ann"
    foreign = await page.get("/session", headers={"origin": "http://evil.test"})
    assert foreign.json()["viewer"] is None


async def test_where_everybody_needs_a_token_a_page_can_ask_for_one(settings: Settings, clock: SteppingClock) -> None:
    async with (
        running_domain(replace(settings, anonymous_access=False), clock=clock) as domain,
        page_of(domain) as page,
    ):
        assert (await page.get("/session")).json()["viewer"] is None
        assert (await page.post("/graphql", json=WHO)).status_code == 401
        await sign_in(page, (await make_token(domain, role=Role.VIEWER))[1])
        assert await role_of(page) == "VIEWER"


async def test_a_token_that_was_revoked_is_refused_and_the_page_goes_on_without_it(
    domain: Domain, page: httpx.AsyncClient
) -> None:
    known, token = await make_token(domain, role=Role.VIEWER)
    await sign_in(page, token)
    await domain.tokens.revoke(ADMIN, known.id)
    refused = await page.post("/graphql", json=WHO)
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert (await page.get("/session")).json()["viewer"] is None
    assert await role_of(page) == "ANONYMOUS"


async def test_an_outage_of_the_database_signs_nobody_in_or_out(
    page: httpx.AsyncClient, token: str, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in(page, token)
    # What is known of the token is forgotten.
    clock.advance(seconds=10)
    away = Away(monkeypatch)
    away.begin()
    answers = [
        await page.post("/session", json={"token": token}),
        await page.get("/session"),
        await page.post("/graphql", json=WHO),
    ]
    away.end()
    assert [(answer.status_code, "set-cookie" in answer.headers) for answer in answers] == [(503, False)] * 3
    assert await role_of(page) == "ADMIN"


@pytest.mark.parametrize("token", ["no-token-of-this-server", "x" * 600, "é\0", "a; b=c"])
async def test_what_is_no_token_signs_nobody_in(page: httpx.AsyncClient, token: str) -> None:
    response = await page.post("/session", json={"token": token})
    assert (response.status_code, response.json()["errors"][0]["message"]) == (401, "This token is not valid.")
    assert "set-cookie" not in response.headers


async def test_an_odd_token_of_the_settings_survives_the_cookie(domain: Domain, page: httpx.AsyncClient) -> None:
    odd = 'a b;c="d", é%20\N{GRINNING FACE}'
    await domain.tokens.ensure_admin(odd)
    await sign_in(page, odd)
    assert (await page.get("/session")).json()["viewer"]["role"] == "ADMIN"


async def test_a_token_that_browsers_would_drop_is_refused_in_words(domain: Domain, page: httpx.AsyncClient) -> None:
    long = "\N{GRINNING FACE}" * 400
    await domain.tokens.ensure_admin(long)
    response = await page.post("/session", json={"token": long})
    assert response.status_code == 400
    assert "4096 bytes" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b'{"token": "a"}', "headers": {"content-type": "text/plain"}}, 415),
        ({"data": {"token": "a"}}, 415),
        ({"content": b'{"token": "a"}'}, 415),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"json": {}}, 400),
        ({"json": {"token": ["a"]}}, 400),
        ({"json": {"token": " "}}, 400),
        ({"json": "token"}, 400),
        ({"json": {"token": "a" * 20_000}}, 413),
    ],
)
async def test_other_bodies_sign_nobody_in(page: httpx.AsyncClient, request_: dict[str, Any], status: int) -> None:
    response = await page.post("/session", **request_)
    assert response.status_code == status
    assert response.json()["errors"][0]["message"]
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test", "sec-fetch-site": "cross-site"},
        {"origin": "http://other.incidents.test", "sec-fetch-site": "same-site"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {},
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_no_page_of_anybody_signs_somebody_in_or_out(
    page: httpx.AsyncClient, token: str, headers: dict[str, str], method: str
) -> None:
    del page.headers["origin"], page.headers["sec-fetch-site"]
    response = await page.request(method, "/session", json={"token": token}, headers=headers)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert "set-cookie" not in response.headers


async def test_guesses_are_limited_by_address_and_readers_pay_nothing(
    domain: Domain, page: httpx.AsyncClient, clock: SteppingClock
) -> None:
    token = (await make_token(domain, role=Role.VIEWER))[1]
    clock.step = timedelta()
    statuses = [(await page.post("/session", json={"token": f"guess-{n}"})).status_code for n in range(62)]
    assert statuses == [401] * 60 + [429] * 2
    # Whoever guesses right now learns nothing.
    limited = await page.post("/session", json={"token": token})
    assert (limited.status_code, "set-cookie" in limited.headers) == (429, False)
    assert limited.headers["retry-after"]
    assert await role_of(page) == "ANONYMOUS"


async def test_pages_of_others_use_up_no_attempts(page: httpx.AsyncClient, token: str, clock: SteppingClock) -> None:
    clock.step = timedelta()
    evil = {"origin": "http://evil.test", "sec-fetch-site": "cross-site", "content-type": "text/plain"}
    assert {(await page.post("/session", content=b"x", headers=evil)).status_code for _ in range(70)} == {403}
    await sign_in(page, token)


@pytest.mark.parametrize("path", ["/mcp", "/feed.atom", "/integrations/cloudevents"])
async def test_no_other_route_takes_the_cookie(settings: Settings, clock: SteppingClock, path: str) -> None:
    async with (
        running_domain(replace(settings, anonymous_access=False), clock=clock) as domain,
        page_of(domain) as page,
    ):
        await sign_in(page, (await make_token(domain, role=Role.ADMIN))[1])
        method = "GET" if path == "/feed.atom" else "POST"
        assert (await page.request(method, path, json={})).status_code in {401, 403}
        assert await role_of(page) == "ADMIN"


async def test_an_answer_to_a_cookie_is_kept_by_no_cache(page: httpx.AsyncClient, token: str) -> None:
    await sign_in(page, token)
    answer = await page.get("/graphql", params=WHO)
    assert answer.json()["data"]["viewer"]["role"] == "ADMIN"
    assert (answer.headers["cache-control"], "Cookie" in answer.headers["vary"]) == ("no-store", True)
    page.cookies.clear()
    assert "cache-control" not in (await page.get("/graphql", params=WHO)).headers


async def test_a_get_writes_nothing_with_the_cookie_either(page: httpx.AsyncClient, token: str) -> None:
    await sign_in(page, token)
    assert (await page.get("/graphql", params=WRITE)).status_code == 405


async def test_a_token_of_its_own_wins_over_the_cookie(domain: Domain, page: httpx.AsyncClient, token: str) -> None:
    await sign_in(page, token)
    other = (await make_token(domain, role=Role.VIEWER))[1]
    assert await role_of(page, authorization=f"Bearer {other}") == "VIEWER"
    refused = await page.post("/graphql", json=WHO, headers={"authorization": "Bearer wrong"})
    assert refused.status_code == 401
