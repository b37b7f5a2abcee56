"""The dashboard, and the settings for front ends' libraries, that the page about clients shows."""

import asyncio
import json
import re
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    introspection_from_schema,
    is_introspection_type,
    is_non_null_type,
    is_object_type,
)
from playwright.async_api import Browser, Page, WebSocket, expect

from gql.schema import schema
from gql.transport.sharing import shared_operation
from tests.docs.blocks import ROOT, text_of, tour_block
from tests.e2e.api import Api
from tests.e2e.local import local_server
from tests.e2e.server import TOKEN, api_of

_SECONDS = 60
CLIENT_PAGE = ROOT / "docs" / "client.md"
#: What the page shows, as one request.
_FIGURES = """{
  systems(first: 40) { nodes { name health { status } } }
  incidentCounts(groupBy: [SEVERITY]) { severity count }
  incidents(first: 100, orderBy: {field: SEVERITY}) {
    nodes { reference title severity lead { name } updates(last: 1) { nodes { message } } }
  }
}"""
_ROOTS = ("Query", "Mutation", "Subscription")


class Traffic:
    """The requests and the sockets of a page."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.most_open = 0
        #: What was sent over each socket.
        self._sent: list[list[str]] = []
        self._open = 0
        page.on("websocket", self._opened)
        page.on("request", lambda request: self.requests.append("/" + request.url.split("/", 3)[3]))

    def cost(self) -> int:
        """Return the points of all subscriptions of the last socket."""
        messages = [json.loads(frame) for frame in self._sent[-1]]
        queries = [each["payload"]["query"] for each in messages if each["type"] == "subscribe"]
        shared = [shared_operation(schema._schema, query, None) for query in queries]
        return sum(each.cost({}) for each in shared if each is not None)

    def _opened(self, socket: WebSocket) -> None:
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        self._sent.append(sent := [])
        socket.on("framesent", lambda frame: sent.append(str(frame)))
        socket.on("close", self._closed)

    def _closed(self, _: WebSocket) -> None:
        self._open -= 1


@pytest.mark.chromium
@pytest.mark.asyncio(loop_scope="session")
async def test_the_dashboard_shows_what_others_write_over_a_kill_by_one_socket_and_no_request(browser: Browser) -> None:
    async with local_server() as server, api_of(server) as api:
        person, first = await _begun(api)
        page = await browser.new_page()
        seen = Traffic(page)
        # Chromium lets no page reach this machine by a WebSocket that did not come from it, as what tests make up.
        await page.goto(f"{server.url}/livez")
        await page.evaluate(f"localStorage.token = '{TOKEN}'; Math.random = () => 0")
        # On a machine that is too busy to answer, it would take streams instead.
        text = text_of("dashboard.html", server.url).replace("connect({", 'connect({ transport: "ws", ')
        await page.set_content(text)
        await _shows(page, api)
        await _write(api, person, first)
        await _shows(page, api)
        assert f"costs {seen.cost()} points" in CLIENT_PAGE.read_text()
        await server.stop()
        await expect(page.locator("#state")).to_have_text("behind")
        await server.start()
        await _write(api, person, await api.create_incident("Meanwhile", systemIds=["s3"]))
        await _shows(page, api)
        await expect(page.locator("#state")).to_have_text("live")
        assert (seen.most_open, seen.requests) == (1, ["/livez", "/client.js"])
        await page.close()


@pytest.mark.node
async def test_the_keys_of_the_page_are_for_all_types_without_an_id(node: list[str], tmp_path: Path) -> None:
    (tmp_path / "keys.mjs").write_text(tour_block("keys.mjs").text)
    script = f"""import {{ keysOf }} from "{tmp_path}/keys.mjs";
      const keys = keysOf({json.dumps(introspection_from_schema(schema._schema))});
      console.log(JSON.stringify([Object.keys(keys), keys.Person({{ id: "usr_1" }}), keys.Person({{ id: null }})]));"""
    process = await asyncio.create_subprocess_exec(*node, "--input-type=module", "-", stdin=PIPE, stdout=PIPE)
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate(script.encode())
    names, known, unknown = json.loads(printed)
    assert {name for name in names if not name.startswith("__")} == {*types_without_id(), *_ROOTS}
    assert (known, unknown) == ("usr_1", None)


def test_the_linters_exceptions_of_the_page_are_all_types_without_an_id() -> None:
    text = tour_block("eslint.config.mjs").text
    suffixes, types = (
        re.findall(r'"(\w+)"', text.partition(f"const {name} = [")[2].partition("]")[0])
        for name in ("suffixes", "types")
    )
    assert types == sorted(name for name in types_without_id() if not name.endswith(tuple(suffixes)))


def test_every_list_that_relay_pages_has_edges_with_a_node_and_a_cursor() -> None:
    lists = [each for each in schema._schema.type_map.values() if is_object_type(each) and "edges" in each.fields]
    lists = [each for each in lists if each.name.endswith("Connection")]
    assert len(lists) > 10
    for each in lists:
        edges, page = str(each.fields["edges"].type), str(each.fields["pageInfo"].type)
        edge = schema._schema.get_type(edges.strip("[]!"))
        assert (edges, page) == (f"[{each.name.removesuffix('Connection')}Edge!]!", "PageInfo!")
        assert is_object_type(edge)
        assert set(edge.fields) == {"cursor", "node"}
        assert str(edge.fields["cursor"].type) == "String!"


async def _begun(api: Api) -> tuple[str, str]:
    """Write 40 systems and three incidents; return a person and one of these."""
    fields = [f's{n}: createSystem(input: {{key: "s{n}", name: "System {n}"}}) {{ cursor }}' for n in range(40)]
    for start in range(0, 40, 20):
        await api.run(f"mutation {{ {' '.join(fields[start : start + 20])} }}")
    opened = [await api.create_incident(f"Number {n}", systemIds=[f"s{n}"]) for n in range(3)]
    viewer = (await api.run("{ viewer { person { id } } }"))["viewer"]
    return viewer["person"]["id"], opened[0]


async def _write(api: Api, person: str, incident: str) -> None:
    """Change something of all that the page shows."""
    await api.write("reportSystemHealth", system="s7", status="DEGRADED")
    await api.write("createIncident", title="Worse", severity="CRITICAL", systemIds=["s9"], healthOverride="UNHEALTHY")
    await api.write("assignIncident", id=incident, lead=person)
    await api.write("addIncidentUpdate", incidentId=incident, message="Found the cause")
    await api.write("updateIncident", id=incident, severity="MINOR")


async def _shows(page: Page, api: Api) -> None:
    """Wait until the page shows what a query shows."""
    found = await api.run(_FIGURES)
    counts = [f"{each['count']} {each['severity']}" for each in found["incidentCounts"]]
    systems = [f"{each['name']}: {each['health']['status']}" for each in found["systems"]["nodes"]]
    for name, texts in (("counts", counts), ("systems", systems), ("incidents", _lines(found["incidents"]["nodes"]))):
        await expect(page.locator(f"#{name} li")).to_have_text(texts)


def _lines(incidents: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['severity']} {each['reference']} {each['title']} ({(each['lead'] or {'name': 'nobody'})['name']}): "
        + "".join(entry["message"] for entry in each["updates"]["nodes"])
        for each in incidents
    ]


def types_without_id() -> list[str]:
    """Return the names of all object types whose objects have no id of their own."""
    types = schema._schema.type_map.values()
    objects = [each for each in types if is_object_type(each) and not is_introspection_type(each)]
    found = [each.name for each in objects if "id" not in each.fields or not is_non_null_type(each.fields["id"].type)]
    return [name for name in found if name not in _ROOTS]
