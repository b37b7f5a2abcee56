"""Signing in at an OIDC issuer: there and back with PKCE, state and nonce, to a page of this server and no other."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.services.oidc_sign_in import Attempt, SignInRules
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.issuer import Issuer, running_issuer

BASE = "https://incidents.test"
PAGE = {"origin": BASE, "sec-fetch-site": "same-origin"}
SECRET = "the secret+of/this:client"
WHO = {"query": "{ viewer { role actor { name } } }"}


@dataclass(slots=True, kw_only=True)
class Browser:
    """A browser that visits both the server, in this process, and the issuer."""

    http: httpx.AsyncClient
    issuer: Issuer

    async def there(self, place: str = "/incidents/INC-4") -> httpx.Response:
        """Begin to sign in, and return the answer that the issuer leads back with."""
        begun = await self.http.get("/session/login", params={"next": place})
        assert begun.status_code == 303, begun.text
        async with httpx.AsyncClient(verify=False) as outside:
            return await outside.get(begun.headers["location"])

    async def back(self, answer: httpx.Response, **changed: str | None) -> httpx.Response:
        """Follow the issuer back, with changed parameters."""
        assert answer.status_code == 302, answer.text
        address = urlsplit(answer.headers["location"])
        given = dict(parse_qsl(address.query)) | changed
        path = address.path
        return await self.http.get(path, params={name: value for name, value in given.items() if value is not None})

    async def sign_in(self, place: str = "/incidents/INC-4") -> httpx.Response:
        """Sign in, there and back."""
        return await self.back(await self.there(place))

    async def who(self) -> Any:
        """Return whom the endpoint takes the person for."""
        return (await self.http.post("/graphql", json=WHO, headers=PAGE)).json()["data"]["viewer"]


@pytest.fixture
def issuer(clock: SteppingClock) -> Iterator[Issuer]:
    clock.step = timedelta()
    with running_issuer() as issuer:
        issuer.clock = clock
        issuer.id_claims = {"aud": "board", "name": "Ann", "role": "RESPONDER"}
        yield issuer


@asynccontextmanager
async def browsing(settings: Settings, issuer: Issuer, **changes: Any) -> AsyncIterator[Browser]:
    """Yield a browser of a server with these settings."""
    given = {"oidc_issuer": issuer.url, "oidc_audience": "board", "oidc_client_id": "board"}
    async with AsyncExitStack() as stack:
        domain = await stack.enter_async_context(
            running_domain(replace(settings, **{**given, **changes}), clock=issuer.clock)
        )
        transport = httpx.ASGITransport(app=create_app(domain))
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=BASE))
        yield Browser(http=http, issuer=issuer)


@pytest.fixture
async def browser(settings: Settings, issuer: Issuer) -> AsyncIterator[Browser]:
    async with browsing(settings, issuer) as browser:
        yield browser


async def test_a_person_of_the_issuer_comes_back_signed_in_where_they_were(browser: Browser) -> None:
    assert (await browser.http.get("/session")).json()["login"] == "session/login"
    back = await browser.sign_in("/incidents/INC-4?tab=log#last")
    assert (back.status_code, back.headers["location"]) == (303, "/incidents/INC-4?tab=log#last")
    assert back.headers["cache-control"] == "no-store"
    session, attempt = back.headers.get_list("set-cookie")
    assert session.startswith("__Host-incidentql_session=eyJ")
    assert session.endswith("; HttpOnly; Max-Age=300; Path=/; SameSite=strict; Secure")
    assert attempt.startswith('__Host-incidentql_sign_in=""; HttpOnly; Max-Age=0;')
    assert await browser.who() == {"role": "RESPONDER", "actor": {"name": "Ann"}}
    shown = (await browser.http.get("/session", headers=PAGE)).json()
    assert shown["viewer"] == {"role": "RESPONDER", "name": "Ann", "id": "user-1", "type": "USER"}
    assert shown["expiresAt"] == "2026-03-01T09:05:00.000Z"


async def test_without_a_place_it_leads_to_the_root(browser: Browser) -> None:
    back = await browser.sign_in("")
    assert back.headers["location"] == "../"


async def test_what_a_browser_keeps_meanwhile_is_read_by_no_script(browser: Browser) -> None:
    begun = await browser.http.get("/session/login")
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("__Host-incidentql_sign_in=")
    assert cookie.endswith("; HttpOnly; Max-Age=600; Path=/; SameSite=lax; Secure")
    assert begun.headers["cache-control"] == "no-store"


async def test_the_issuer_gets_a_challenge_and_never_the_verifier(browser: Browser) -> None:
    begun = await browser.http.get("/session/login")
    asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
    kept = json.loads(httpx.QueryParams("v=" + begun.headers["set-cookie"].partition("=")[2].partition(";")[0])["v"])
    attempt = Attempt(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])
    assert asked == {
        "tenant": "1",
        "response_type": "code",
        "client_id": "board",
        "redirect_uri": f"{BASE}/session/callback",
        "scope": "openid profile email",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
    }
    assert kept["verifier"] not in begun.headers["location"]
    again = await browser.http.get("/session/login")
    assert again.headers["set-cookie"] != begun.headers["set-cookie"]


@pytest.mark.parametrize(
    "place",
    [
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/\r\nSet-Cookie: a=b",
        "https://evil.test/",
        "javascript:alert(1)",
        "evil.test",
        "/a b",
        "/caf\u00e9",
        " /",
        "/" + "a" * 1000,
    ],
    ids=repr,
)
async def test_a_sign_in_leads_to_no_other_host(browser: Browser, place: str) -> None:
    response = await browser.http.get("/session/login", params={"next": place})
    assert response.status_code == 400
    assert "must be a path of this server" in response.text
    assert "location" not in response.headers
    # And where somebody changed what the browser keeps.
    kept = json.dumps({"state": "s", "nonce": "n", "verifier": "v", "next": place})
    cookie = f"__Host-incidentql_sign_in={httpx.QueryParams(v=kept)}".replace("=v=", "=", 1).replace("+", "%20")
    back = await browser.http.get("/session/callback?state=s&code=c", headers={"cookie": cookie})
    assert (back.status_code, "location" in back.headers) == (400, False)


@pytest.mark.parametrize("place", ["/", "/incidents/INC-4", "/?a=//b&c=https://d#e", "/..//a", "/%2F%5Cevil.test"])
async def test_a_path_of_this_server_is_led_to(browser: Browser, place: str) -> None:
    location = (await browser.sign_in(place)).headers["location"]
    assert httpx.URL(f"{BASE}/session/callback").join(location).host == "incidents.test"
    assert location == place


@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("methods", [["client_secret_basic", "client_secret_post"], ["client_secret_post"]])
async def test_the_server_says_who_it_is_as_the_issuer_wants_it(
    settings: Settings, issuer: Issuer, secret: str | None, methods: list[str]
) -> None:
    issuer.client, issuer.methods = ("board", secret), methods
    if secret and "client_secret_basic" in methods:
        issuer.client = ("board", "the%20secret%2Bof%2Fthis%3Aclient")
    async with browsing(settings, issuer, oidc_client_secret=secret) as browser:
        assert (await browser.sign_in()).status_code == 303


async def test_the_secret_shows_in_no_settings_and_no_log(
    settings: Settings, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issuer.client = ("board", "another")
    with_secret = replace(settings, oidc_client_secret=SECRET)
    assert SECRET not in repr(with_secret)
    rules = SignInRules.of(replace(with_secret, oidc_client_id="board", oidc_issuer=issuer.url))
    assert SECRET not in repr(rules)
    async with browsing(settings, issuer, oidc_client_secret=SECRET) as browser:
        back = await browser.sign_in()
    assert (back.status_code, SECRET in back.text, "invalid_client" in back.text) == (503, False, False)
    [line] = [record.getMessage() for record in caplog.records if record.name.endswith("oidc_sign_in")]
    assert line == "the OIDC issuer refuses this server: status 401, error 'invalid_client'"
    assert SECRET not in caplog.text


async def test_the_access_token_is_taken_where_the_audience_is_that_of_an_api(
    settings: Settings, issuer: Issuer
) -> None:
    issuer.access_claims = {"aud": "incidents-api", "role": "ADMIN", "name": "Ann"}
    async with browsing(settings, issuer, oidc_audience="incidents-api") as browser:
        assert (await browser.sign_in()).status_code == 303
        assert (await browser.who())["role"] == "ADMIN"


async def test_of_two_tokens_that_are_valid_the_one_that_lasts_longer_is_taken(
    browser: Browser, issuer: Issuer, clock: SteppingClock
) -> None:
    later = clock.now().timestamp() + 3600
    issuer.access_claims = {"aud": "board", "role": "ADMIN", "exp": later}
    back = await browser.sign_in()
    assert "Max-Age=3600" in back.headers["set-cookie"]
    # One that no browser would keep is left, however long it lasts.
    issuer.access_claims["groups"] = ["a group of many"] * 200
    assert "Max-Age=300" in (await browser.sign_in()).headers["set-cookie"]


async def test_a_token_that_is_too_long_is_refused_in_words(browser: Browser, issuer: Issuer) -> None:
    issuer.id_claims = {"aud": "board", "groups": ["a group of many"] * 200}
    back = await browser.sign_in()
    assert back.status_code == 400
    assert "4096 bytes" in back.text


async def test_a_person_who_may_not_come_in_learns_why(
    settings: Settings, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.id_claims = {"aud": "board"}
    issuer.access_claims = {"aud": "other"}
    async with browsing(settings, issuer, oidc_default_role="NONE") as browser:
        back = await browser.sign_in()
        assert back.status_code == 403
        assert "This token gives its owner no role here." in back.text
        assert 'href="login?next=%2Fincidents%2FINC-4"' in back.text
        assert 'href="/incidents/INC-4"' in back.text
        assert "incidentql_session" not in str(back.headers)
    assert "no token of the OIDC issuer is taken here, of 2" in caplog.text


async def test_a_state_of_somebody_else_is_refused(browser: Browser) -> None:
    answer = await browser.there()
    for state in ("another", "", "\u00e9", None):
        back = await browser.back(answer, state=state)
        assert (back.status_code, "set-cookie" in back.headers) == (400, False)
    # The code was not sent to the issuer meanwhile.
    assert "/token" not in browser.issuer.asked
    assert (await browser.back(answer)).status_code == 303


async def test_a_sign_in_that_another_browser_began_is_refused(browser: Browser) -> None:
    answer = await browser.there()
    browser.http.cookies.clear()
    back = await browser.back(answer)
    assert (back.status_code, "begun in another window" in back.text) == (400, True)
    for kept in ("{", "[]", '{"state": 1}', '{"state": "a"}'):
        odd = await browser.http.get(
            "/session/callback?state=a&code=c", headers={"cookie": f"__Host-incidentql_sign_in={kept}"}
        )
        assert odd.status_code == 400


async def test_a_code_is_good_once(browser: Browser) -> None:
    answer = await browser.there()
    cookies = dict(browser.http.cookies)
    assert (await browser.back(answer)).status_code == 303
    browser.http.cookies.update(cookies)
    again = await browser.back(answer)
    assert (again.status_code, "too long, or was used before" in again.text) == (403, True)


async def test_a_code_of_another_sign_in_is_refused(browser: Browser) -> None:
    # An attacker's own code, brought into the sign-in of somebody else: the verifier does not fit its challenge.
    stolen = dict(parse_qsl(urlsplit((await browser.there()).headers["location"]).query))["code"]
    back = await browser.back(await browser.there(), code=stolen)
    assert (back.status_code, "incidentql_session" in str(back.headers)) == (403, False)


async def test_an_id_token_of_another_sign_in_is_refused(browser: Browser, issuer: Issuer) -> None:
    issuer.id_claims = {"aud": "board", "nonce": "of another one"}
    assert (await browser.sign_in()).status_code == 403
    issuer.id_claims = {"aud": "board", "nonce": None}
    issuer.access_claims = {"aud": "board"}
    assert (await browser.sign_in()).status_code == 403


async def test_an_answer_of_another_issuer_is_refused(browser: Browser, issuer: Issuer) -> None:
    issuer.adds = {"iss": "https://evil.test"}
    assert (await browser.sign_in()).status_code == 400
    issuer.adds = {"iss": issuer.url}
    assert (await browser.sign_in()).status_code == 303


@pytest.mark.parametrize(
    ("reason", "status"), [("access_denied", 403), ("temporarily_unavailable", 503), ("<script>alert(1)</script>", 403)]
)
async def test_what_the_issuer_says_is_put_into_words_of_ours(
    browser: Browser, issuer: Issuer, reason: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.refuses, issuer.adds = reason, {"error_description": "stack trace of the issuer"}
    back = await browser.sign_in()
    assert back.status_code == status
    assert reason not in back.text
    assert "stack trace" not in back.text + caplog.text
    assert len([record for record in caplog.records if reason in record.getMessage()]) == 1


@pytest.mark.parametrize("path", ["/session/login", "/session/callback"])
async def test_an_issuer_that_is_away_is_an_outage_in_words_and_one_line_of_log(
    settings: Settings, issuer: Issuer, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with browsing(settings, issuer) as browser:
        answer = await browser.there()
        if path == "/session/login":
            issuer.clock.advance(minutes=11)  # type: ignore[attr-defined]  # a stepping one
            issuer.broken = True
            response = await browser.http.get(path)
        else:
            issuer.exchange = (502, {}, b"bad gateway")
            response = await browser.back(answer)
    assert (response.status_code, response.headers["retry-after"]) == (503, "60")
    assert "The identity provider does not answer at the moment." in response.text
    assert issuer.url not in response.text
    assert len([record for record in caplog.records if "could not be asked" in record.getMessage()]) == 1


@pytest.mark.parametrize(
    "exchange",
    [
        (200, {}, b"no JSON"),
        (200, {}, b"[]"),
        (200, {}, b"{}"),
        (200, {}, b'{"id_token": 1, "access_token": "opaque"}'),
        (200, {}, b'{"id_token": "eyJ.eyJ.a"}'),
        (200, {"content-encoding": "gzip"}, b"no gzip"),
        (302, {"location": "http://evil.test"}, b""),
        (400, {}, b"<html>"),
        (200, {}, b'{"id_token": "' + b"a" * 100_000 + b'"}'),
    ],
    ids=["no JSON", "a list", "nothing", "no text", "no token", "no gzip", "a redirect", "a page", "too much"],
)
async def test_an_odd_answer_of_the_issuer_signs_nobody_in(browser: Browser, issuer: Issuer, exchange: Any) -> None:
    answer = await browser.there()
    issuer.exchange = exchange
    back = await browser.back(answer)
    assert back.status_code in {403, 503}
    assert "You are not signed in" in back.text
    assert "incidentql_session" not in str(back.headers)


@pytest.mark.parametrize("change", ["issuer", "authorization_endpoint", "token_endpoint"])
async def test_a_discovery_document_of_something_else_is_refused(
    browser: Browser, issuer: Issuer, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = issuer.about | {change: "ftp://elsewhere.test"}
    monkeypatch.setattr(Issuer, "about", about)
    assert (await browser.http.get("/session/login")).status_code == 503


async def test_the_public_url_is_where_the_issuer_leads_back_to(settings: Settings, issuer: Issuer) -> None:
    async with browsing(settings, issuer, public_url="https://ops.example.com/incidents") as browser:
        begun = await browser.http.get("/session/login")
    asked = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
    assert asked["redirect_uri"] == "https://ops.example.com/incidents/session/callback"


async def test_the_page_of_a_problem_runs_and_loads_nothing(browser: Browser) -> None:
    page = await browser.http.get("/session/callback?state=a")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy + page.text
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")


async def test_attempts_at_the_issuer_are_limited_by_address(browser: Browser, clock: SteppingClock) -> None:
    statuses = [(await browser.http.get("/session/callback")).status_code for _ in range(61)]
    assert statuses == [400] * 60 + [429]
    assert "Try again in" in (await browser.http.get("/session/login")).text


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-mode": "no-cors"}, {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}], ids=repr
)
async def test_pictures_and_frames_of_others_use_up_no_attempts(browser: Browser, headers: dict[str, str]) -> None:
    for _ in range(61):
        refused = await browser.http.get("/session/login", headers=headers)
        assert (refused.status_code, "set-cookie" in refused.headers) == (400, False)
    visit = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await browser.http.get("/session/login", headers=visit)).status_code == 303


async def test_without_a_client_nobody_signs_in_at_an_issuer(domain: Domain) -> None:
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        assert (await http.get("/session/login")).status_code == 404
        assert (await http.get("/session/callback")).status_code == 404


@pytest.mark.parametrize("changes", [{"oidc_client_id": "a"}, {"oidc_client_secret": "a"}])
def test_a_client_without_an_issuer_and_a_secret_without_a_client_stop_the_start(changes: dict[str, str]) -> None:
    with pytest.raises(StartupError):
        SignInRules.of(Settings(**changes))  # type: ignore[arg-type]  # texts, both
