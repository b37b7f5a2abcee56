"""The queries of automations and their runs."""

import pytest

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.model.automation import RunStatus
from tests.client import Api, Caller
from tests.conftest import CountStatements
from tests.domain.automations.world import World
from tests.factories import ADMIN, DEFINITION, make_automation, make_incident, make_system, start_run
from tests.gql.dialects import on_both_databases

LIST = "query Q($group: String, $enabled: Boolean, $first: Int, $after: String) { automations(group: $group, \
enabled: $enabled, first: $first, after: $after) { totalCount nodes { name } pageInfo { hasNextPage endCursor } } }"
RUNS = "query Q($id: ID, $statuses: [AutomationRunStatus!]) { automationRuns(automationId: $id, statuses: $statuses) \
{ totalCount nodes { id status reason } } }"
VALIDATE = "query Q($definition: JSON!) { validateAutomation(definition: $definition) \
{ valid problems { path message severity } } }"
RESPONDERS_ONLY = [
    "{ automations { totalCount } }",
    '{ automation(name: "noter") { id } }',
    "{ automationRuns { totalCount } }",
    '{ automationRun(id: "x") { id } }',
    "{ validateAutomation(definition: {}) { valid } }",
]
#: So that what runs open starts no further ones.
ON_RESOLVED = [{"event": "incident.resolved"}]
LOOK = {"title": "Opened", "severity": "major", "systemIds": ["payments"]}


@on_both_databases
async def test_automations_are_paged_and_filtered_by_group_and_enabled(api: Api, domain: Domain) -> None:
    for name, group, enabled in (("a", "one", True), ("b", "two", True), ("c", "one", False), ("d", None, True)):
        await make_automation(domain, name, group=group, enabled=enabled)
    for variables, names in (
        ({}, "abcd"),
        ({"group": "one"}, "ac"),
        ({"enabled": False}, "c"),
        ({"group": "one", "enabled": True}, "a"),
        ({"group": "nowhere"}, ""),
    ):
        found = (await api.responder.read(LIST, **variables))["automations"]
        assert ([node["name"] for node in found["nodes"]], found["totalCount"]) == (list(names), len(names))
    first = (await api.responder.read(LIST, first=3))["automations"]
    assert first["pageInfo"]["hasNextPage"]
    rest = (await api.responder.read(LIST, first=3, after=first["pageInfo"]["endCursor"]))["automations"]
    assert [node["name"] for node in rest["nodes"]] == ["d"]


