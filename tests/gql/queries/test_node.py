"""Finding anything by its id."""

import pytest

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.model.automation import Artifact
from domain.model.commands import AddIncidentLink
from tests.client import Api
from tests.factories import ADMIN, log_of, make_automation, make_incident, make_secret, make_token, start_run

VERSIONS = [f"aut_{'0' * 26}:{number}" for number in ("1", "0", "", "x", "9" * 30)]
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"


async def _one_of_each(domain: Domain) -> dict[str, str]:
    incident = await make_incident(domain, initial_message="Hm")
    link = await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))
    assert link.value.link is not None
    [opened, *_] = await log_of(domain, incident)
    return {
        "Incident": incident.id,
        "System": incident.system_ids[0],
        "IncidentUpdate": opened.touched[0].id,
        "IncidentLink": link.value.link.id,
        "IncidentChange": opened.id,
        "ApiToken": (await make_token(domain))[0].id,
        "Secret": (await make_secret(domain)).id,
        **await _automations(domain),
    }


async def _automations(domain: Domain) -> dict[str, str]:
    automation = await make_automation(domain)
    run = await start_run(domain, automation)
    artifact = Artifact(
        id=new_id("art"),
        automation_id=automation.id,
        run_id=run.id,
        path="actions[0]",
        action_id="open",
        type="incident.incident",
        data={},
        owned=True,
        context_key=None,
        created_at=domain.clock.now(),
    )
    await domain.database.write(lambda unit: unit.artifacts.add(artifact, entity_id=None))
    return {
        "Automation": automation.id,
        "AutomationVersion": f"{automation.id}:1",
        "AutomationRun": run.id,
        "Artifact": artifact.id,
    }


async def test_everything_with_an_id_is_found_by_it(api: Api, domain: Domain) -> None:
    for type, id in (await _one_of_each(domain)).items():
        assert await api.admin.read(NODE, id=id) == {"node": {"__typename": type, "id": id}}


async def test_every_type_that_is_a_node_can_be_found(api: Api, domain: Domain) -> None:
    found = await api.anonymous.read('{ __type(name: "Node") { possibleTypes { name } } }')
    assert {type["name"] for type in found["__type"]["possibleTypes"]} == set(await _one_of_each(domain))


@pytest.mark.parametrize(
    "id",
    [
        "inc_00000000000000000000000000",
        "tok_00000000000000000000000000",
        "inc",
        "_",
        "",
        "payments",
        "x" * 9000,
        *VERSIONS,
    ],
)
async def test_an_id_of_nothing_is_null(api: Api, domain: Domain, id: str) -> None:
    await make_incident(domain)
    assert await api.admin.read(NODE, id=id) == {"node": None}


async def test_nodes_come_in_the_order_asked_for_with_null_for_what_is_missing(api: Api, domain: Domain) -> None:
    ids = list((await _one_of_each(domain)).values())
    asked = [ids[4], "nothing", ids[0], ids[0], *ids[::-1]]
    found = (await api.admin.read("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=asked))["nodes"]
    assert found == [None if id == "nothing" else {"id": id} for id in asked]
    assert (await api.anonymous.read("{ nodes(ids: []) { id } }"))["nodes"] == []


async def test_what_was_deleted_is_null_and_its_changes_stay(api: Api, domain: Domain) -> None:
    ids = await _one_of_each(domain)
    await domain.incidents.delete(ADMIN, ids["Incident"])
    for type in ("Incident", "IncidentUpdate", "IncidentLink"):
        assert await api.anonymous.read(NODE, id=ids[type]) == {"node": None}
    assert (await api.anonymous.read(NODE, id=ids["IncidentChange"]))["node"]["id"] == ids["IncidentChange"]
