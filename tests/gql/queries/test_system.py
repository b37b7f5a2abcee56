"""The queries for systems, triggers and the caller."""

from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.incident import Health, HealthOverride
from domain.model.moment import iso
from tests.client import Api, Json
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, make_incident, make_system, report_health


async def test_a_system_is_found_by_id_and_by_key(api: Api, domain: Domain) -> None:
    system = await make_system(domain, "search", description="Finds things")
    document = "query Q($id: ID, $key: String) { system(id: $id, key: $key) { id key name description } }"
    expected = {"id": system.id, "key": "search", "name": "Search", "description": "Finds things"}
    assert (await api.anonymous.read(document, id=system.id))["system"] == expected
    assert (await api.anonymous.read(document, key="search"))["system"] == expected


@pytest.mark.parametrize("asked", ['id: "sys_00000000000000000000000000"', 'id: "search"', 'key: "nowhere"', 'key: ""'])
async def test_an_unknown_system_is_null(api: Api, domain: Domain, asked: str) -> None:
    await make_system(domain, "search")
    assert await api.anonymous.read(f"{{ system({asked}) {{ id }} }}") == {"system": None}


async def test_systems_come_by_name_or_in_the_requested_order(api: Api, domain: Domain) -> None:
    for key in ("b", "c", "a"):
        await make_system(domain, key)
    orders = {
        "": "abc",
        "(orderBy: {field: NAME})": "abc",
        "(orderBy: {field: NAME, direction: DESC})": "cba",
        "(orderBy: {field: CREATED_AT})": "bca",
        "(orderBy: {field: CREATED_AT, direction: DESC})": "acb",
    }
    for arguments, keys in orders.items():
        nodes = (await api.anonymous.read(f"{{ systems{arguments} {{ nodes {{ key }} }} }}"))["systems"]["nodes"]
        assert (arguments, "".join(node["key"] for node in nodes)) == (arguments, keys)


async def test_a_system_has_the_worst_health_of_the_open_incidents(api: Api, domain: Domain) -> None:
    document = '{ system(key: "payments") { health { status overrides { status incidentTitle } } } }'
    await make_system(domain)
    health = [(await api.anonymous.read(document))["system"]["health"]]
    for override in (HealthOverride.DEGRADED, HealthOverride.UNHEALTHY, None):
        worst = await make_incident(domain, health_override=override, title=str(override))
        health.append((await api.anonymous.read(document))["system"]["health"])
    assert [step["status"] for step in health] == ["HEALTHY", "DEGRADED", "UNHEALTHY", "UNHEALTHY"]
    assert {said["incidentTitle"] for said in health[-1]["overrides"]} == {"degraded", "unhealthy"}
    assert worst.is_open


async def test_a_system_lists_all_and_open_incidents_newest_first(api: Api, domain: Domain) -> None:
    await make_system(domain, "search")
    first = await make_incident(domain, title="First")
    await make_incident(domain, "search", title="Elsewhere")
    await make_incident(domain, "payments", "search", title="Second")
    await domain.incidents.resolve(ADMIN, first.id)
    system = (
        await api.anonymous.read(
            '{ system(key: "payments") {'
            " incidents { totalCount nodes { title } } openIncidents { totalCount nodes { title } } } }"
        )
    )["system"]
    assert system["incidents"] == {"totalCount": 2, "nodes": [{"title": "Second"}, {"title": "First"}]}
    assert system["openIncidents"] == {"totalCount": 1, "nodes": [{"title": "Second"}]}


async def test_the_catalog_of_triggers_has_a_schema_of_each_payload(api: Api, domain: Domain) -> None:
    triggers = (
        await api.anonymous.read("{ triggers { name displayName description category icon payloadSchema contextKey } }")
    )["triggers"]
    by_id = {trigger["name"]: trigger for trigger in triggers}
    assert {"incident.created", "incident.updated", "incident.resolved"} <= set(by_id)
    for trigger in triggers:
        assert all(trigger[name] for name in trigger if name != "contextKey")
        # What time fires is about nothing in particular.
        assert trigger["contextKey"] in {"", *trigger["payloadSchema"]["properties"]}
    await make_incident(domain)
    [event] = (await api.anonymous.read("{ incidentEvents { nodes { payload } } }"))["incidentEvents"]["nodes"]
    required = by_id["incident.created"]["payloadSchema"]["required"]
    assert set(required) <= set(event["payload"])


PAST = """
query Q($from: DateTime!, $to: DateTime, $bucket: TimeBucket!) {
  systems {
    nodes {
      key
      healthHistory(from: $from, to: $to) { from to status reported override }
      uptime(from: $from, to: $to, bucket: $bucket) { from to healthySeconds degradedSeconds unhealthySeconds uptime }
    }
  }
}
"""


async def test_the_past_health_of_all_systems_is_read_with_three_statements(
    api: Api, domain: Domain, clock: SteppingClock, count_statements: CountStatements
) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    began = clock.moment
    clock.advance(hours=1)
    await report_health(domain, "api", Health.DEGRADED, observed_at=began + timedelta(minutes=30))
    at = began + timedelta(minutes=45)
    incident = await make_incident(domain, "api", health_override=HealthOverride.UNHEALTHY, occurred_at=at)
    clock.advance(hours=1)
    await domain.incidents.resolve(ADMIN, incident.id, resolved_at=began + timedelta(hours=1))
    span = {"from": iso(began), "to": iso(began + timedelta(hours=2)), "bucket": "HOUR"}
    with count_statements() as sent:
        nodes = (await api.anonymous.read(PAST, **span))["systems"]["nodes"]
    assert len([each for each in sent if "health_spans" in each]) == 3
    history = [(each["status"], each["reported"], each["override"]) for each in nodes[0]["healthHistory"]]
    assert history == [
        ("HEALTHY", "HEALTHY", None),
        ("DEGRADED", "DEGRADED", None),
        ("UNHEALTHY", "DEGRADED", "UNHEALTHY"),
        ("DEGRADED", "DEGRADED", None),
    ]
    assert [(each["status"], each["from"], each["to"]) for each in nodes[1]["healthHistory"]] == [
        ("HEALTHY", span["from"], span["to"])
    ]
    first, second = nodes[0]["uptime"][0], nodes[0]["uptime"][-1]
    assert (first["from"], second["to"]) == (span["from"], span["to"])
    seconds = [
        sum(point[f"{name}Seconds"] for point in nodes[0]["uptime"]) for name in ("healthy", "degraded", "unhealthy")
    ]
    assert seconds == [1800, 4500, 900]
    assert [point["uptime"] for point in nodes[1]["uptime"]] == [1.0] * len(nodes[1]["uptime"])


@pytest.mark.parametrize(
    ("span", "field"),
    [
        ({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "bucket": "DAY"}, ["from"]),
        ({"from": "2100-01-01T00:00:00Z", "bucket": "DAY"}, ["from"]),
        ({"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "bucket": "HOUR"}, ["bucket"]),
    ],
    ids=["backwards", "in the future", "too many points"],
)
async def test_a_span_that_is_none_or_has_too_many_points_is_refused(
    api: Api, domain: Domain, span: Json, field: list[str]
) -> None:
    await make_system(domain)
    errors = (await api.anonymous.post(json={"query": PAST, "variables": span})).json()["errors"]
    assert {(error["extensions"]["code"], *error["extensions"]["field"]) for error in errors} == {
        ("BAD_USER_INPUT", *field)
    }
    assert all(error["message"] for error in errors)