async def test_an_automation_is_found_by_id_or_name(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    query = "query Q($id: ID, $name: String) { automation(id: $id, name: $name) { id name } }"
    expected = {"automation": {"id": automation.id, "name": "noter"}}
    assert await api.responder.read(query, id=automation.id) == expected
    assert await api.responder.read(query, name="noter") == expected
    assert await api.responder.read(query, name="nobody") == {"automation": None}
    for variables in ({}, {"id": automation.id, "name": "noter"}):
        assert (await api.responder.error(query, **variables))["code"] == "BAD_USER_INPUT"


@on_both_databases
async def test_an_automation_keeps_all_versions(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    for mode in ("parallel", "queued"):
        command = WriteAutomation(definition={**DEFINITION, "mode": mode})
        await domain.automations.service.update(ADMIN, automation.id, command)
    shown = "totalCount nodes { id number definition createdBy { name } automationId } pageInfo { endCursor }"
    query = (
        "query Q($id: ID, $after: String) { automation(id: $id) { version versions(first: 2, after: $after) { %s } } }"
    )
    found = (await api.responder.read(query % shown, id=automation.id))["automation"]
    versions = found["versions"]
    assert (found["version"], versions["totalCount"]) == (3, 3)
    assert [node["number"] for node in versions["nodes"]] == [3, 2]
    assert versions["nodes"][0]["definition"]["mode"] == "queued"
    after = versions["pageInfo"]["endCursor"]
    [oldest] = (await api.responder.read(query % shown, id=automation.id, after=after))["automation"]["versions"][
        "nodes"
    ]
    assert oldest == {
        "id": f"{automation.id}:1",
        "number": 1,
        "definition": DEFINITION,
        "createdBy": {"name": "admin"},
        "automationId": automation.id,
    }


@on_both_databases
async def test_skipped_firings_are_listed_only_on_request(api: Api, world: World) -> None:
    automation = await world.automation({"delay": {"seconds": 600}})
    other = await world.automation({"stop": {}}, name="other", triggers=[{"event": "incident.resolved"}])
    for _ in range(2):
        await make_incident(world.domain)
    await world.settle()
    await world.until(await world.only_run(), RunStatus.WAITING)
    skipped = {"status": "SKIPPED", "reason": "ALREADY_RUNNING"}
    for variables, expected in (
        ({}, [{"status": "WAITING", "reason": None}]),
        ({"id": automation.id}, [{"status": "WAITING", "reason": None}]),
        ({"id": other.id}, []),
        ({"statuses": ["SKIPPED"]}, [skipped]),
        ({"statuses": ["SKIPPED", "WAITING"]}, [skipped, {"status": "WAITING", "reason": None}]),
    ):
        found = (await api.responder.read(RUNS, **variables))["automationRuns"]
        assert found["totalCount"] == len(expected)
        assert [{"status": node["status"], "reason": node["reason"]} for node in found["nodes"]] == expected
    of_each = "{ automations { nodes { runs { totalCount } all: runs(statuses: [WAITING, SKIPPED]) { totalCount } } } }"
    assert (await api.responder.read(of_each))["automations"]["nodes"] == [
        {"runs": {"totalCount": 1}, "all": {"totalCount": 2}},
        {"runs": {"totalCount": 0}, "all": {"totalCount": 0}},
    ]
    assert (await api.responder.error(RUNS, statuses=[]))["field"] == ["statuses"]


@on_both_databases
async def test_a_run_shows_steps_artifacts_and_changes(api: Api, world: World) -> None:
    await make_system(world.domain)
    automation = await world.automation(
        {"id": "open", "action": "incident.create", "config": LOOK},
        {"action": "incident.add_update", "config": {"message": "Looking"}},
        {"stop": {"reason": "Enough"}},
        triggers=ON_RESOLVED,
    )
    run = await start_run(world.domain, automation)
    await world.settle()
    await world.until(run, RunStatus.SUCCESS)
    query = """query Q($id: ID!) { automationRun(id: $id) {
      status message durationSeconds triggerId
      steps { totalCount nodes { path position kind action actionId status attempts error output } }
      some: steps(first: 1) { nodes { path } pageInfo { hasNextPage endCursor } }
      artifacts { totalCount nodes { id type actionId data owned runId automationId path } }
      changes { totalCount nodes { action incidentId changedFields changeId } }
    } }"""
    found = (await api.responder.read(query, id=run.id))["automationRun"]
    assert (found["status"], found["message"], found["triggerId"]) == ("SUCCESS", "Enough", "incident_resolved")
    assert [(step["path"], step["position"], step["kind"]) for step in found["steps"]["nodes"]] == [
        ("actions[0]", 1, "action"),
        ("actions[1]", 2, "action"),
        ("actions[2]", 3, "stop"),
    ]
    assert {step["status"] for step in found["steps"]["nodes"]} == {"SUCCESS"}
    [artifact] = found["artifacts"]["nodes"]
    [incident] = await world.incidents()
    assert (artifact["type"], artifact["actionId"], artifact["owned"]) == ("incident.incident", "open", True)
    assert [(change["action"], change["incidentId"]) for change in found["changes"]["nodes"]] == [
        ("CREATED", incident.id),
        ("UPDATED", incident.id),
    ]
    assert (found["steps"]["totalCount"], found["artifacts"]["totalCount"], found["changes"]["totalCount"]) == (3, 1, 2)
    rest = 'query Q($id: ID!) { automationRun(id: $id) { steps(after: "%s") { nodes { path } } } }'
    after = found["some"]["pageInfo"]["endCursor"]
    behind = (await api.responder.read(rest % after, id=run.id))["automationRun"]["steps"]["nodes"]
    assert [step["path"] for step in found["some"]["nodes"] + behind] == [f"actions[{at}]" for at in range(3)]
    nodes = "query Q($ids: [ID!]!) { nodes(ids: $ids) { __typename } }"
    ids = [artifact["id"], found["changes"]["nodes"][0]["changeId"]]
    assert [node["__typename"] for node in (await api.responder.read(nodes, ids=ids))["nodes"]] == [
        "Artifact",
        "IncidentChange",
    ]


@on_both_databases
async def test_an_incident_names_the_run_that_opened_it_to_responders(api: Api, world: World) -> None:
    by_hand = await make_incident(world.domain)
    automation = await world.automation(
        {"id": "open", "action": "incident.create", "config": LOOK}, triggers=ON_RESOLVED
    )
    run = await start_run(world.domain, automation)
    await world.settle()
    await world.until(run, RunStatus.SUCCESS)
    query = "{ incidents { nodes { id automationRun { id automation { name } } } } }"
    for caller, seen in ((api.responder, True), (api.viewer, False), (api.anonymous, False)):
        found = {node["id"]: node["automationRun"] for node in (await caller.read(query))["incidents"]["nodes"]}
        assert len(found) == 2
        assert found.pop(by_hand.id) is None
        assert list(found.values()) == [{"id": run.id, "automation": {"name": "tested"}} if seen else None]


@pytest.mark.parametrize("document", RESPONDERS_ONLY)
@pytest.mark.parametrize(("role", "code"), [("anonymous", "UNAUTHENTICATED"), ("viewer", "FORBIDDEN")])
async def test_only_responders_read_automations_and_runs(
    api: Api, domain: Domain, document: str, role: str, code: str
) -> None:
    await make_automation(domain)
    caller: Caller = getattr(api, role)
    assert (await caller.error(document))["code"] == code
    await api.responder.read(document)


async def test_automations_and_their_nodes_look_missing_to_viewers(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    run = await start_run(domain, automation)
    query = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    ids = [automation.id, f"{automation.id}:1", run.id]
    assert (await api.viewer.read(query, ids=ids))["nodes"] == [None, None, None]
    assert (await api.responder.read(query, ids=ids))["nodes"] == [{"id": id} for id in ids]


async def test_a_definition_is_validated_without_being_saved(api: Api, domain: Domain) -> None:
    assert (await api.responder.read(VALIDATE, definition=DEFINITION))["validateAutomation"] == {
        "valid": True,
        "problems": [],
    }
    validated = (await api.responder.read(VALIDATE, definition={"triggers": []}))["validateAutomation"]
    assert (validated["valid"], validated["problems"][0]["path"]) == (False, "triggers")
    validated = (await api.responder.read(VALIDATE, definition=["nonsense"]))["validateAutomation"]
    assert validated == {
        "valid": False,
        "problems": [{"path": "", "message": "A definition is an object.", "severity": "ERROR"}],
    }
    many = {**DEFINITION, **{f"unknown{number}": 1 for number in range(150)}}
    validated = (await api.responder.read(VALIDATE, definition=many))["validateAutomation"]["problems"]
    assert (len(validated), validated[-1]["message"]) == (100, "There are 51 more problems.")
    literal = '{ validateAutomation(definition: {triggers: [{event: "incident.created"}], actions: []}) { valid } }'
    assert (await api.responder.read(literal))["validateAutomation"]["valid"]
    assert await domain.automations.reads.automation_count() == 0


AUTOMATIONS = """
query Q($first: Int!) { automations(first: $first) { totalCount nodes {
  name definition
  versions(first: 2) { totalCount nodes { number } }
  runs(first: 3) { totalCount nodes { status steps(first: 3) { totalCount nodes { path } } } }
  skipped: runs(statuses: [SKIPPED]) { totalCount nodes { reason } }
} } }
"""
RUN_LIST = """
query Q($first: Int!) { automationRuns(first: $first) { totalCount nodes {
  automation { name } steps(first: 5) { totalCount nodes { path } } artifacts { totalCount nodes { type } }
  changes { totalCount nodes { incidentId } }
} } }
"""
OPENED = "query Q($first: Int!) { incidents(first: $first) { nodes { automationRun { status automation { name } } } } }"


@on_both_databases
async def test_lists_cost_the_same_statements_for_one_row_and_for_many(
    api: Api, world: World, count_statements: CountStatements
) -> None:
    await make_system(world.domain)
    for number in range(8):
        action = {"id": "open", "action": "incident.create", "config": {**LOOK, "title": f"Opened {number}"}}
        automation = await world.automation(action, {"stop": {}}, name=f"n{number}", triggers=ON_RESOLVED)
        await start_run(world.domain, automation)
    await world.settle()
    for run in await world.runs():
        await world.until(run, RunStatus.SUCCESS)
    for document in (AUTOMATIONS, RUN_LIST, OPENED):
        sent = {}
        for rows in (1, 8):
            with count_statements() as statements:
                [found] = (await api.responder.read(document, first=rows)).values()
            assert len(found["nodes"]) == rows
            sent[rows] = sorted(" ".join(statement.split())[:60] for statement in statements)
        assert sent[1] == sent[8]
