"""Reports of systems' health by monitors."""

import asyncio

import pytest

from domain.bootstrap import Domain
from domain.model.incident import Health, HealthOverride
from tests.client import Api, Json
from tests.factories import events_of, make_incident, make_system, report_health
from tests.gql.dialects import on_both_databases
from tests.inside import inside

SHOWN = "system { key health { status reported { status message since observedAt reportedAt } overrides { status } } }"


async def test_a_report_shows_in_its_payload_and_in_the_system(api: Api, domain: Domain) -> None:
    await make_system(domain)
    report = {"system": "payments", "status": "DEGRADED", "message": "Slow", "observedAt": "2026-03-01T08:59:00Z"}
    payload = await api.responder.do("reportSystemHealth", report, SHOWN)
    assert payload["userErrors"] == []
    health = payload["system"]["health"]
    reported = health["reported"]
    assert (health["status"], health["overrides"]) == ("DEGRADED", [])
    assert (reported["status"], reported["message"]) == ("DEGRADED", "Slow")
    assert (reported["observedAt"], reported["since"]) == ("2026-03-01T08:59:00.000Z", reported["reportedAt"])
    assert await api.anonymous.read(f'{{ system(key: "payments") {{ {SHOWN[9:]} }}') == {"system": payload["system"]}


async def test_a_system_without_a_report_is_healthy(api: Api, domain: Domain) -> None:
    await make_system(domain)
    health = await _health(api)
    assert health == {"status": "HEALTHY", "reported": None, "overrides": []}


@pytest.mark.parametrize(
    ("reported", "override", "worst"),
    [
        (Health.HEALTHY, HealthOverride.DEGRADED, "DEGRADED"),
        (Health.DEGRADED, HealthOverride.UNHEALTHY, "UNHEALTHY"),
        (Health.UNHEALTHY, HealthOverride.DEGRADED, "UNHEALTHY"),
        (Health.DEGRADED, None, "DEGRADED"),
    ],
)
async def test_a_system_has_the_worst_health_of_its_report_and_open_incidents(
    api: Api, domain: Domain, reported: Health, override: HealthOverride | None, worst: str
) -> None:
    await make_incident(domain, health_override=override)
    await report_health(domain, "payments", reported)
    health = await _health(api)
    assert health["status"] == worst
    assert health["reported"]["status"] == reported.name
    assert [said["status"] for said in health["overrides"]] == ([override.name] if override else [])


async def test_an_outdated_report_returns_the_present_health(api: Api, domain: Domain) -> None:
    await make_system(domain)
    await report_health(domain, "payments", Health.UNHEALTHY)
    late = {"system": "payments", "status": "HEALTHY", "observedAt": "2026-03-01T08:00:00Z"}
    payload = await api.responder.do("reportSystemHealth", late, SHOWN)
    assert (payload["userErrors"], payload["system"]["health"]["status"]) == ([], "UNHEALTHY")
    assert payload["cursor"] == inside(domain).cursors.position(await domain.events.head())


@pytest.mark.parametrize(
    ("input", "code", "field"),
    [
        ({"system": "nowhere"}, "UNKNOWN_SYSTEM", "system"),
        ({"system": "payments", "observedAt": "2027-01-01T00:00:00Z"}, "BAD_USER_INPUT", "observedAt"),
        ({"system": "payments", "message": "x" * 25_001}, "BAD_USER_INPUT", "message"),
        ({"system": "payments", "idempotencyKey": " "}, "BAD_USER_INPUT", "idempotencyKey"),
    ],
    ids=["unknown system", "future", "long message", "blank key"],
)
async def test_an_invalid_report_is_refused_with_its_field(
    api: Api, domain: Domain, input: Json, code: str, field: str
) -> None:
    await make_system(domain)
    payload = await api.responder.do("reportSystemHealth", {"status": "DEGRADED", **input}, SHOWN)
    [error] = payload["userErrors"]
    assert (error["code"], error["field"], payload["system"]) == (code, [field], None)
    assert await events_of(domain) == []


async def test_a_token_limited_to_other_systems_may_not_report(api: Api, domain: Domain) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    made = await api.admin.do(
        "createToken", {"name": "search monitor", "role": "RESPONDER", "systemIds": ["search"]}, "secret"
    )
    monitor = type(api.admin)(http=api.admin.http, token=made["secret"])
    refusal = await monitor.refusal("reportSystemHealth", {"system": "payments", "status": "DEGRADED"})
    assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["system"])
    payload = await monitor.do("reportSystemHealth", {"system": "search", "status": "DEGRADED"}, SHOWN)
    assert payload["system"]["health"]["status"] == "DEGRADED"


@on_both_databases
async def test_two_concurrent_first_reports_fire_once(api: Api, domain: Domain) -> None:
    await make_system(domain)
    report = {"system": "payments", "status": "UNHEALTHY"}
    payloads = await asyncio.gather(*(api.responder.do("reportSystemHealth", report, SHOWN) for _ in range(4)))
    assert [payload["system"]["health"]["status"] for payload in payloads] == ["UNHEALTHY"] * 4
    assert await events_of(domain) == ["system.degraded", "system.health_changed"]


async def _health(api: Api) -> Json:
    data = await api.anonymous.read(f'{{ system(key: "payments") {{ {SHOWN[9:]} }}')
    health: Json = data["system"]["health"]
    return health
