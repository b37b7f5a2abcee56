"""The queries for systems, triggers and the caller."""

import pytest

from domain.bootstrap import Domain
from domain.model.incident import HealthOverride
from tests.client import Api
from tests.factories import ADMIN, make_incident, make_system


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
