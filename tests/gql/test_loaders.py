"""The statements of a list: as many for one row as for fifty."""

import asyncio
import gc
from collections.abc import Sequence
from typing import cast

import pytest

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.model.commands import AddIncidentLink, CreateIncident, EditIncidentUpdate, ReportSystemHealth
from domain.model.incident import Health, HealthOverride, Severity
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import origin_of
from gql.loaders import Loader
from tests.client import Api, Caller, Json
from tests.conftest import CountStatements
from tests.factories import ADMIN, log_of, make_incident, make_system
from tests.gql.dialects import on_both_databases
from tests.inside import inside

INCIDENTS = """
query Q($first: Int!) {
  incidents(first: $first) {
    totalCount
    nodes {
      title
      systems {
        key
        health { status reported { since } overrides { incidentTitle } }
        openIncidents(first: 2) { nodes { id } }
      }
      updates(first: 5) { totalCount nodes { message editHistory { id } } }
      links { totalCount nodes { url } }
      history { totalCount nodes { toValue } }
      inStateSince(field: STATUS)
      since: inStateSince(field: SYSTEM_IDS)
    }
  }
}
"""
SYSTEMS = """
query Q($first: Int!) {
  systems(first: $first) {
    totalCount
    nodes {
      health { status reported { status since message } overrides { incidentId } }
      openIncidents(first: 2) { totalCount nodes { id systems { key } } }
      incidents(last: 2) { totalCount nodes { id updates { totalCount } } }
    }
  }
}
"""
NODES = """
query Q($ids: [ID!]!) {
  nodes(ids: $ids) { id ... on IncidentUpdate { editHistory { id } } ... on IncidentChange { incident { title } } }
}
"""
CHANGES = """
query Q($first: Int!) {
  incidentChanges(first: $first) { totalCount nodes { incident { systems { key } } } }
}
"""


