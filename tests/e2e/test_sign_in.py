"""A person who is signed in by the cookie, in a real browser, and pages of others that try to make use of that."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.e2e.api import Api
from tests.e2e.local import LocalServer
from tests.e2e.server import TOKEN
from tests.gql.transport.serving import serving_app
from tests.issuer import Issuer, running_issuer
from tests.pages import in_chromium

pytestmark = [*in_chromium, pytest.mark.usefixtures("payments")]

_SECONDS = 60
_SIGN_IN = """async (token) => {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch("/session", { method: "POST", headers, body: JSON.stringify({ token }) });
  return answer.status;
}"""
_SESSION = "async () => (await fetch('/session')).json()"
_ROLE = """async () => {
  const { connect } = await import("/client.js");
  return (await connect({}).query("{ viewer { role } }")).viewer.role;
}"""
#: Watches every change over a transport without a token, and keeps what comes and how the watch is.
_WATCH = """async (transport) => {
  const { connect } = await import("/client.js");
  window.client?.close();
  [window.seen, window.states] = [[], []];
  window.client = connect({ transport });
  const visible = "subscription ($after: String) { incidentChanges(after: $after) { incident { openedBy { id } } } }";
  client.watch(visible, {
    next: ({ incidentChanges }) => seen.push(incidentChanges.incident.openedBy.id),
    state: ({ status, reason, transport }) => states.push([status, reason?.code ?? transport ?? null]),
  });
}"""
#: Everything that a page of somebody else can try: what it learned, each as a text.
_FORGE = """async ([server, token]) => {
  const write = JSON.stringify({
    query: 'mutation { createSystem(input: {key: "forged", name: "Forged"}) { userErrors { code } } }',
  });
  const who = JSON.stringify({ query: "{ viewer { role } }" });
  const learned = {};
  const attempt = async (name, path, options) => {
    try {
      const answer = await fetch(server + path, { credentials: "include", ...options });
      learned[name] = `${answer.status} ${await answer.text()}`;
    } catch (error) {
      learned[name] = error.name;
    }
  };
  const json = { method: "POST", headers: { "Content-Type": "application/json" } };
  const plain = { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" } };
  await attempt("a query", "/graphql", { ...json, body: who });
  await attempt("a mutation", "/graphql", { ...json, body: write });
  await attempt("a mutation that is simple", "/graphql", { ...plain, body: write });
  await attempt("a query by GET", "/graphql?query=%7Bviewer%7Brole%7D%7D", {});
  await attempt("signing in", "/session", { ...json, body: JSON.stringify({ token }) });
  await attempt("signing in, simply", "/session", { ...plain, body: JSON.stringify({ token }) });
  await attempt("a look at the session", "/session", {});
  await attempt("signing out", "/session", { method: "DELETE" });
  learned["a socket"] = await new Promise((resolve) => {
    const socket = new WebSocket(server.replace("http", "ws") + "/graphql", "graphql-transport-ws");
    const say = (message) => socket.send(JSON.stringify(message));
    const subscribe = (id, body) => say({ id, type: "subscribe", payload: JSON.parse(body) });
    const heard = [];
    socket.onopen = () => say({ type: "connection_init" });
    socket.onclose = ({ code }) => resolve(`closed ${code} ${heard}`);
    socket.onmessage = ({ data }) => {
      const { type, id, payload } = JSON.parse(data);
      if (type === "connection_ack") [subscribe("1", who), subscribe("2", write)];
      if (type === "next") heard.push(JSON.stringify(payload));
      if (type === "complete" && heard.length === 2) socket.close();
    };
  });
  return learned;
}"""
#: Pages that send a form of their own to the server, as the whole page does it.
_FORM = """<form method="post" enctype="text/plain" action="{target}"><input name="{name}" value="{value}"></form>
<script>document.forms[0].submit()</script>"""
#: A mutation as the field of a form: its name and its value are JSON, with the `=` between them.
_FIELD = (
    '{"query": "mutation { createSystem(input: {key: \\"forged\\", name: \\"F\\"}) { cursor } }", "a": "',
    '"}',
)


@pytest.fixture
def origins() -> str | None:
    """Return whose pages may call the API besides the server's own."""
    return None


@pytest.fixture(scope="module")
def issuer() -> Any:
    # Of another site, as most are.
    with running_issuer("127.0.0.2") as running:
        running.id_claims = {"aud": "board", "role": "RESPONDER", "name": "Ann"}
        yield running


@pytest.fixture
def server_settings(origins: str | None, issuer: Issuer) -> dict[str, Any]:
    at_issuer = {"oidc_issuer": issuer.url, "oidc_audience": "board", "oidc_client_id": "board"}
    return {"cors_origins": (origins,) if origins else (), **at_issuer}


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Yield a browser's profile without cookies."""
    opened = await browser.new_context()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, server: LocalServer) -> Page:
    """Return a page of the server, signed out."""
    page = await context.new_page()
    await page.goto(f"{server.url}/livez")
    return page


@asynccontextmanager
async def foreign_page(context: BrowserContext, host: str, target: str) -> AsyncIterator[Page]:
    """Yield a page of somebody else at that host: on the same machine another port, or another site."""

    async def blank(_: Request) -> Response:
        return HTMLResponse("<title>Somebody else's</title>")

    async def form(_: Request) -> Response:
        name, value = map(escape, _FIELD)
        return HTMLResponse(_FORM.format(target=target, name=name, value=value))

    async with serving_app(Starlette(routes=[Route("/", blank), Route("/form", form)]), host) as url:
        page = await context.new_page()
        await page.goto(url)
        yield page
        await page.close()


