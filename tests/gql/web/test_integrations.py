"""The routes of integrations: tokens, bodies, and answers as the senders expect them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.alerts.service import WriteIntegration
from domain.bootstrap import Domain, running_domain
from domain.model.integration import DeliveryFilter, IntegrationDelivery, IntegrationType
from domain.model.paging import PageRequest
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.domain.alerts.payloads import EVENTS_MAPPING, alertmanager, pagerduty, prometheus_alert, series
from tests.factories import ADMIN
from tests.inside import inside

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
FIRING = alertmanager(prometheus_alert("HighErrors", AT))
PATHS = {
    "alertmanager": "/integrations/alertmanager",
    "grafana": "/integrations/grafana",
    "uptime_kuma": "/integrations/uptime-kuma",
    "healthchecks": "/integrations/healthchecks",
    "cloudevents": "/integrations/cloudevents",
    "events": "/integrations/events",
}


@asynccontextmanager
async def sending(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
        yield http


@pytest.fixture
async def http(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token."""
    async with sending(domain) as client:
        yield client


async def made(domain: Domain, kind: str = "alertmanager", **settings: Any) -> tuple[str, str]:
    """Create an integration, and return its id and its token."""
    if kind == "events":
        settings["mapping"] = EVENTS_MAPPING
    command = WriteIntegration(name="Monitor", **settings)
    integration, token = (await domain.integrations.create(ADMIN, IntegrationType(kind), command)).value
    return integration.id, token


async def kept(domain: Domain) -> list[IntegrationDelivery]:
    """Return all deliveries, newest first."""
    return list((await domain.integrations.delivery_page(PageRequest(size=100), DeliveryFilter())).items)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_each_route_takes_the_deliveries_of_its_format(http: httpx.AsyncClient, domain: Domain) -> None:
    for kind, path in PATHS.items():
        _, token = await made(domain, kind)
        for headers, parameters in ((bearer(token), {}), ({}, {"token": token})):
            answers = [
                await http.post(path, json=body, headers=headers, params=parameters) for body in series(kind, AT)
            ]
            assert [answer.status_code for answer in answers] == [200, 200, 200], kind
            assert {answer.json()["status"] for answer in answers} == {"ok"}
    counted = [(delivery.opened, delivery.resolved) for delivery in await kept(domain)]
    assert (counted.count((1, 0)), counted.count((0, 1))) == (len(PATHS), len(PATHS))


async def test_a_missing_or_wrong_token_is_refused_with_401_and_leaves_nothing(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    _, token = await made(domain)
    for headers, parameters in (({}, {}), (bearer("wrong"), {}), ({}, {"token": f"{token}x"}), (bearer("x" * 300), {})):
        answer = await http.post(PATHS["alertmanager"], json=FIRING, headers=headers, params=parameters)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await kept(domain) == []


async def test_a_token_of_the_api_is_none_of_an_integration_and_the_other_way_round(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    await domain.tokens.ensure_admin("an-admin-token-for-tests")
    answer = await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer("an-admin-token-for-tests"))
    assert answer.status_code == 401
    _, token = await made(domain)
    answer = await http.post("/graphql", json={"query": "{ viewer { role } }"}, headers=bearer(token))
    assert answer.status_code == 401


async def test_the_token_of_another_format_is_refused_with_403(http: httpx.AsyncClient, domain: Domain) -> None:
    _, token = await made(domain, "grafana")
    assert (await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(token))).status_code == 200
    answer = await http.post(PATHS["uptime_kuma"], json=FIRING, headers=bearer(token))
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (
        403,
        "This token is for /integrations/grafana, and not for this address.",
    )


async def test_a_rotated_token_and_that_of_a_deleted_integration_are_refused_at_once(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    identifier, token = await made(domain)
    assert (await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(token))).status_code == 200
    _, fresh = (await domain.integrations.rotate(ADMIN, identifier)).value
    statuses = [
        (await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(each))).status_code
        for each in (token, fresh)
    ]
    await domain.integrations.delete(ADMIN, identifier)
    statuses.append((await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(fresh))).status_code)
    assert statuses == [401, 200, 401]


