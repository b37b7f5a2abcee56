"""Calls repeated under their idempotency key after their object was deleted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from graphql import GraphQLInputObjectType, get_named_type

from domain.bootstrap import Domain
from domain.model.commands import RelateIncidents
from domain.model.relation import RelationType
from domain.persistence.automation_tables import automation_runs
from domain.persistence.maintenance_tables import maintenances
from domain.persistence.unit_of_work import UnitOfWork
from gql.schema import schema
from tests.client import Api, Json, Stored
from tests.factories import ADMIN
from tests.gql.dialects import on_both_databases
from tests.gql.mutations.table import MUTATIONS, World, make_world
from tests.inside import inside

Delete = Callable[[Domain, World, str], Awaitable[Any]]


async def _forget_run(domain: Domain, _: World, identifier: str) -> None:
    async def work(unit: UnitOfWork) -> None:
        await unit.connection.execute(sa.delete(automation_runs).where(automation_runs.c.id == identifier))

    await inside(domain).database.write(work)


async def _forget_maintenance(domain: Domain, _: World, identifier: str) -> None:
    async def work(unit: UnitOfWork) -> None:
        await unit.connection.execute(sa.delete(maintenances).where(maintenances.c.id == identifier))

    await inside(domain).database.write(work)


#: For each mutation that takes a key: what to ask for, and how that goes away.
DELETIONS: dict[str, tuple[str, Delete]] = {
    "createIncident": ("incident", lambda domain, _, identifier: domain.incidents.delete(ADMIN, identifier)),
    "addIncidentUpdate": (
        "update",
        lambda domain, world, identifier: domain.timeline.delete(
            ADMIN, update_id=identifier, incident_id=world.incident.id
        ),
    ),
    "addIncidentLink": (
        "link",
        lambda domain, world, identifier: domain.links.remove(ADMIN, link_id=identifier, incident_id=world.incident.id),
    ),
    "relateIncidents": (
        "relation",
        lambda domain, world, _: domain.relations.unrelate(
            ADMIN, RelateIncidents(id=world.incident.id, type=RelationType.CAUSED_BY, to=world.other.id)
        ),
    ),
    "mergeIncident": ("incident", lambda domain, _, identifier: domain.incidents.delete(ADMIN, identifier)),
    "createSystem": ("system", lambda domain, _, identifier: domain.systems.delete(ADMIN, identifier)),
    "reportSystemHealth": ("system", lambda domain, _, identifier: domain.systems.delete(ADMIN, identifier)),
    "createAutomation": (
        "automation",
        lambda domain, _, identifier: domain.automations.service.delete(ADMIN, identifier),
    ),
    "installAutomation": (
        "automation",
        lambda domain, _, identifier: domain.automations.service.delete(ADMIN, identifier),
    ),
    "runAutomation": ("run", _forget_run),
    "scheduleMaintenance": ("maintenance", _forget_maintenance),
    "addMaintenanceUpdate": ("maintenance", _forget_maintenance),
}


def test_every_mutation_with_an_idempotency_key_is_tried() -> None:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    inputs = {name: get_named_type(field.args["input"].type) for name, field in mutations.fields.items()}
    keyed = {
        name
        for name, input in inputs.items()
        if isinstance(input, GraphQLInputObjectType) and "idempotencyKey" in input.fields
    }
    assert keyed == set(DELETIONS)


@on_both_databases
async def test_a_repeated_call_reports_that_its_object_is_deleted(api: Api, domain: Domain, stored: Stored) -> None:
    world = await make_world(domain)
    calls: dict[str, tuple[Json, str]] = {}
    for name, (noun, delete) in DELETIONS.items():
        effect = next(iter(MUTATIONS[name].effects.values()))
        input = {**effect.input(world), "idempotencyKey": f"once-{name}"}
        selection = f"{noun} {{ id }}"
        made = await api.admin.do(name, input, selection)
        assert (name, made["userErrors"]) == (name, [])
        assert (await api.admin.do(name, input, selection))[noun] == made[noun]
        calls[name] = input, selection
        # The system goes last: the others are about it.
        if name != "reportSystemHealth":
            await delete(domain, world, made[noun]["id"])
    await domain.systems.delete(ADMIN, world.system.id)
    before = await stored()
    for name, (input, selection) in calls.items():
        answer = await api.admin.do(name, input, selection)
        refusals = [(error["code"], error["field"]) for error in answer["userErrors"]]
        assert (name, refusals) == (name, [("NOT_FOUND", ["idempotencyKey"])])
        assert answer[DELETIONS[name][0]] is None
    assert await stored() == before


@pytest.mark.parametrize("name", ["addIncidentUpdate", "addIncidentLink"])
async def test_a_repeated_call_reports_that_its_incident_is_deleted(api: Api, domain: Domain, name: str) -> None:
    world = await make_world(domain)
    effect = next(iter(MUTATIONS[name].effects.values()))
    input = {**effect.input(world), "idempotencyKey": "once"}
    await api.admin.do(name, input)
    await domain.incidents.delete(ADMIN, world.incident.id)
    [error] = (await api.admin.do(name, input, "incident { id }"))["userErrors"]
    assert (error["code"], world.incident.id in error["message"]) == ("NOT_FOUND", True)


@on_both_databases
async def test_a_bulk_mutation_writes_a_repeated_id_once_with_two_results(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    a, b = world.incident.id, world.other.id
    for name in ("resolveIncidents", "deleteIncidents"):
        head = await domain.events.head()
        ids = [a, b, a, "inc_nowhere", a, "inc_nowhere"]
        results = (await api.admin.do(name, {"ids": ids}, MUTATIONS[name].selection))["results"]
        assert [(result["incidentId"], result["ok"]) for result in results] == [
            (identifier, identifier != "inc_nowhere") for identifier in ids
        ]
        assert [result["code"] for result in results if not result["ok"]] == ["NOT_FOUND"] * 2
        assert {change.entity_id for change in await domain.events.raw(head, limit=9)} == {a, b}
        # They are related: what is left of them when the first one is deleted changes, too.
        assert await domain.events.head() == head + 2 + (name == "deleteIncidents")
