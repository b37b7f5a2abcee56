"""Live lists of systems: their own changes, and those of their health, as the query `systems` shows them."""

from collections.abc import Sequence
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, ReportSystemHealth, UpdateIncident, UpdateSystem
from domain.model.incident import Health, HealthOverride, Status
from domain.model.system import System
from domain.model.viewer import Role, Visibility
from domain.persistence.projections import Projection
from domain.services.list_readers import SystemReader, Whole
from gql.limits.costs import cost_of
from gql.schema import schema
from gql.transport.list_groups import ListGroup
from tests.client import Json
from tests.examples import share
from tests.factories import ADMIN, make_incident, make_system, report_health, set_status
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Raw, Running, until
from tests.gql.transport.system_walk import check
from tests.inside import inside

DECLARED = "$after: String, $first: Int, $f: SystemCatalogFilter, $o: SystemOrder"
ARGUMENTS = "after: $after, first: $first, filter: $f, orderBy: $o"
LIST = f"""subscription ({DECLARED}) {{ systemList({ARGUMENTS}) {{ cursor startsOver totalCount changes {{
  __typename action at: index previousIndex systemId
  system {{ key name health {{ status overrides {{ incidentTitle }} }} openIncidents {{ totalCount }} }}
}} }} }}"""
UNWELL = {"health": {"notIn": ["HEALTHY"]}}
NEWEST = {"field": "CREATED_AT", "direction": "DESC"}


@on_both_databases
async def test_whatever_is_written_a_list_is_what_the_query_shows(domain: Domain) -> None:
    walk = await check(domain, seed=3, steps=share(30), lists=14)
    assert sum(follower.resumed for follower in walk.followers) > 10
    assert sum(follower.started_over for follower in walk.followers) > 0


async def test_so_it_is_where_the_database_alone_compares_names(domain: Domain) -> None:
    walk = await check(domain, seed=5, steps=8, lists=7, compares_names=False)
    assert sum(follower.resumed for follower in walk.followers) > 0


async def test_a_list_begins_as_it_is_and_goes_on_with_its_changes(served: Running, domain: Domain, path: str) -> None:
    web, api = await make_system(domain, "web"), await make_system(domain, "api")
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        begun = await _update(raw)
        await domain.systems.update(ADMIN, UpdateSystem(system="web", name="A web"))
        renamed = await _update(raw)
        mail = await make_system(domain, "mail")
        added = await _update(raw)
        await domain.systems.delete(ADMIN, "api")
        removed = await _update(raw)

    assert _shown(begun) == (True, 2, [("PUT", 0, None, api.id, "HEALTHY"), ("PUT", 1, None, web.id, "HEALTHY")])
    assert _shown(renamed) == (False, 2, [("MOVE", 0, 1, web.id, "HEALTHY")])
    assert _shown(added) == (False, 3, [("PUT", 2, None, mail.id, "HEALTHY")])
    assert _shown(removed) == (False, 2, [("REMOVE", None, 1, api.id, None)])
    assert removed["cursor"] == await now(domain)


async def test_a_change_of_health_puts_each_system_that_it_is_about(served: Running, domain: Domain, path: str) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    await make_system(domain, "mail")
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        await _update(raw)
        incident = await make_incident(domain, "api", "web", title="Slow", health_override=HealthOverride.DEGRADED)
        opened = await _update(raw)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Very slow"))
        retitled = await _update(raw)
        await report_health(domain, "web", Health.UNHEALTHY)
        reported = await _update(raw)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["api"]))
        lowered = await _update(raw)
        await set_status(domain, incident, Status.RESOLVED)
        resolved = await _update(raw)

    assert _shown(opened)[2] == [("PUT", 0, 0, api.id, "DEGRADED"), ("PUT", 2, 2, web.id, "DEGRADED")]
    assert [_titles(each) for each in opened["changes"]] == [["Slow"], ["Slow"]]
    # It shows in `overrides`, though the health is the same.
    assert [_titles(each) for each in retitled["changes"]] == [["Very slow"], ["Very slow"]]
    assert _shown(reported)[2] == [("PUT", 2, 2, web.id, "UNHEALTHY")]
    assert [(each["systemId"], _titles(each)) for each in lowered["changes"]] == [(web.id, [])]
    assert _shown(resolved)[2] == [("PUT", 0, 0, api.id, "HEALTHY")]
    assert resolved["changes"][0]["system"]["openIncidents"] == {"totalCount": 0}


