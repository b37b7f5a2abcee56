"""The tools of agents, called by the official client over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import httpx2
import jsonschema
import pytest
from graphql import parse, validate
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from domain.bootstrap import Domain, running_domain
from domain.model.commands import AddIncidentUpdate
from domain.model.viewer import Role, Visibility
from domain.settings import Settings
from gql.app import create_app
from gql.schema import schema
from gql.web.mcp.arguments import arguments_of
from gql.web.mcp.tools import TOOLS
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token
from tests.gql.dialects import on_both_databases

READING = {name for name, tool in TOOLS.items() if not tool.writes}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPTED = {"accept": "application/json, text/event-stream"}


@asynccontextmanager
async def agent(domain: Domain, token: str | None = None) -> AsyncIterator[Client]:
    """Yield the official client, with a token or without."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(app=create_app(domain))
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, headers=headers))
        yield await stack.enter_async_context(
            Client(streamable_http_client("http://incidents.test/mcp", http_client=http))
        )


async def responder(domain: Domain, **fields: Any) -> str:
    """Return a token that may write."""
    return (await make_token(domain, role=Role.RESPONDER, **fields))[1]


async def said(client: Client, name: str, **arguments: Any) -> Any:
    """Return what a tool answers, which is no error."""
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refused(client: Client, name: str, **arguments: Any) -> str:
    """Return the text of a tool's error."""
    result = await client.call_tool(name, arguments)
    assert result.is_error
    [content] = result.content
    assert content.type == "text"
    return content.text


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_runs_a_valid_operation_with_described_arguments(name: str) -> None:
    operation = TOOLS[name].operation
    assert validate(schema._schema, parse(operation)) == []
    arguments = arguments_of(schema._schema, operation)
    jsonschema.Draft202012Validator.check_schema(arguments)
    assert [key for key, value in arguments["properties"].items() if not value.get("description")] == []


async def test_a_token_is_shown_the_tools_that_it_may_use(domain: Domain) -> None:
    _, viewer = await make_token(domain)
    shown = {}
    for token in (None, viewer, await responder(domain)):
        async with agent(domain, token) as client:
            shown[token] = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
    assert [set(tools) for tools in shown.values()] == [READING, READING, set(TOOLS)]
    hints = {name: hint for name, hint in list(shown.values())[-1].items() if hint is not None}
    assert {name for name, hint in hints.items() if hint.read_only_hint} == READING
    assert {name for name, hint in hints.items() if hint.destructive_hint} == {"update_incident", "resolve_incident"}


@on_both_databases
async def test_an_agent_leads_an_incident_from_its_beginning_to_its_end(domain: Domain) -> None:
    await make_system(domain)
    async with agent(domain, await responder(domain)) as client:
        given = {"title": "Cards fail", "severity": "MAJOR", "systemIds": ["payments"], "idempotencyKey": "one"}
        opened = [(await said(client, "create_incident", **given))["createIncident"]["incident"] for _ in range(2)]
        assert opened[0] == opened[1]
        incident = opened[0]["id"]
        await said(client, "acknowledge_incident", id=incident)
        await said(client, "update_incident", id=incident, title="All cards fail")
        await said(client, "add_incident_update", incidentId=incident, message="Rolling back", statusChange="FIXING")
        await said(client, "resolve_incident", id=incident, message="Over")
        found = (await said(client, "read_incident", id=incident))["incident"]
        timeline = (await said(client, "incident_timeline", id=incident))["incident"]["timeline"]["nodes"]
    assert (found["title"], found["status"]) == ("All cards fail", "RESOLVED")
    assert [update["message"] for update in found["updates"]["nodes"]] == ["Over", "Rolling back"]
    assert {item["kind"] for item in timeline} >= {"UPDATE", "TRANSITION"}


async def test_reading_tools_find_what_there_is_and_write_nothing(domain: Domain) -> None:
    incident = await make_incident(domain, title="Cards are refused")
    before = len(await log_of(domain))
    async with agent(domain) as client:
        listed = await said(client, "list_incidents", filter={"severity": {"in": ["MAJOR"]}}, first=5)
        searched = await said(client, "search_incidents", text="cards")
        read = await said(client, "read_incident", number=incident.number)
        counts = await said(client, "count_incidents", groupBy=["SYSTEM"])
        systems = await said(client, "list_systems", filter={"text": "pay"})
        caller = await said(client, "who_am_i")
    for found in (listed, searched):
        assert [node["id"] for node in found["incidents"]["nodes"]] == [incident.id]
    assert read["incident"]["id"] == incident.id
    assert [(count["count"], count["system"]["key"]) for count in counts["incidentCounts"]] == [(1, "payments")]
    assert [node["key"] for node in systems["systems"]["nodes"]] == ["payments"]
    assert caller["viewer"]["role"] == "ANONYMOUS"
    assert len(await log_of(domain)) == before