async def test_a_delivery_for_an_integration_deleted_by_another_process_is_refused_as_by_a_wrong_token(
    http: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    # For as long as this process still knows them.
    clock.step = timedelta(0)
    alerts, events = await made(domain), await made(domain, "pagerduty")
    for identifier, token in (alerts, events):
        assert await domain.integrations.with_token(token) is not None
        await inside(domain).database.write(lambda unit, identifier=identifier: unit.integrations.delete(identifier))  # type: ignore[misc]
    event = {**pagerduty("trigger"), "routing_key": events[1]}
    first, second = (
        await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(alerts[1])),
        await http.post("/v2/enqueue", json=event),
    )
    assert (first.status_code, first.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
    assert (second.status_code, second.json()["errors"]) == (400, ["Invalid routing key"])


async def test_a_body_that_is_not_understood_is_refused_with_400_and_kept(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    _, token = await made(domain)
    answers = [
        await http.post(PATHS["alertmanager"], content=content, headers=bearer(token))
        for content in (b"{", b"[]", b"\xff\0")
    ]
    assert [answer.status_code for answer in answers] == [400] * 3
    found = [answer.json()["errors"][0] for answer in answers]
    deliveries = (await kept(domain))[::-1]
    assert [error["extensions"]["delivery"] for error in found] == [delivery.id for delivery in deliveries]
    assert [error["message"] for error in found] == [delivery.reason for delivery in deliveries]
    assert [delivery.body for delivery in deliveries] == ["{", "[]", "\N{REPLACEMENT CHARACTER}" * 2]


async def test_a_disabled_integration_answers_403_and_keeps_the_delivery(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    _, token = await made(domain, enabled=False)
    answer = await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(token))
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert [delivery.outcome for delivery in await kept(domain)] == ["refused"]


async def test_a_large_body_is_refused_with_413_and_the_refusal_is_kept(settings: Settings) -> None:
    async with running_domain(replace(settings, max_body_bytes=1000), clock=SteppingClock()) as domain:
        _, token = await made(domain)
        async with sending(domain) as http:
            answer = await http.post(PATHS["alertmanager"], content=b"x" * 1001, headers=bearer(token))
        [delivery] = await kept(domain)
    assert answer.status_code == 413
    assert (delivery.reason, delivery.body) == ("A request may have 1000 bytes at most.", None)


async def test_an_integration_over_its_rate_limit_is_refused_with_429(settings: Settings) -> None:
    async with running_domain(replace(settings, rate_limit=10), clock=SteppingClock()) as domain:
        _, token = await made(domain)
        async with sending(domain) as http:
            statuses = [
                (await http.post(PATHS["alertmanager"], json=FIRING, headers=headers)).status_code
                for headers in (bearer("wrong"), bearer("wrong"), bearer(token), bearer(token))
            ]
    assert statuses == [401, 429, 200, 429]


async def test_an_outage_is_answered_with_503_so_that_the_sender_retries(
    http: httpx.AsyncClient, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = await made(domain)
    assert (await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(token))).status_code == 200

    async def away(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(inside(domain).database._engines.transactions, "run", away)
        answer = await http.post(PATHS["alertmanager"], json=FIRING, headers=bearer(token))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("path", ["/integrations/pagerduty/v2/enqueue", "/v2/enqueue"])
async def test_events_are_answered_as_pagerduty_answers_them(
    http: httpx.AsyncClient, domain: Domain, path: str
) -> None:
    _, key = await made(domain, "pagerduty")
    assert len(key) == 32
    assert key.isalnum()
    answer = await http.post(path, json=pagerduty() | {"routing_key": key})
    assert (answer.status_code, answer.json()) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "disk-1"},
    )
    fresh = [(await http.post(path, json=pagerduty(key=None) | {"routing_key": key})).json() for _ in range(2)]
    assert fresh[0] == fresh[1]
    assert len(fresh[0]["dedup_key"]) == 32


BAD_EVENTS: Mapping[str, tuple[Any, str]] = {
    "another key": (pagerduty() | {"routing_key": "f" * 32}, "Invalid routing key"),
    "no key": ({"event_action": "trigger"}, "Invalid routing key"),
    "a list": ([], "Invalid routing key"),
    "no action": ({}, "'event_action' must be one of trigger, acknowledge, resolve"),
    "no summary": (pagerduty(summary=" "), "'payload.summary' is missing or blank"),
    "no payload": ({"event_action": "trigger"}, "'payload' is missing"),
    "no dedup_key": (pagerduty("resolve", key=None), "'dedup_key' is missing or blank"),
    "another severity": (pagerduty(severity="odd"), "'payload.severity' must be one of critical, error, warning, info"),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
async def test_a_bad_event_is_answered_as_pagerduty_answers_it(
    http: httpx.AsyncClient, domain: Domain, name: str
) -> None:
    _, key = await made(domain, "pagerduty")
    event, problem = BAD_EVENTS[name]
    if problem != "Invalid routing key":
        event = {**event, "routing_key": key}
    answer = await http.post("/v2/enqueue", json=event)
    assert (answer.status_code, answer.json()) == (
        400,
        {"status": "invalid event", "message": "Event object is invalid", "errors": [problem]},
    )
    assert [delivery.outcome for delivery in await kept(domain)] == ["refused"] * (problem != "Invalid routing key")


async def test_an_event_in_the_binary_form_is_the_same_as_in_the_structured_one(
    http: httpx.AsyncClient, domain: Domain
) -> None:
    _, token = await made(domain, "cloudevents")
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/checks", "ce-subject": "caf%C3%A9"}
    path, data = PATHS["cloudevents"], {"title": "Down"}
    for kind in ("failed", "failed", "recovered"):
        answer = await http.post(path, json=data, headers={**headers, "ce-type": f"x.{kind}", **bearer(token)})
        assert answer.status_code == 200
    batch = {"specversion": "1.0", "id": "2", "source": "/checks", "subject": "caf\u00e9", "type": "x.failed"}
    answer = await http.post(
        path, json=[batch], headers={"content-type": "application/cloudevents-batch+json", **bearer(token)}
    )
    assert answer.json()["opened"] == 1
    totals = [(delivery.opened, delivery.resolved, delivery.times) for delivery in await kept(domain)]
    assert totals == [(1, 0, 1), (0, 1, 1), (0, 0, 1), (1, 0, 1)]


async def test_other_methods_are_refused_with_405(http: httpx.AsyncClient, domain: Domain) -> None:
    _, token = await made(domain)
    answer = await http.get(PATHS["alertmanager"], headers=bearer(token))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT")