async def test_what_changes_no_item_sends_nothing(served: Running, domain: Domain, reads: list[int]) -> None:
    await make_system(domain, "api")
    await report_health(domain, "api", Health.DEGRADED)
    async with served.socket() as raw, served.socket() as other:
        await raw.subscribe(LIST)
        await _update(raw)
        reads.clear()
        incident = await make_incident(domain, "api")
        note = AddIncidentUpdate(incident_id=incident.id, message="Hm", visibility=Visibility.INTERNAL)
        await domain.timeline.add(ADMIN, note)
        await domain.health.report(ADMIN, ReportSystemHealth(system="api", status=Health.DEGRADED))
        # Another list is up to date only once the first one was, too.
        await other.subscribe(LIST, first=1)
        await _update(other)
        await raw.ping()

    assert reads == [2], "nothing but the other list"


async def test_a_filter_by_health_lets_systems_enter_and_leave(served: Running, domain: Domain, path: str) -> None:
    systems = {key: await make_system(domain, key) for key in ("api", "mail", "web")}
    await report_health(domain, "api", Health.DEGRADED)
    async with served.socket() as raw:
        await raw.subscribe(LIST, f=UNWELL, o=NEWEST)
        begun = await _update(raw)
        incident = await make_incident(domain, "api", "web", health_override=HealthOverride.UNHEALTHY)
        entered = await _update(raw)
        cursor = entered["cursor"]
        await domain.incidents.delete(ADMIN, incident.id)
        left = await _update(raw)
        await report_health(domain, "api", Health.HEALTHY)
        await report_health(domain, "mail", Health.DEGRADED)
        await raw.subscribe(LIST, f=UNWELL, o=NEWEST, id="2", after=cursor)
        resumed = await _next(raw, "2")

    api, mail, web = (systems[key].id for key in ("api", "mail", "web"))
    assert _shown(begun) == (True, 1, [("PUT", 0, None, api, "DEGRADED")])
    assert _shown(entered) == (False, 2, [("PUT", 0, None, web, "UNHEALTHY"), ("PUT", 1, 1, api, "UNHEALTHY")])
    assert _shown(left) == (False, 1, [("REMOVE", None, 0, web, None), ("PUT", 0, 0, api, "DEGRADED")])
    gone = [("REMOVE", None, 0, web, None), ("REMOVE", None, 0, api, None)]
    assert _shown(resumed) == (False, 1, [*gone, ("PUT", 0, None, mail, "DEGRADED")])


async def test_a_list_resumes_with_what_changed_or_starts_over(served: Running, domain: Domain, path: str) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    async with served.socket() as raw:
        await raw.subscribe(LIST, f={"text": "web"})
        cursor = (await _update(raw))["cursor"]
    await report_health(domain, "web", Health.DEGRADED)
    await domain.systems.update(ADMIN, UpdateSystem(system="api", name="Z api"))
    async with served.socket() as raw:
        await raw.subscribe(LIST, id="a", after=cursor)
        resumed = await _update(raw)
        await raw.subscribe(LIST, id="b", after=resumed["cursor"])
        nothing = await _update(raw)
        await raw.subscribe(LIST, id="c", after=inside(domain).cursors.position(10**6))
        unknown = await _update(raw)
        # Whether a name matched is not in the log.
        await raw.subscribe(LIST, id="d", f={"text": "web"}, after=cursor)
        searched = await _update(raw)

    assert _shown(resumed) == (False, 2, [("MOVE", 0, 1, web.id, "DEGRADED"), ("PUT", 1, 1, api.id, "HEALTHY")])
    assert _shown(nothing) == (False, 2, [])
    assert _shown(unknown)[:2] == (True, 2)
    assert _shown(searched) == (True, 1, [("PUT", 0, None, web.id, "DEGRADED")])


async def test_a_step_is_one_statement_and_none_where_memory_suffices(
    served: Running, domain: Domain, reads: list[int]
) -> None:
    for number in range(8):
        await make_system(domain, f"key-{number}")
    async with served.socket() as raw:
        await raw.subscribe(LIST, first=3, o={"field": "CREATED_AT"})
        await _update(raw)
        reads.clear()
        await make_incident(domain, "key-0", "key-2", "key-7", health_override=HealthOverride.UNHEALTHY)
        await _update(raw)
        assert reads == [1], "the systems that are shown"
        await report_health(domain, "key-6", Health.DEGRADED)
        await domain.systems.delete(ADMIN, "key-5")
        assert _shown(await _update(raw)) == (False, 7, [])
        assert reads == [1], "nothing that is shown"
        await domain.systems.delete(ADMIN, "key-1")
        await _update(raw)
        assert reads == [1, 2], "the whole list, because one enters it from below"


async def test_equal_subscriptions_share_one_list(served: Running, domain: Domain, reads: list[int]) -> None:
    await make_system(domain, "api")
    async with served.socket() as first, served.socket(Role.ADMIN) as second, served.socket() as third:
        for raw in (first, third):
            await raw.subscribe(LIST, f=UNWELL)
            await _update(raw)
        await second.subscribe(LIST, f=UNWELL)
        await _update(second)
        assert len(served.endpoint.groups) == 2, "one for each audience"
        reads.clear()
        await report_health(domain, "api", Health.DEGRADED)
        updates = [await _update(raw) for raw in (first, second, third)]

    assert updates[0] == updates[1] == updates[2]
    assert len(reads) == 2


