"""Deliveries in the other forms that senders have: a form, an address, a question before the first one, a change."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain
from domain.model.integration import DeliveryOutcome
from tests.domain.alerts.payloads import cloudevent, uptime_kuma
from tests.gql.web.test_integrations import PATHS, bearer, kept, made, sending

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
CHANGE = {"payload": {"summary": "Deployed 42", "source": "ci", "timestamp": "2026-03-01T08:00:00Z"}, "links": []}


@pytest.fixture
async def http(domain: Domain) -> Any:
    """Yield a client without a token."""
    async with sending(domain) as client:
        yield client


def part(text: str, name: str = "data") -> dict[str, tuple[None, str]]:
    return {name: (None, text)}


async def test_uptime_kuma_sends_its_json_in_a_form(http: httpx.AsyncClient, domain: Domain) -> None:
    _, token = await made(domain, "uptime_kuma")
    counts = []
    for status in (0, 1):
        form = part(json.dumps(uptime_kuma(status, AT), ensure_ascii=False))
        answer = await http.post(PATHS["uptime_kuma"], files=form, headers=bearer(token))
        counts.append((answer.status_code, answer.json()["opened"], answer.json()["resolved"]))
    assert counts == [(200, 1, 0), (200, 0, 1)]


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (part("{}", name="other"), None),
        (part("{"), None),
        (part("{}"), "multipart/form-data"),
        (part("{}"), 'multipart/form-data; boundary="'),
    ],
)
async def test_a_form_without_the_json_is_refused_and_kept(
    http: httpx.AsyncClient, domain: Domain, form: Any, content_type: str | None
) -> None:
    _, token = await made(domain, "uptime_kuma")
    headers = bearer(token) | ({"content-type": content_type} if content_type else {})
    request = http.build_request("POST", PATHS["uptime_kuma"], files=form, headers=headers)
    answer = await http.send(request)
    assert (answer.status_code, answer.json()["errors"][0]["message"][:9]) == (400, "The body ")
    assert [delivery.outcome for delivery in await kept(domain)] == [DeliveryOutcome.REFUSED]


_LEVEL = b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        (b"".join(_LEVEL % (level, level + 1) for level in range(2000)), ""),
        (b"--b0\r\nContent-Disposition: form-data; " + b"a=b; " * 20_000 + b"\r\n\r\n", ""),
        (b"--b0\r\nContent-Disposition: form-data; " + b"(" * 3000 + b"\r\n\r\n{}\r\n--b0--", ""),
        (b'--b0\r\nContent-Disposition: form-data; name="data"\r\n\r\n{}\r\n--b0--', "; charset=punycode"),
    ],
)
async def test_a_hostile_form_is_refused_and_kept(
    http: httpx.AsyncClient, domain: Domain, text: bytes, parameter: str
) -> None:
    _, token = await made(domain, "uptime_kuma")
    headers = bearer(token) | {"content-type": f"multipart/form-data; boundary=b0{parameter}"}
    answer = await http.post(PATHS["uptime_kuma"], content=text, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (400, "The body cannot be parsed as JSON.")
    assert [delivery.outcome for delivery in await kept(domain)] == [DeliveryOutcome.REFUSED]


async def test_healthchecks_sends_its_values_in_an_address(http: httpx.AsyncClient, domain: Domain) -> None:
    _, token = await made(domain, "healthchecks")
    counts = []
    for status in ("down", "up"):
        values = {"token": token, "code": "a-b-c", "name": "Nightly backup", "status": status}
        answer = await http.get(PATHS["healthchecks"], params=values)
        counts.append((answer.status_code, answer.json()["opened"], answer.json()["resolved"]))
    assert counts == [(200, 1, 0), (200, 0, 1)]
    bodies = [delivery.body or "" for delivery in await kept(domain)]
    assert all("Nightly backup" in body for body in bodies)
    assert not any(token in body for body in bodies)
    assert (await http.get(PATHS["uptime_kuma"], params={"token": token})).status_code == 405


async def test_a_sender_of_cloudevents_may_ask_before_it_sends(http: httpx.AsyncClient, domain: Domain) -> None:
    _, token = await made(domain, "cloudevents")
    origin = {"webhook-request-origin": "eventemitter.example.com", "webhook-request-rate": "120"}
    answer = await http.options(PATHS["cloudevents"], headers=origin | bearer(token))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answer.headers["allow"] == "POST, PUT"
    for asked in ({}, {"webhook-request-origin": "a b"}, {"webhook-request-origin": "*"}):
        answer = await http.options(PATHS["cloudevents"], headers=asked, params={"token": token})
        assert (answer.status_code, "webhook-allowed-origin" in answer.headers) == (200, False)
    assert (await http.options(PATHS["cloudevents"], headers=origin)).status_code == 401
    assert (await http.options(PATHS["grafana"], headers=origin | bearer(token))).status_code == 405
    assert await kept(domain) == []
    sent = await http.post(PATHS["cloudevents"], json=cloudevent("failed", AT), headers=bearer(token))
    assert sent.json()["opened"] == 1


@pytest.mark.parametrize("prefix", ["", "/integrations/pagerduty"])
async def test_a_change_of_pagerduty_is_kept_and_opens_nothing(
    http: httpx.AsyncClient, domain: Domain, prefix: str
) -> None:
    _, token = await made(domain, "pagerduty")
    for _ in range(2):
        answer = await http.post(f"{prefix}/v2/change/enqueue", json=CHANGE | {"routing_key": token})
        assert (answer.status_code, answer.json()) == (202, {"status": "success", "message": "Change event processed"})
    [delivery] = await kept(domain)
    assert (delivery.outcome, delivery.opened, delivery.alerts) == (DeliveryOutcome.UNCHANGED, 0, 0)
    assert token not in (delivery.body or "")
    again = (await domain.integrations.receiver.replay(delivery.id)).value
    assert again.outcome is DeliveryOutcome.UNCHANGED


async def test_a_change_without_a_summary_and_an_event_with_a_change_in_it_are_refused(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    _, token = await made(domain, "pagerduty")
    for path, body, error in (
        ("/v2/change/enqueue", {"payload": {"summary": " "}}, "'payload.summary' is missing or blank"),
        ("/v2/change/enqueue", {}, "'payload.summary' is missing or blank"),
        ("/v2/enqueue", {"change_event": CHANGE}, "'event_action' must be one of trigger, acknowledge, resolve"),
    ):
        answer = await http.post(path, json=body | {"routing_key": token})
        assert (answer.status_code, answer.json()["errors"]) == (400, [error])
    answer = await http.post("/v2/change/enqueue", json=CHANGE | {"routing_key": "wrong"})
    assert (answer.status_code, answer.json()["errors"]) == (400, ["Invalid routing key"])
