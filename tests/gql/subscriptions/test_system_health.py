"""The subscription to systems' health: stored changes, then live ones, alone and in shared groups."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.incident import Health, HealthOverride
from tests.client import Json
from tests.factories import ADMIN, make_incident, make_system, report_health
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.gql.transport.sockets import Running, serving, until

DOCUMENT = """
subscription S($systems: [ID!], $after: String) {
  systemHealth(systems: $systems, after: $after) {
    cursor incidentId systems { previous status reported override system { key health { status } } }
  }
}
"""


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """Yield the application on a real server, where subscriptions are shared."""
    async with serving(domain) as running:
        yield running


@on_both_databases
async def test_each_change_of_reported_or_derived_health_comes_once_stored_and_live(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    after = await now(domain)
    await report_health(domain, "api", Health.DEGRADED)
    incident = await make_incident(domain, "api", "web", health_override=HealthOverride.UNHEALTHY)
    async with watching(domain, DOCUMENT, after=after) as watcher:
        seen = await watcher.data(2)
        # What changes no health does not come.
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Another"))
        await make_incident(domain, "api", health_override=HealthOverride.DEGRADED)
        await report_health(domain, "web", Health.HEALTHY)
        await domain.incidents.resolve(ADMIN, incident.id)
        seen += await watcher.data(2)
        assert seen[-1]["cursor"] == await now(domain)
    assert [each["incidentId"] for each in seen] == [None, incident.id, None, incident.id]
    assert [[_shown(step) for step in each["systems"]] for each in seen] == [
        [("api", "HEALTHY", "DEGRADED", "DEGRADED", None)],
        [
            ("api", "DEGRADED", "UNHEALTHY", "DEGRADED", "UNHEALTHY"),
            ("web", "HEALTHY", "UNHEALTHY", "HEALTHY", "UNHEALTHY"),
        ],
        [("web", "UNHEALTHY", "UNHEALTHY", "HEALTHY", "UNHEALTHY")],
        [("api", "UNHEALTHY", "DEGRADED", "DEGRADED", "DEGRADED"), ("web", "UNHEALTHY", "HEALTHY", "HEALTHY", None)],
    ]
    for place, event in enumerate(seen[:-1], start=1):
        async with watching(domain, DOCUMENT, after=event["cursor"], systems=["api", "web"]) as watcher:
            rest = await watcher.data(4 - place)
        assert [each["cursor"] for each in rest] == [each["cursor"] for each in seen[place:]]


async def test_members_of_a_group_and_those_who_catch_up_get_the_same(served: Running, domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    after = await now(domain)
    async with served.socket() as live, served.socket() as late:
        await live.subscribe(DOCUMENT, systems=["api"])
        await until(lambda: served.members == 1)
        for status in (Health.DEGRADED, Health.UNHEALTHY):
            await report_health(domain, "web", status)
            await report_health(domain, "api", status)
        received = [await _data(live) for _ in range(2)]
        await late.subscribe(DOCUMENT, systems=["api"], after=after)
        caught_up = [await _data(late) for _ in range(2)]
        incident = await make_incident(domain, "api", "web", health_override=HealthOverride.UNHEALTHY)
        await report_health(domain, "api", Health.HEALTHY)
        await domain.incidents.resolve(ADMIN, incident.id)
        for _ in range(2):
            received.append(await _data(live))
            caught_up.append(await _data(late))
        assert len(served.endpoint.groups) == 1
    events = [[(step["previous"], step["status"]) for step in each["systems"]] for each in received]
    assert events == [
        [("HEALTHY", "DEGRADED")],
        [("DEGRADED", "UNHEALTHY")],
        [("UNHEALTHY", "UNHEALTHY")],
        [("UNHEALTHY", "HEALTHY")],
    ]
    assert [each["cursor"] for each in received] == [each["cursor"] for each in caught_up]


@pytest.mark.parametrize(
    ("variables", "code", "field"),
    [
        ({"systems": []}, "BAD_USER_INPUT", ["systems"]),
        ({"systems": ["x"] * 101}, "BAD_USER_INPUT", ["systems"]),
        ({"systems": ["nowhere"]}, "UNKNOWN_SYSTEM", ["systems"]),
        ({"after": "nonsense"}, "BAD_USER_INPUT", ["after"]),
    ],
    ids=["none", "too many", "unknown", "cursor"],
)
async def test_a_subscription_that_cannot_begin_names_the_field(
    domain: Domain, variables: Json, code: str, field: list[str]
) -> None:
    async with watching(domain, DOCUMENT, **variables) as watcher:
        error = await watcher.error()
    assert (error["code"], error["field"]) == (code, field)


def _shown(step: Json) -> tuple[Any, ...]:
    return step["system"]["key"], *(step[name] for name in ("previous", "status", "reported", "override"))


async def _data(raw: Any) -> Json:
    node: Json = (await raw.next())["payload"]["data"]["systemHealth"]
    return node