async def test_a_tool_shows_its_caller_no_more_than_the_api_does(domain: Domain) -> None:
    incident = await make_incident(domain)
    hidden = AddIncidentUpdate(incident_id=incident.id, message="hiddenword", visibility=Visibility.INTERNAL)
    await domain.timeline.add(ADMIN, hidden)
    async with agent(domain) as client:
        assert "hiddenword" not in str(await said(client, "read_incident", id=incident.id))
        assert "hiddenword" not in str(await said(client, "incident_timeline", id=incident.id))
    async with agent(domain, await responder(domain)) as client:
        assert "hiddenword" in str(await said(client, "read_incident", id=incident.id))


async def test_writes_need_their_role_and_stay_within_the_systems_of_their_token(domain: Domain) -> None:
    await make_system(domain, "payments")
    other = await make_incident(domain, (await make_system(domain, "search")).key)
    async with agent(domain) as client:
        with pytest.raises(MCPError, match="no tool 'resolve_incident'"):
            await client.call_tool("resolve_incident", {"id": other.id})
    async with agent(domain, await responder(domain, systems=["payments"])) as client:
        assert (await refused(client, "resolve_incident", id=other.id)).startswith("FORBIDDEN")
        with pytest.raises(MCPError, match="no tool 'delete_incident'"):
            await client.call_tool("delete_incident", {"id": other.id})


async def test_an_error_of_a_tool_is_a_code_and_a_sentence(domain: Domain) -> None:
    await make_system(domain)
    async with agent(domain, await responder(domain)) as client:
        nothing = await refused(client, "create_incident", title="", severity="MAJOR", systemIds=["payments"])
        assert nothing.startswith("BAD_USER_INPUT (title): ")
        assert "severity" in await refused(client, "create_incident", title="A", severity="HUGE", systemIds=[])
        assert (await refused(client, "read_incident")).startswith("BAD_USER_INPUT")
        misspelt = await refused(client, "list_incidents", filters={"severity": {"in": ["CRITICAL"]}})
        assert misspelt.startswith("BAD_USER_INPUT (filters): ")
        assert (await said(client, "read_incident", number=7))["incident"] is None


async def test_requests_are_refused_as_everywhere_else(settings: Settings) -> None:
    async with running_domain(replace(settings, anonymous_access=False, rate_limit=5), live=False) as domain:
        _, token = await make_token(domain)
        bearer = {"authorization": f"Bearer {token}", **ACCEPTED}
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
            statuses = [
                (await http.post("/mcp", json=PING, headers=ACCEPTED)).status_code,
                (await http.get("/mcp", headers=bearer)).status_code,
                (await http.post("/mcp", json=PING, headers={**bearer, "origin": "https://evil.example"})).status_code,
                (await http.post("/mcp", json=PING, headers=bearer)).status_code,
            ]
            spent = [(await http.post("/mcp", json=PING, headers=bearer)).status_code for _ in range(4)]
    assert statuses == [401, 405, 403, 200]
    assert spent[-1] == 429


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://incidents.test", 200),
        ("https://pages.test", 200),
        ("http://incidents.test", 403),
        # What a page sends whose name was led to this machine: its own, as the host as well.
        ("http://rebound.test", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
async def test_pages_call_from_origins_in_the_settings_alone(settings: Settings, origin: str, status: int) -> None:
    named = replace(settings, public_url="https://incidents.test/", cors_origins=("https://pages.test",))
    async with running_domain(named, live=False) as domain:
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://rebound.test") as http:
            answer = await http.post("/mcp", json=PING, headers={**ACCEPTED, "origin": origin})
    assert answer.status_code == status


@pytest.mark.timeout(20)
async def test_a_request_to_listen_ends_and_holds_up_nobody(domain: Domain) -> None:
    version, prefix = "2026-07-28", "io.modelcontextprotocol/"
    meta = {"protocolVersion": version, "clientCapabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    given = {"_meta": {prefix + name: value for name, value in meta.items()}, "notifications": {}}
    headers = {**ACCEPTED, "mcp-protocol-version": version, "mcp-method": "subscriptions/listen"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(domain)), base_url="http://a.test"
    ) as http:
        answer = await http.post(
            "/mcp", json={**PING, "method": "subscriptions/listen", "params": given}, headers=headers
        )
    assert answer.json()["error"]["code"] == -32601


async def test_the_cost_of_a_tool_is_that_of_its_operation(settings: Settings) -> None:
    async with running_domain(replace(settings, max_cost=3), live=False) as domain, agent(domain) as client:
        assert (await refused(client, "list_systems")).startswith("COST_LIMIT")