async def made_token(api: Api, role: str = "ADMIN") -> tuple[str, str]:
    """Return the id and the secret of a token."""
    made = await api.write("createToken", name="visitor", role=role)
    return str(made["token"]["id"]), str(made["secret"])


async def test_a_page_that_signed_in_stays_so_over_a_reload_and_no_script_reads_why(page: Page, api: Api) -> None:
    assert await page.evaluate(_ROLE) == "ANONYMOUS"
    assert await page.evaluate(_SIGN_IN, "wrong") == 401
    assert await page.evaluate(_SIGN_IN, TOKEN) == 204
    await page.reload()
    assert await page.evaluate(_ROLE) == "ADMIN"
    session = await page.evaluate(_SESSION)
    assert (session["viewer"]["role"], session["login"]) == ("ADMIN", "session/login")
    assert await page.evaluate("document.cookie") == ""
    assert await page.evaluate("async () => (await fetch('/session', { method: 'DELETE' })).status") == 204
    assert await page.evaluate(_ROLE) == "ANONYMOUS"


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_a_watch_needs_no_token_and_ends_with_the_one_of_the_cookie(page: Page, api: Api, transport: str) -> None:
    identifier, secret = await made_token(api)
    assert await page.evaluate(_SIGN_IN, secret) == 204
    await page.evaluate(_WATCH, transport)
    await until(page, "states.at(-1)?.[0] === 'live'")
    assert await page.evaluate("states.at(-1)[1]") == transport
    await api.create_incident()
    await until(page, "seen.length")
    # Who opened it is shown to those alone who may manage incidents.
    assert str(await page.evaluate("seen[0]")).startswith("tok_")
    await api.write("revokeToken", id=identifier)
    await until(page, "states.at(-1)[0] === 'ended'")
    assert await page.evaluate(_SESSION) == {"viewer": None, "login": "session/login", "expiresAt": None}
    assert await page.evaluate(_ROLE) == "ANONYMOUS"


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_a_page_that_is_signed_out_watches_as_anybody(page: Page, api: Api, transport: str) -> None:
    await page.evaluate(_WATCH, transport)
    await until(page, "states.at(-1)?.[0] === 'live'")
    await api.create_incident()
    await until(page, "seen.length")
    assert await page.evaluate("seen[0]") is None


@pytest.mark.parametrize("origins", [None, "*"], ids=["no other pages", "pages of any origin"])
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"], ids=["another port", "another site"])
async def test_a_page_of_somebody_else_does_nothing_in_the_name_of_who_is_signed_in(
    context: BrowserContext, page: Page, server: LocalServer, api: Api, host: str, origins: str | None
) -> None:
    _, theirs = await made_token(api, "VIEWER")
    assert await page.evaluate(_SIGN_IN, TOKEN) == 204
    async with foreign_page(context, host, server.graphql_url) as foreign:
        learned = await foreign.evaluate(_FORGE, [server.url, theirs])
        # The page itself, sent as a form to the endpoint.
        await foreign.goto(f"{foreign.url}form")
        await foreign.wait_for_url(server.graphql_url)
        assert "Send application/json" in await foreign.content()
    told = " ".join(learned.values())
    assert "ADMIN" not in told
    assert "forged" not in told
    if origins:
        # It got through to the endpoint, and was nobody there.
        assert "ANONYMOUS" in learned["a socket"]
        assert "UNAUTHENTICATED" in learned["a socket"]
    else:
        assert learned["a socket"] == "closed 1006 "
    assert await page.evaluate(_ROLE) == "ADMIN"
    assert (await api.run("{ systems { nodes { key } } }"))["systems"]["nodes"] == [{"key": "payments"}]


async def test_a_person_comes_back_from_an_issuer_of_another_site_signed_in(page: Page, server: LocalServer) -> None:
    answer = await page.goto(f"{server.url}/session/login?next=/health%3Fa%3D1")
    assert answer is not None
    assert (answer.status, page.url) == (200, f"{server.url}/health?a=1")
    assert await page.evaluate(_ROLE) == "RESPONDER"
    session = await page.evaluate(_SESSION)
    assert session["viewer"] == {"role": "RESPONDER", "name": "Ann", "id": "user-1", "type": "USER"}
    # A link from another site leads to a page that is signed in as well, once it asks.
    await page.goto("about:blank")
    await page.set_content(f'<a href="{server.url}/livez">an alert</a>')
    await page.click("a")
    await page.wait_for_url(f"{server.url}/livez")
    assert await page.evaluate(_ROLE) == "RESPONDER"


async def test_a_person_whom_the_issuer_does_not_let_in_reads_so_and_goes_back(
    page: Page, server: LocalServer, issuer: Issuer
) -> None:
    issuer.refuses = "access_denied"
    try:
        await page.goto(f"{server.url}/session/login?next=/livez")
    finally:
        issuer.refuses = None
    assert "The identity provider did not let you in." in await page.inner_text("main")
    assert await page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    await page.click("text=Go on without signing in")
    await page.wait_for_url(f"{server.url}/livez")


async def until(page: Page, condition: str) -> None:
    """Wait until an expression of the page is true."""
    await page.wait_for_function(condition, timeout=_SECONDS * 1000, polling=20)
