"""The client's file in Chromium: it resumes, renews its token, falls back to streams, and says how it is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from gql.transport import endpoint
from tests.e2e.api import Api
from tests.e2e.client_file import SPEED, endure
from tests.e2e.client_idle import rest
from tests.e2e.local import LocalServer, local_server
from tests.e2e.relay import Relay, relaying
from tests.e2e.server import TOKEN
from tests.pages import in_chromium

pytestmark = in_chromium
_SECONDS = 60
_CHANGES = "subscription ($after: String) { incidentChanges(after: $after) { incidentId } }"
#: A watch of everything, whose events and states the page keeps. Its retries come soon.
_WATCH = """async ([document, options, token]) => {
  const { connect } = await import("/client.js");
  window.client?.close();
  [window.seen, window.states, window.refusals] = [[], [], []];
  Math.random = () => 0;
  const next = (refused) => (refusals.push(refused ?? null), token[Math.min(refusals.length, token.length) - 1]);
  const given = Array.isArray(token) ? next : token;
  window.client = connect({ token: given });
  window.watching = client.watch(document, {
    ...options,
    next: (data) => seen.push(data),
    state: ({ status, reason, transport }) => states.push([status, reason?.code ?? transport ?? null]),
  });
}"""
_ITEM = "id title severity"
_LIST = f"""query {{ incidents(first: 100, orderBy: {{field: SEVERITY, direction: DESC}}) {{
  totalCount nodes {{ {_ITEM} }} }} }}"""
_SYSTEM = "key name health { status overrides { incidentTitle } }"
_SYSTEMS = f"{{ systems(first: 100) {{ totalCount nodes {{ {_SYSTEM} }} }} }}"
#: A watch of a list: its field, arguments and what it selects of each item.
_WATCH_LIST = """async ([field, given, item, token]) => {
  const { connect } = await import("/client.js");
  window.client?.close();
  [window.lists, window.starts, window.kept] = [[], 0, false];
  Math.random = () => 0;
  window.client = connect({ token });
  client.watch(
    `subscription ($after: String) {
      ${field}(first: 100, ${given} after: $after) {
        startsOver totalCount changes { index previousIndex ${item} }
      }
    }`,
    {
      next: (data) => { starts += data[field].startsOver },
      list(items, { totalCount }) {
        // What did not change is the same object, so that a page draws only the rest again.
        kept ||= items.some((item) => lists.at(-1)?.[0].includes(item));
        lists.push([items, totalCount]);
      },
    },
  );
}"""
_WATCH_MORE = """(document) => {
  window.more = [];
  client.watch(document, {
    next: ({ incidentChanges }) => more.push(incidentChanges.incidentId),
    state: ({ status }) => states.push(["more", status]),
  });
}"""
_CALL = """async ([kind, document, variables, token]) => {
  const { connect } = await import("/client.js");
  try {
    return { data: await connect({ token })[kind](document, variables) };
  } catch ({ name, code, field, data, message }) {
    return { name, code, field, data, message };
  }
}"""


async def test_nothing_is_missed_over_ends_of_the_server_and_sleep(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As often as `hurry` has the processes of the long trial ping.
    monkeypatch.setattr(endpoint, "_PING_SECONDS", endpoint._PING_SECONDS / SPEED)
    others = {"sleep": 1, "cut": 1}
    result = await endure(browser, local_server(), kills=2, seed=1, longest_pause=0.5, others=others)
    assert result.violations == []
    assert (result.kills, result.sleeps) == (2, 1)
    assert result.connections > 3


async def test_nothing_is_missed_at_rest_behind_a_proxy_that_cuts_what_is_idle(browser: Browser) -> None:
    async with local_server() as server, local_server(database_url=server.database_url) as writing:
        patience = [("sse", 600), ("ws", 0.1)]
        [kept, cut] = await rest(browser, server, writing, pauses=[0.4, 0.4], patience=patience)
    assert kept.violations + cut.violations == []
    assert kept.relay.opened == 1
    assert cut.relay.cuts >= 1


async def test_a_watch_without_a_cursor_misses_nothing_from_its_first_moment_on(
    page: Page, relay: Relay, api: Api
) -> None:
    await watch(page, _CHANGES)
    await until(page, "states.some(([status]) => status === 'live')")
    relay.cut()
    incident = await api.create_incident()
    await until(page, "seen.length")
    assert await page.evaluate("seen") == [{"incidentChanges": {"incidentId": incident}}]
    assert await page.evaluate("states.map(([status]) => status)") == ["connecting", "live", "behind", "live"]


async def test_where_no_socket_gets_through_it_falls_back_to_streams(page: Page, relay: Relay, api: Api) -> None:
    relay.blocks_sockets = True
    try:
        await watch(page, _CHANGES)
        await until(page, "states.at(-1)[0] === 'live'")
        written = [await api.create_incident()]
        await until(page, "seen.length === 1")
        relay.cut()
        written.append(await api.create_incident())
        await until(page, "seen.length === 2")
    finally:
        relay.blocks_sockets = False
    assert await page.evaluate("seen.map(({ incidentChanges }) => incidentChanges.incidentId)") == written
    assert await page.evaluate("states.filter(([status]) => status === 'live')") == [["live", "sse"]] * 2


async def test_a_live_list_equals_the_query_over_lost_connections(page: Page, relay: Relay, api: Api) -> None:
    order = "orderBy: {field: SEVERITY, direction: DESC},"
    await page.evaluate(_WATCH_LIST, ["incidentList", order, f"incident {{ {_ITEM} }}", TOKEN])
    await until(page, "lists.length")
    made = [await api.create_incident(f"Listed {number}", severity="MINOR") for number in range(3)]
    relay.cut()
    await api.write("updateIncident", id=made[0], severity="CRITICAL")
    await api.write("resolveIncident", id=made[1])
    relay.cut()
    await api.write("deleteIncident", id=made[2])
    await api.create_incident("Listed last", severity="CRITICAL")
    expected = (await api.run(_LIST))["incidents"]
    await until(page, "lists.at(-1)[0].some(({ title }) => title === 'Listed last')")
    await until(page, f"lists.at(-1)[0].length === {len(expected['nodes'])}")
    assert await page.evaluate("lists.at(-1)") == [expected["nodes"], expected["totalCount"]]
    assert await page.evaluate("starts") == 1
    assert await page.evaluate("kept")


async def test_a_live_list_of_systems_equals_the_query_over_a_lost_connection(
    page: Page, relay: Relay, api: Api
) -> None:
    for key in ("aside", "zeta"):
        await api.create_system(key)
    await page.evaluate(_WATCH_LIST, ["systemList", "", f"system {{ {_SYSTEM} }}", TOKEN])
    await until(page, "lists.length")
    relay.cut()
    incident = await api.create_incident("Down", systemIds=["zeta"], healthOverride="UNHEALTHY")
    await api.write("updateSystem", id="zeta", name="A zeta")
    await api.write("deleteSystem", id="aside")
    expected = (await api.run(_SYSTEMS))["systems"]
    await until(page, "lists.at(-1)[0].some(({ health }) => health.overrides.length)")
    await until(page, f"lists.at(-1)[0].length === {len(expected['nodes'])}")
    assert await page.evaluate("lists.at(-1)") == [expected["nodes"], expected["totalCount"]]
    await api.write("deleteIncident", id=incident)
    await until(page, "lists.at(-1)[0].every(({ health }) => health.status === 'HEALTHY')")
    assert await page.evaluate("starts") == 1
    assert await page.evaluate("kept")


async def test_a_live_list_without_places_is_refused_at_once(page: Page) -> None:
    said = await page.evaluate("""async () => {
      const { connect } = await import("/client.js");
      try {
        connect().watch("subscription { incidentList { changes { incident { id } } } }", { list() {} });
      } catch ({ message }) {
        return message;
      }
    }""")
    assert said.startswith("Select startsOver, totalCount and changes")


async def test_a_token_that_ends_is_renewed_and_the_refused_one_is_named(page: Page, api: Api) -> None:
    made = await api.write("createToken", name="page", role="VIEWER")
    await watch(page, _CHANGES, token=[made["secret"], TOKEN])
    await until(page, "states.at(-1)[0] === 'live'")
    await api.write("revokeToken", id=made["token"]["id"])
    await until(page, "states.filter(([status]) => status === 'live').length === 2")
    incident = await api.create_incident()
    await until(page, "seen.length")
    assert await page.evaluate("seen.at(-1).incidentChanges.incidentId") == incident
    assert made["secret"] in await page.evaluate("refusals")
    assert ["behind", "UNAUTHENTICATED"] in await page.evaluate("states")


@pytest.mark.parametrize("token", ["wrong", ["wrong"]], ids=["text", "function"])
async def test_a_wrong_token_ends_a_watch_with_the_reason(page: Page, token: Any) -> None:
    await watch(page, "subscription { incidentChanges { id } }", token=token)
    await until(page, "states.at(-1)[0] === 'ended'")
    assert await page.evaluate("states.at(-1)") == ["ended", "UNAUTHENTICATED"]
    assert await page.evaluate("watching.state.reason.message")


async def test_what_the_server_refuses_ends_a_watch_with_its_code(page: Page) -> None:
    await watch(page, "subscription { incidentChanges { nonsense } }")
    await until(page, "states.at(-1)[0] === 'ended'")
    assert await page.evaluate("states.at(-1)") == ["ended", "GRAPHQL_VALIDATION_FAILED"]
    await watch(page, _CHANGES, {"after": "tampered"})
    await until(page, "states.at(-1)[0] === 'ended'")
    assert await page.evaluate("states.at(-1)") == ["ended", "BAD_USER_INPUT"]


async def test_a_stopped_watch_gets_nothing_more_and_closes_the_connection(page: Page, relay: Relay, api: Api) -> None:
    await watch(page, _CHANGES)
    await until(page, "states.at(-1)[0] === 'live'")
    before = relay.opened
    await page.evaluate("watching.stop()")
    await api.create_incident()
    await watch_more(page)
    incident = await api.create_incident()
    await until(page, "more.length")
    assert await page.evaluate("seen") == []
    assert await page.evaluate("more") == [incident]
    assert relay.opened == before + 1


async def test_queries_and_mutations_give_data_or_the_code_of_their_failure(page: Page, relay: Relay) -> None:
    viewer = "{ viewer { role } }"
    assert await call(page, "query", viewer) == {"data": {"viewer": {"role": "ADMIN"}}}
    assert (await call(page, "query", viewer, token="wrong"))["code"] == "UNAUTHENTICATED"
    assert (await call(page, "query", "{ nonsense }"))["code"] == "GRAPHQL_VALIDATION_FAILED"
    partial = await call(page, "query", "{ viewer { role } tokens { nodes { id } } }", token=None)
    assert (partial["name"], partial["data"]) == ("IncidentqlError", {"viewer": {"role": "ANONYMOUS"}, "tokens": None})
    create = """mutation ($input: CreateIncidentInput!) {
      createIncident(input: $input) { incident { title } userErrors { code field message } } }"""
    input = {"title": "Slow", "severity": "MAJOR", "systemIds": ["payments"]}
    made = await call(page, "mutate", create, {"input": input})
    assert made["data"]["createIncident"]["incident"] == {"title": "Slow"}
    refused = await call(page, "mutate", create, {"input": input | {"title": ""}})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", ["title"])
    relay.cut()


async def watch(page: Page, document: str, options: dict[str, Any] | None = None, *, token: Any = TOKEN) -> None:
    await page.evaluate(_WATCH, [document, options or {}, token])


async def watch_more(page: Page) -> None:
    """Watch with the same client once more."""
    await page.evaluate(_WATCH_MORE, _CHANGES)
    await until(page, "states.at(-1)[1] === 'live'")


async def call(
    page: Page, kind: str, document: str, variables: Any = None, *, token: str | None = TOKEN
) -> dict[str, Any]:
    answer: dict[str, Any] = await page.evaluate(_CALL, [kind, document, variables, token])
    return answer


async def until(page: Page, condition: str) -> None:
    """Wait until an expression of the page is true."""
    await page.wait_for_function(condition, timeout=_SECONDS * 1000, polling=20)


@pytest_asyncio.fixture(loop_scope="session")
async def relay(server: LocalServer, payments: None) -> AsyncIterator[Relay]:
    async with relaying(server.url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, relay: Relay) -> AsyncIterator[Page]:
    """Yield a page of the server."""
    opened = await browser.new_page()
    await opened.goto(f"{relay.url}/livez")
    yield opened
    await opened.close()
