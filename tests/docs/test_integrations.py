"""The senders of the page on integrations: their settings lead to routes, and their bodies are understood."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from domain.alerts.service import WriteIntegration
from domain.bootstrap import Domain
from domain.model.integration import IntegrationType
from gql.app import create_app
from tests.docs.blocks import blocks_in
from tests.domain.alerts.payloads import healthchecks
from tests.factories import ADMIN

HOST = "incidents.example.com"
[ALERTMANAGER, GRAFANA] = blocks_in("yml")
[HEADERS, HEALTHCHECKS, CLOUDEVENT, EVENT] = blocks_in("json")
[EVENTS] = [block for block in blocks_in("graphql") if "type: EVENTS" in block.text]


@pytest.fixture
def dialect() -> str:
    """Return SQLite: nothing here depends on statements."""
    return "sqlite"


@pytest.fixture
async def http(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
        yield client


async def sent(http: httpx.AsyncClient, domain: Domain, kind: IntegrationType, body: Any, **settings: Any) -> Any:
    """Return the answer to a body, sent to a new integration with the header that the page has."""
    command = WriteIntegration(name=kind, **settings)
    _, token = (await domain.integrations.create(ADMIN, kind, command)).value
    headers = json.loads(HEADERS.text.replace("<token>", token))
    response = await http.post(kind.path, json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_settings_of_alertmanager_and_grafana_name_their_routes() -> None:
    [receiver] = yaml.safe_load(ALERTMANAGER.text)["receivers"]
    [hook] = receiver["webhook_configs"]
    [point] = yaml.safe_load(GRAFANA.text)["contactPoints"]
    [grafana] = point["receivers"]
    addresses = [urlsplit(url) for url in (hook["url"], grafana["settings"]["url"])]
    assert [(each.netloc, each.path) for each in addresses] == [
        (HOST, IntegrationType.ALERTMANAGER.path),
        (HOST, IntegrationType.GRAFANA.path),
    ]
    assert hook["http_config"]["authorization"]["credentials"] == "<token>"
    assert grafana["settings"]["authorization_scheme"] == "Bearer"


async def test_the_body_for_healthchecks_is_understood(http: httpx.AsyncClient, domain: Domain) -> None:
    given = healthchecks("down", domain.clock.now())
    body = HEALTHCHECKS.text.replace("$JSON", json.dumps(given["check"]))
    for name in ("code", "status", "now"):
        body = body.replace(f"${name.upper()}", given[name])
    answer = await sent(http, domain, IntegrationType.HEALTHCHECKS, json.loads(body))
    assert (answer["opened"], json.loads(body)) == (1, given)


async def test_the_event_of_the_page_opens_an_incident(http: httpx.AsyncClient, domain: Domain) -> None:
    answer = await sent(http, domain, IntegrationType.CLOUDEVENTS, json.loads(CLOUDEVENT.text))
    assert answer["opened"] == 1


async def test_the_expressions_for_any_json_understand_the_example(http: httpx.AsyncClient, domain: Domain) -> None:
    mapping = {
        "items": "body.checks",
        "key": "{{ item.host }}/{{ item.check }}",
        "action": "'resolve' if item.passed else 'trigger'",
        "startsAt": "item.since",
    }
    assert [line for line in mapping.values() if line not in EVENTS.text] == []
    answer = await sent(http, domain, IntegrationType.EVENTS, json.loads(EVENT.text), mapping=mapping)
    assert answer["opened"] == 1
