"""The rules of every mutation of the schema."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.change import Change
from domain.persistence.log_tables import entity_transitions
from gql.schema import schema
from tests.client import Api, Json, Stored
from tests.gql.dialects import on_both_databases
from tests.gql.mutations.table import IN_A_FRESH_WORLD, MUTATIONS, Input, Row, make_world
from tests.inside import inside

#: Whatever they do not refuse has an effect, and they take no idempotency key.
ALWAYS_EFFECTIVE = {
    "deleteIncident",
    "deleteIncidents",
    "deleteIncidentUpdate",
    "removeIncidentLink",
    "unrelateIncidents",
    "deleteSystem",
    "createToken",
    "createSecret",
    "updateSecret",
    "deleteSecret",
    "deleteAutomation",
    "createIntegration",
    "rotateIntegrationToken",
    "deleteIntegration",
    "replayDelivery",
    "createChannel",
    "testChannel",
    "deleteChannel",
    "createWebhook",
    "rotateWebhookSecret",
    "redeliver",
    "redeliverWebhook",
    "testWebhook",
    "deleteVisitorSubscription",
    "deleteWebhook",
    "cancelMaintenanceInstance",
    "endMaintenance",
    "cancelMaintenance",
}


def test_the_table_has_every_mutation_of_the_schema() -> None:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    assert set(mutations.fields) == set(MUTATIONS)


def test_every_mutation_but_deletions_has_a_call_without_effect() -> None:
    without = {name for name, row in MUTATIONS.items() if row.no_op is None and not row.repeated}
    assert without == ALWAYS_EFFECTIVE


# On PostgreSQL as well, each of these writes is made by tests/gql/compiled/test_mutations.py.
async def test_a_mutation_records_one_change_per_incident_with_its_transitions(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    for name, label in [(name, label) for name, row in MUTATIONS.items() for label in row.effects]:
        effect = MUTATIONS[name].effects[label]
        if (name, label) in IN_A_FRESH_WORLD:
            world = await make_world(domain)
        before = await domain.events.head()
        payload = await api.admin.do(name, effect.input(world), MUTATIONS[name].selection)
        new = await domain.events.raw(before, limit=100)
        assert (name, payload["userErrors"]) == (name, [])
        assert (name, label, *(change.action for change in new)) == (name, label, *effect.actions)
        assert len({(change.kind, change.entity_id) for change in new}) == len(new)
        assert await _transitions(domain, new) == {change.id: _diff(change) for change in new if _diff(change)}
        assert payload["cursor"] == inside(domain).cursors.position(new[-1].seq if new else before)


@on_both_databases
async def test_a_mutation_without_effect_writes_nothing_and_returns_the_log_s_position(
    api: Api, domain: Domain, stored: Stored
) -> None:
    world = await make_world(domain)
    for name, row in MUTATIONS.items():
        if row.repeated:
            await api.admin.do(name, _repeated(row)(world))
    before = await stored()
    head = inside(domain).cursors.position(await domain.events.head())
    for name, row in MUTATIONS.items():
        refusal = await api.admin.do(name, row.refused(world), row.selection)
        assert (name, refusal["cursor"], *_codes(refusal)) == (name, head, row.code)
        no_op = _repeated(row) if row.repeated else row.no_op
        if no_op is not None:
            answer = await api.admin.do(name, no_op(world), row.selection)
            # A repeated call gets the first one's answer, with the position of that write.
            assert (name, answer["cursor"] == head or row.repeated, *_codes(answer)) == (name, True)
    assert await stored() == before


async def test_a_refusal_has_a_sentence_and_a_field(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    for name, row in MUTATIONS.items():
        input = row.refused(world)
        [error] = (await api.admin.do(name, input, row.selection))["userErrors"]
        assert re.fullmatch(r"[A-Z].*\.", error["message"])
        assert error["field"][0] in input


async def test_a_bulk_mutation_has_a_result_for_each_id(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    row = MUTATIONS["deleteIncidents"]
    ids = row.effects["some"].input(world)["ids"]
    results = (await api.admin.do("deleteIncidents", {"ids": ids}, row.selection))["results"]
    assert [(result["incidentId"], result["ok"], result["code"]) for result in results] == [
        (ids[0], True, None),
        (ids[1], False, "NOT_FOUND"),
        (ids[2], True, None),
    ]


async def test_a_bulk_mutation_goes_on_after_a_refused_id(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    ids = ["inc_nowhere", world.incident.id]
    row = MUTATIONS["resolveIncidents"]
    first, second = (await api.admin.do("resolveIncidents", {"ids": ids}, row.selection))["results"]
    assert (first["ok"], first["incident"]) == (False, None)
    assert second["incident"] == {"status": "RESOLVED"}


def _repeated(row: Row) -> Input:
    return next(iter(row.effects.values())).input


def _codes(payload: Json) -> list[str]:
    refusals = [*payload["userErrors"], *(result for result in payload.get("results", ()) if not result["ok"])]
    return [refusal["code"] for refusal in refusals]


def _diff(change: Change) -> dict[str, tuple[str | None, str]]:
    """Return the reactive fields that differ in a recorded change, computed again; none for a deletion."""
    if change.next is None:
        return {}
    return {
        name: (None if change.prev is None else _text(change.prev[name]), _text(value))
        for name, value in change.next.items()
        if value != (None if change.prev is None else change.prev[name])
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


async def _transitions(domain: Domain, changes: Sequence[Change]) -> Mapping[str, Mapping[str, tuple[str | None, str]]]:
    columns = entity_transitions.c
    statement = sa.select(columns.change_id, columns.field, columns.from_value, columns.to_value)
    found: dict[str, dict[str, tuple[str | None, str]]] = {}
    async with inside(domain).database._engines.reader.connect() as connection:
        ids = [change.id for change in changes]
        for change_id, field, before, after in await connection.execute(statement.where(columns.change_id.in_(ids))):
            found.setdefault(change_id, {})[field] = (before, after)
    return found


async def test_each_mutation_of_a_document_shows_its_own_write(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    add = "addIncidentUpdate(input: {incidentId: $id, message: $text, statusChange: STATUS})"
    shown = "incident { updates { totalCount } history { totalCount } systems { name } inStateSince(field: STATUS) }"
    rename = "updateSystem(input: {id: $system, name: $text}) { cursor }"
    fixing, monitoring = add.replace("STATUS", "FIXING"), add.replace("STATUS", "MONITORING")
    data = await api.admin.read(
        "mutation Do($id: ID!, $system: ID!, $text: String!) {"
        f" a: {fixing} {{ {shown} }} {rename} b: {monitoring} {{ {shown} }} }}",
        id=world.incident.id,
        system=world.system.id,
        text="Renamed",
    )
    a, b = data["a"]["incident"], data["b"]["incident"]
    assert b["updates"]["totalCount"] == a["updates"]["totalCount"] + 1
    assert b["history"]["totalCount"] == a["history"]["totalCount"] + 1
    assert b["inStateSince"] > a["inStateSince"]
    assert "Renamed" in {system["name"] for system in b["systems"]}
