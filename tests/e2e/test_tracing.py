"""One trace over two processes: from a caller's request to the write, the push, the run and the webhook."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tests.domain.dialects import on_one_database
from tests.domain.webhooks.receiver import receiving
from tests.e2e.api import Api
from tests.e2e.server import TOKEN, api_of, running_server
from tests.e2e.tracing import Told, collecting
from tests.factories import DEFINITION

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"authorization": f"Bearer {TOKEN}", "traceparent": f"00-{TRACE}-{CALLER}-01"}
CREATE = "mutation OpenOne($input: CreateIncidentInput!) { createIncident(input: $input) { incident { id } } }"
AUTOMATE = (
    """mutation ($input: CreateAutomationInput!) { createAutomation(input: $input) { userErrors { message } } }"""
)
RUNS = "{ automationRuns(first: 10) { nodes { status } } }"
CHANGES = "subscription { incidentChanges { cursor } }"
SECRET_KEY = "dGhlIGtleSB0aGF0IGlzIHVzZWQgaW4gb3VyIHRlc3Q="


def one(spans: Sequence[Told], name: str, wanted: Callable[[Told], bool] = lambda _: True) -> Told:
    """Return the only span of that name."""
    [found] = [span for span in spans if span.name == name and wanted(span)]
    return found


async def statuses(api: Api) -> list[str]:
    """Return the statuses of all runs."""
    return [run["status"] for run in (await api.run(RUNS))["automationRuns"]["nodes"]]


@on_one_database
async def test_one_trace_leads_from_a_request_through_two_processes(database_url: str) -> None:
    async with collecting() as collector, receiving() as hooks:
        common: Any = {"traces_url": collector.url, "secret_key": SECRET_KEY, "http_allow": "127.0.0.1"}
        writing = running_server(database_url, **common, automations="false", webhooks="false")
        working = running_server(database_url, **common)
        async with writing as first, working as second:
            async with api_of(first) as api, httpx.AsyncClient(headers=HEADERS, timeout=60) as caller:
                await api.create_system()
                await api.write("createWebhook", url=hooks.url, audience="PUBLIC")
                definition = {"name": "noter", "definition": DEFINITION}
                assert not (await api.run(AUTOMATE, input=definition))["createAutomation"]["userErrors"]
                stream = {"accept": "text/event-stream"}
                async with caller.stream("POST", second.graphql_url, json={"query": CHANGES}, headers=stream) as events:
                    lines = events.aiter_lines()
                    await anext(lines)
                    answer = await caller.post(
                        first.graphql_url,
                        json={
                            "query": CREATE,
                            "variables": {
                                "input": {
                                    "title": "Checkout fails",
                                    "severity": "MAJOR",
                                    "systemIds": ["payments"],
                                }
                            },
                        },
                    )
                    assert answer.json()["data"]["createIncident"]["incident"]
                    async with asyncio.timeout(60):
                        while not (await anext(lines)).startswith("event: next"):
                            pass
                async with asyncio.timeout(60):
                    while await statuses(api) != ["SUCCESS"]:  # noqa: ASYNC110 - as a client does
                        await asyncio.sleep(0.05)
                    await hooks.came.wait()
            for server in (first, second):
                server.terminate()
                assert await server.ended() == 0
        spans = [span for span in collector.spans() if span.trace == TRACE]
        [hook, *_] = hooks.received
    request = one(spans, "mutation")
    write = one(spans, "write", lambda span: span.parent == request.id)
    assert (request.parent, request.kind) == (CALLER, 2)
    assert request.attributes["graphql.operation.name"] == "OpenOne"
    assert "graphql.document" not in request.attributes
    push = one(spans, "push", lambda span: span.parent == write.id)
    run = one(spans, "automation run", lambda span: span.parent == write.id)
    webhook = one(spans, "webhook", lambda span: span.parent == write.id)
    assert write.process == request.process
    assert {push.process, run.process, webhook.process} != {request.process}
    assert len({push.process, run.process, webhook.process}) == 1
    # The step of the run wrote, too.
    assert [span for span in spans if span.name == "write" and span.parent == run.id]
    assert hook.headers["traceparent"] == f"00-{TRACE}-{webhook.id}-01"
    assert hook.json["traceparent"] == f"00-{TRACE}-{write.id}-01"
