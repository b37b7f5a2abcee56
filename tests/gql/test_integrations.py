"""Integrations in the schema: who sees and manages them, their tokens, and their deliveries."""

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.moment import iso
from tests.client import Api, Json
from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.factories import make_system
from tests.gql.dialects import on_both_databases

SHOWN = "id type name enabled path systemMapping severityMapping mapping keepBodies maskedFields"
INTEGRATION = f"integration {{ {SHOWN} createdAt updatedAt tokenCreatedAt createdBy {{ name }} }}"
DELIVERIES = """
query Q($filter: IntegrationDeliveryFilter, $first: Int, $after: String) {
  integrationDeliveries(filter: $filter, first: $first, after: $after) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { id outcome reason times alerts opened refused body replayOf incidentIds }
  }
}
"""


async def create(api: Api, **input: Any) -> tuple[Json, str]:
    """Create an integration, and return it with its token."""
    input = {"type": "ALERTMANAGER", "name": "Prometheus", **input}
    payload = await api.admin.do("createIntegration", input, f"token {INTEGRATION}")
    assert payload["userErrors"] == []
    return payload["integration"], payload["token"]


async def deliver(api: Api, token: str, body: Any) -> int:
    """Send a delivery and return the status of the answer."""
    headers = {"authorization": f"Bearer {token}"}
    return (await api.admin.http.post("/integrations/alertmanager", json=body, headers=headers)).status_code


async def test_an_integration_is_shown_as_it_was_saved(api: Api) -> None:
    given: dict[str, Any] = {
        "systemMapping": {"labels": ["team"], "values": {"a": "b"}, "unknown": "REFUSE"},
        "severityMapping": {"values": {"page": "CRITICAL"}, "default": "minor"},
        "mapping": {"title": "{{ labels.alertname }}", "grouping": {"key": "{{ system }}", "windowSeconds": 60}},
        "maskedFields": ["password", "password"],
        "keepBodies": False,
    }
    made, _ = await create(api, **given)
    assert made["path"] == "/integrations/alertmanager"
    assert made["systemMapping"] == given["systemMapping"] | {"unknown": "refuse"}
    assert made["severityMapping"] == {"values": {"page": "critical"}, "default": "minor"}
    assert (made["mapping"], made["maskedFields"], made["keepBodies"]) == (given["mapping"], ["password"], False)
    query = (
        f"query Q($id: ID!) {{ integration(id: $id) {{ {SHOWN} }} integrations {{ totalCount nodes {{ {SHOWN} }} }} }}"
    )
    data = await api.admin.read(query, id=made["id"])
    assert data["integrations"] == {"totalCount": 1, "nodes": [data["integration"]]}
    assert data["integration"].items() <= made.items()


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"name": " "}, ["name"]),
        ({"systemMapping": {"expression": "labels..team"}}, ["systemMapping", "expression"]),
        ({"systemMapping": {"unknown": "guess"}}, ["systemMapping", "unknown"]),
        ({"systemMapping": ["team"]}, ["systemMapping"]),
        ({"severityMapping": {"values": {"page": "loud"}}}, ["severityMapping", "values", "page"]),
        ({"mapping": {"title": "{{ labels.alertname"}}, ["mapping", "title"]),
        ({"mapping": {"grouping": {"windowSeconds": 60}}}, ["mapping", "grouping", "key"]),
        ({"mapping": {"links": [{"label": "Logs"}]}}, ["mapping", "links", "0", "url"]),
        ({"mapping": {"items": "body.alerts"}}, ["mapping", "items"]),
        ({"type": "EVENTS", "mapping": {"key": "{{ body.id }}"}}, ["mapping", "action"]),
        ({"maskedFields": [""]}, ["maskedFields"]),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, list) else "",
)
async def test_what_cannot_be_saved_is_refused_with_its_place(api: Api, input: Json, field: list[str]) -> None:
    refusal = await api.admin.refusal("createIntegration", {"type": "ALERTMANAGER", "name": "Prometheus", **input})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert (await api.admin.read("{ integrations { totalCount } }"))["integrations"]["totalCount"] == 0


async def test_a_token_is_shown_once_and_stored_as_a_digest(api: Api, domain: Domain, stored: Any) -> None:
    made, token = await create(api)
    rotated = await api.admin.do("rotateIntegrationToken", {"id": made["id"]}, f"token {INTEGRATION}")
    assert rotated["token"] != token
    assert rotated["integration"]["tokenCreatedAt"] > made["tokenCreatedAt"]
    body = alertmanager(prometheus_alert("HighErrors", domain.clock.now() - timedelta(minutes=1)))
    assert [await deliver(api, each, body) for each in (token, rotated["token"])] == [401, 200]
    everything = json.dumps(await stored(), default=str)
    assert token not in everything
    assert rotated["token"] not in everything