async def test_what_memory_cannot_show_takes_the_other_path(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await make_system(domain, "api")
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        await _update(raw)
        executed: list[int] = []
        original = SystemReader.whole

        async def whole(self: SystemReader, size: int, departed: Sequence[str]) -> Whole[System]:
            executed.append(size)
            return await original(self, size, departed)

        async def unreadable(*_: Any) -> None:
            return None

        monkeypatch.setattr(SystemReader, "whole", whole)
        monkeypatch.setattr(Projection, "read", unreadable)
        await report_health(domain, "api", Health.DEGRADED)
        changed = await _update(raw)

    assert _shown(changed) == (False, 1, [("PUT", 0, 0, api.id, "DEGRADED")])
    assert executed == [25]


async def test_a_list_over_a_stream_resumes_by_its_last_event(served: Running, domain: Domain) -> None:
    await make_system(domain, "api")
    async with served.stream(query=LIST) as stream:
        event = await stream.next()
    assert event is not None
    await report_health(domain, "api", Health.DEGRADED)
    async with served.stream(query=LIST, after=event["id"]) as stream:
        [resumed] = await stream.data()
    assert [each["action"] for each in resumed["changes"]] == ["PUT"]
    assert not resumed["startsOver"]


def lists_of(served: Running) -> list[ListGroup]:
    """Return the groups of lists that the server has."""
    return [each for each in served.endpoint.groups._groups.values() if isinstance(each, ListGroup)]


async def test_a_socket_that_leaves_while_it_joins_leaves_nothing(served: Running, domain: Domain) -> None:
    await make_system(domain)
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        await raw.send({"id": "1", "type": "complete"})
        await raw.send({"type": "ping"})
        while (await raw.next())["type"] != "pong":
            pass
        await until(lambda: not lists_of(served))
        assert lists_of(served) == []


async def test_bad_arguments_are_refused_to_each(served: Running) -> None:
    wrong: dict[str, Json] = {
        "a": {"first": 101},
        "b": {"first": 0},
        "c": {"f": {"key": {"in": []}}},
        "d": {"f": {"text": " ".join(map(str, range(40)))}},
        "e": {"after": "made up"},
        "f": {"after": 5},
        "g": {"o": {"field": "HEALTH"}},
    }
    async with served.socket() as raw:
        for name, variables in wrong.items():
            await raw.subscribe(LIST, id=name, **variables)
        answers = [await raw.next() for _ in wrong]
    refusals = {answer["id"]: answer["payload"][0]["extensions"] for answer in answers}
    assert {name: (each["code"], each.get("field")) for name, each in refusals.items()} == {
        "a": ("BAD_USER_INPUT", ["first"]),
        "b": ("BAD_USER_INPUT", ["first"]),
        "c": ("BAD_USER_INPUT", ["filter", "key"]),
        "d": ("BAD_USER_INPUT", ["filter", "text"]),
        "e": ("BAD_USER_INPUT", ["after"]),
        "f": ("GRAPHQL_VALIDATION_FAILED", ["after"]),
        "g": ("GRAPHQL_VALIDATION_FAILED", ["field"]),
    }


def test_a_list_costs_what_the_query_does_and_a_point_for_each_change() -> None:
    item = "key health { overrides { incidentTitle } }"
    query = _cost(f"{{ systems(first: 40) {{ nodes {{ {item} }} }} }}")
    assert _cost(f"subscription {{ systemList(first: 40) {{ changes {{ system {{ {item} }} }} }} }}") == query + 40


def _cost(text: str) -> int:
    document = parse(text)
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return cost_of(schema._schema, document, operation, {})


async def _update(raw: Raw) -> Json:
    [update] = await raw.data()
    found: Json = update
    return found


async def _next(raw: Raw, identifier: str) -> Json:
    """Return the next update of one subscription among others."""
    while True:
        message = await raw.next()
        if message["id"] == identifier:
            found: Json = message["payload"]["data"]["systemList"]
            return found


def _titles(change: Json) -> list[str]:
    return [each["incidentTitle"] for each in change["system"]["health"]["overrides"]]


def _shown(update: Json) -> tuple[bool, int, list[tuple[Any, ...]]]:
    changes = []
    for each in update["changes"]:
        assert each["__typename"] == "SystemListChange"
        status = each["system"]["health"]["status"] if each["system"] else None
        changes.append((each["action"], each["at"], each["previousIndex"], each["systemId"], status))
    return update["startsOver"], update["totalCount"], changes