@on_both_databases
async def test_a_page_costs_the_same_for_one_incident_and_for_fifty(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    for key in "abcde":
        await make_system(domain, key)
    await _open(domain, *([str(number), "abcde"[number % 5]] for number in range(50)))
    await _report(domain, "abc")
    for incident in await _newest(api, 10):
        await _touch(domain, incident)
    one = await _cost(api.admin, count_statements, INCIDENTS, rows=1)
    assert await _cost(api.admin, count_statements, INCIDENTS, rows=50) == one
    assert len(one) <= 20


@on_both_databases
async def test_a_page_costs_the_same_for_one_system_and_for_twenty(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    keys = [(await make_system(domain, f"system-{number}")).key for number in range(20)]
    await _open(domain, *(["One", key] for key in keys), *(["Two", key, keys[0]] for key in keys))
    await _report(domain, keys[:10])
    one = await _cost(api.anonymous, count_statements, SYSTEMS, rows=1)
    assert await _cost(api.anonymous, count_statements, SYSTEMS, rows=20) == one


@on_both_databases
async def test_nodes_cost_one_read_for_each_kind(api: Api, domain: Domain, count_statements: CountStatements) -> None:
    keys = [(await make_system(domain, f"system-{number}")).key for number in range(10)]
    await _open(domain, *([key, key] for key in keys))
    for incident in await _newest(api, 10):
        await _touch(domain, incident)
    ids = await _ids_by_kind(api, domain)
    assert {len(some) for some in ids} == {10}
    few, many = [some[0] for some in ids], [one for some in ids for one in some]
    with count_statements() as sent_for_few:
        await api.admin.read(NODES, ids=few)
    with count_statements() as sent_for_many:
        found = (await api.admin.read(NODES, ids=many))["nodes"]
    assert [node["id"] for node in found] == many
    assert len(sent_for_many) == len(sent_for_few)


async def test_a_page_of_the_log_costs_the_same_for_one_event_and_for_many(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    await make_system(domain, "a")
    await _open(domain, *([str(number), "a"] for number in range(20)))
    one = await _cost(api.anonymous, count_statements, CHANGES, rows=1)
    assert await _cost(api.anonymous, count_statements, CHANGES, rows=20) == one


@pytest.mark.parametrize(
    ("with_count", "without"),
    [
        ("{ incidents { totalCount nodes { id } } }", "{ incidents { nodes { id } } }"),
        ("{ systems { totalCount nodes { id } } }", "{ systems { nodes { id } } }"),
        ("{ incidentChanges { totalCount nodes { id } } }", "{ incidentChanges { nodes { id } } }"),
        ("{ incidentEvents { totalCount nodes { id } } }", "{ incidentEvents { nodes { id } } }"),
        (
            "{ incident(number: 1) { updates { totalCount } links { totalCount } history { totalCount } } }",
            "{ incident(number: 1) { updates { nodes { id } } links { nodes { id } } history { nodes { field } } } }",
        ),
        (
            '{ system(key: "payments") { incidents { totalCount } openIncidents { totalCount } } }',
            '{ system(key: "payments") { incidents { nodes { id } } openIncidents { nodes { id } } } }',
        ),
    ],
)
async def test_a_list_is_counted_only_on_request(
    api: Api, domain: Domain, count_statements: CountStatements, with_count: str, without: str
) -> None:
    await make_incident(domain)
    with count_statements() as sent:
        await api.anonymous.read(without)
    assert [statement for statement in sent if "count(" in statement.lower()] == []
    with count_statements() as sent:
        await api.anonymous.read(with_count)
    assert [statement for statement in sent if "count(" in statement.lower()] != []


async def test_aliases_with_other_arguments_get_their_own_pages(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    data = await api.admin.read(
        "{ incident(number: 1) { a: history(first: 1) { nodes { field } } b: history(last: 1) { nodes { field } } } }"
    )
    assert data["incident"] == {"a": {"nodes": [{"field": "severity"}]}, "b": {"nodes": [{"field": "systemIds"}]}}


SHARED = """
query Q($id: ID!) {
  failing: system(id: $id) { health { status } incidents(after: "nonsense") { totalCount } }
  working: system(id: $id) { health { status } }
}
"""


async def test_a_failing_field_leaves_fields_that_load_the_same_intact(api: Api, domain: Domain) -> None:
    system = await make_system(domain, "shop")

    answer = await api.admin.send(SHARED, id=system.id)

    assert [error["path"] for error in answer["errors"]] == [["failing", "incidents"]]
    assert answer["data"] == {"failing": None, "working": {"health": {"status": "HEALTHY"}}}


async def test_a_load_that_fails_after_its_cancellation_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def fail(_: list[str]) -> list[str]:
        begun.set()
        await go_on.wait()
        raise UnavailableError

    loader = Loader(load_fn=fail)
    waiting = cast("asyncio.Future[str]", loader.load("one"))
    await begun.wait()
    assert loader.batch is not None
    [task] = loader.batch.tasks
    waiting.cancel()
    go_on.set()
    await asyncio.wait({task.future})
    del loader, task, waiting
    gc.collect()
    assert "never retrieved" not in caplog.text


async def _open(domain: Domain, *incidents: Sequence[str]) -> None:
    """Open incidents with these titles on these systems in one transaction, because fifty would take too long."""

    async def work(unit: UnitOfWork) -> None:
        for title, *systems in incidents:
            command = CreateIncident(
                title=title,
                severity=Severity.MAJOR,
                systems=systems,
                initial_message="Looking",
                health_override=HealthOverride.DEGRADED,
            )
            draft = domain.incidents.draft(ADMIN.actor, command)
            await domain.incidents.create_in(unit, draft, command, origin=origin_of(ADMIN))

    await inside(domain).database.write(work)


async def _report(domain: Domain, keys: Sequence[str]) -> None:
    """Report these systems as unhealthy in one transaction."""

    async def work(unit: UnitOfWork) -> None:
        for key in keys:
            command = ReportSystemHealth(system=key, status=Health.UNHEALTHY, message=f"{key} is down")
            await domain.health.report_in(unit, command, origin=origin_of(ADMIN))

    await inside(domain).database.write(work)


async def _newest(api: Api, count: int) -> list[Json]:
    page = "query Q($count: Int) { incidents(first: $count) { nodes { id updates { nodes { id } } } } }"
    nodes: list[Json] = (await api.admin.read(page, count=count))["incidents"]["nodes"]
    return nodes


async def _touch(domain: Domain, incident: Json) -> None:
    """Edit the incident's entry and add a link to it."""
    [entry] = incident["updates"]["nodes"]
    edit = EditIncidentUpdate(id=entry["id"], incident_id=incident["id"], message="Looking on")
    await domain.timeline.edit(ADMIN, edit)
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident["id"], url="https://example.com/"))


async def _cost(caller: Caller, count_statements: CountStatements, document: str, *, rows: int) -> list[str]:
    """Return the first words of every statement that the document costs, without parameters."""
    with count_statements() as sent:
        data: Json = await caller.read(document, first=rows)
    [connection] = data.values()
    assert len(connection["nodes"]) == rows
    return sorted(" ".join(statement.split())[:60] for statement in sent)


async def _ids_by_kind(api: Api, domain: Domain) -> list[list[str]]:
    incidents = (
        await api.admin.read("{ incidents { nodes { id updates { nodes { id } } links { nodes { id } } } } }")
    )["incidents"]["nodes"]
    systems = (await api.admin.read("{ systems { nodes { id } } }"))["systems"]["nodes"]
    return [
        [incident["id"] for incident in incidents[::-1]],
        [incident["updates"]["nodes"][0]["id"] for incident in incidents],
        [incident["links"]["nodes"][0]["id"] for incident in incidents],
        [system["id"] for system in systems],
        [change.id for change in (await log_of(domain))[:10]],
    ]