async def test_callers_below_admin_see_nothing_of_integrations(api: Api, domain: Domain) -> None:
    made, token = await create(api)
    await deliver(api, token, alertmanager(prometheus_alert("HighErrors", domain.clock.now())))
    delivery = (await api.admin.read(DELIVERIES))["integrationDeliveries"]["nodes"][0]["id"]
    for caller in (api.anonymous, api.viewer, api.responder):
        for query in ("{ integrations { nodes { id } } }", "{ integrationDeliveries { nodes { id } } }"):
            assert (await caller.error(query))["code"] in {"UNAUTHENTICATED", "FORBIDDEN"}
        nodes = await caller.read("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[made["id"], delivery])
        assert nodes == {"nodes": [None, None]}


@on_both_databases
async def test_deliveries_are_filtered_paged_and_replayed(api: Api, domain: Domain) -> None:
    refusing, token = await create(api, systemMapping={"unknown": "refuse"})
    _, other = await create(api)
    body = alertmanager(prometheus_alert("HighErrors", domain.clock.now() - timedelta(minutes=1)))
    statuses = [await deliver(api, each, body) for each in (token, other, other, other)]
    assert statuses == [400, 200, 200, 200]
    everything = (await api.admin.read(DELIVERIES))["integrationDeliveries"]
    assert [(node["outcome"], node["times"]) for node in everything["nodes"]] == [
        ("UNCHANGED", 2),
        ("APPLIED", 1),
        ("REFUSED", 1),
    ]
    wanted = {"integrationId": refusing["id"], "outcomes": ["REFUSED", "PARTIAL"]}
    refused = (await api.admin.read(DELIVERIES, filter=wanted))["integrationDeliveries"]
    assert (refused["totalCount"], refused["nodes"]) == (1, everything["nodes"][2:])
    page = (await api.admin.read(DELIVERIES, first=2))["integrationDeliveries"]
    rest = (await api.admin.read(DELIVERIES, after=page["pageInfo"]["endCursor"]))["integrationDeliveries"]
    assert [*page["nodes"], *rest["nodes"]] == everything["nodes"]
    empty = await api.admin.error(DELIVERIES, filter={"outcomes": []})
    assert (empty["code"], empty["field"]) == ("BAD_USER_INPUT", ["filter", "outcomes"])

    await make_system(domain, "search")
    await api.admin.do("updateIntegration", {"id": refusing["id"], "systemMapping": {"values": {"checkout": "search"}}})
    replayed = await api.admin.do(
        "replayDelivery", {"id": refused["nodes"][0]["id"]}, "delivery { outcome opened incidentIds replayOf }"
    )
    assert replayed["userErrors"] == []
    [incident] = replayed["delivery"].pop("incidentIds")
    assert replayed["delivery"] == {"outcome": "APPLIED", "opened": 1, "replayOf": refused["nodes"][0]["id"]}
    found = await api.admin.read("query Q($id: ID!) { incident(id: $id) { systems { key } } }", id=incident)
    assert found["incident"]["systems"] == [{"key": "search"}]


async def test_a_replay_of_many_alerts_shows_what_it_wrote(
    api: Api, domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    made, token = await create(api, enabled=False, mapping={"grouping": {"key": "{{ system }}"}})
    at = domain.clock.now() - timedelta(minutes=1)
    alerts = [prometheus_alert(f"Alert{number}", at) for number in range(101)]
    assert await deliver(api, token, alertmanager(*alerts)) == 403
    [kept] = (await api.admin.read(DELIVERIES))["integrationDeliveries"]["nodes"]
    await api.admin.do("updateIntegration", {"id": made["id"], "enabled": True})
    # A document that comes again is compiled, and has its answer read where the write ends.
    replays = [
        await api.admin.do("replayDelivery", {"id": kept["id"]}, "delivery { alerts opened outcome }") for _ in range(4)
    ]
    assert replays[0]["delivery"] == {"alerts": 101, "opened": 1, "outcome": "APPLIED"}
    assert [each["delivery"] for each in replays[1:]] == [{"alerts": 101, "opened": 0, "outcome": "UNCHANGED"}] * 3
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_delivery_whose_body_was_not_kept_cannot_be_replayed(api: Api, domain: Domain) -> None:
    _, token = await create(api, keepBodies=False)
    await deliver(api, token, alertmanager(prometheus_alert("HighErrors", domain.clock.now())))
    [delivery] = (await api.admin.read(DELIVERIES))["integrationDeliveries"]["nodes"]
    assert delivery["body"] is None
    refusal = await api.admin.refusal("replayDelivery", {"id": delivery["id"]})
    assert refusal == {"code": "CONFLICT", "message": "Its body was not kept, or is no JSON.", "field": ["id"]}


async def test_an_alert_is_live_at_once(api: Api, domain: Domain) -> None:
    made, token = await create(api)
    before = (await api.admin.read("{ cursor }"))["cursor"]
    at = domain.clock.now() - timedelta(minutes=1)
    await deliver(api, token, alertmanager(prometheus_alert("HighErrors", at)))
    shown = "nodes { type actor { id name } incident { occurredAt } }"
    query = f"query Q($after: String) {{ incidentEvents(after: $after) {{ {shown} }} }}"
    [event] = (await api.admin.read(query, after=before))["incidentEvents"]["nodes"]
    assert event == {
        "type": "CREATED",
        "actor": {"id": made["id"], "name": "Prometheus"},
        "incident": {"occurredAt": iso(at)},
    }
