"""The mutations of automations."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.automation import RunStatus
from domain.model.viewer import Role
from domain.persistence.automation_tables import automation_triggers
from tests.client import Api, Caller, Json
from tests.domain.automations.world import World
from tests.factories import DEFINITION, make_automation, make_system, make_token, start_run
from tests.gql.dialects import on_both_databases
from tests.inside import inside

AUTOMATION = "automation { id name description group enabled version definition managedBy }"
PROBLEMS = "problems { path message severity } automation { id }"
RUN = "run { id status version triggerId event payload contextKey depth changeId actor { name } automation { name } }"
BROKEN: dict[str, tuple[Any, list[str]]] = {
    "no triggers": ({"triggers": []}, ["definition", "triggers"]),
    "nothing": ({}, ["definition", "triggers"]),
    "unknown key": ({**DEFINITION, "modus": "single"}, ["definition", "modus"]),
    "no such mode": ({**DEFINITION, "mode": "sometimes"}, ["definition", "mode"]),
}


async def test_an_admin_creates_updates_and_deletes_an_automation(api: Api, domain: Domain) -> None:
    input = {"name": "Noter", "group": "notes", "definition": DEFINITION, "description": "Says so"}
    made = (await api.admin.do("createAutomation", input, AUTOMATION))["automation"]
    assert made == {**input, "id": made["id"], "enabled": True, "version": 1, "managedBy": None}
    renamed = {"id": made["id"], "name": "Teller", "group": None}
    changed = (await api.admin.do("updateAutomation", renamed, AUTOMATION))["automation"]
    assert changed == {**made, "name": "Teller", "group": None}
    other = {**DEFINITION, "mode": "parallel"}
    changed = (await api.admin.do("updateAutomation", {"id": made["id"], "definition": other}, AUTOMATION))[
        "automation"
    ]
    assert (changed["version"], changed["definition"], changed["description"]) == (2, other, "Says so")
    gone = await api.admin.do("deleteAutomation", {"id": made["id"]}, "deletedAutomationId")
    assert gone["deletedAutomationId"] == made["id"]
    assert await domain.automations.reads.automation_count() == 0


@pytest.mark.parametrize("mutation", ["updateAutomation", "deleteAutomation"])
async def test_a_stale_version_is_refused_with_the_current_automation(api: Api, domain: Domain, mutation: str) -> None:
    automation = await make_automation(domain)
    second = {"id": automation.id, "definition": {**DEFINITION, "mode": "parallel"}, "expectedVersion": 1}
    present = (await api.admin.do("updateAutomation", second, AUTOMATION))["automation"]
    late = {"id": automation.id, "expectedVersion": 1}
    refused = await api.admin.do(mutation, late, AUTOMATION)
    [error] = refused["userErrors"]
    assert (error["code"], error["field"]) == ("VERSION_CONFLICT", ["expectedVersion"])
    assert refused["automation"] == present
    assert (present["version"], present["definition"]["mode"]) == (2, "parallel")
    assert (await api.admin.do(mutation, {**late, "expectedVersion": 2}))["userErrors"] == []


async def test_a_used_idempotency_key_creates_no_second_automation_and_refuses_another_input(
    api: Api, domain: Domain
) -> None:
    input = {"name": "Noter", "definition": DEFINITION, "idempotencyKey": "once"}
    first, again = [await api.admin.do("createAutomation", input, AUTOMATION) for _ in range(2)]
    assert first == again
    assert await domain.automations.reads.automation_count() == 1
    [error] = (await api.admin.do("createAutomation", {**input, "name": "Other"}))["userErrors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["idempotencyKey"])


@pytest.mark.parametrize(("definition", "field"), BROKEN.values(), ids=BROKEN)
async def test_every_problem_of_a_definition_is_reported_with_the_path(
    api: Api, domain: Domain, definition: Json, field: list[str]
) -> None:
    automation = await make_automation(domain)
    for mutation, input in (
        ("createAutomation", {"name": "Broken", "definition": definition}),
        ("updateAutomation", {"id": automation.id, "definition": definition}),
    ):
        payload = await api.admin.do(mutation, input, PROBLEMS)
        assert payload["automation"] is None
        assert field in [error["field"] for error in payload["userErrors"]]
        assert {error["code"] for error in payload["userErrors"]} == {"BAD_USER_INPUT"}
        assert len(payload["problems"]) == len(payload["userErrors"])
        assert all(error["message"].endswith(".") for error in payload["userErrors"])
    assert await domain.automations.reads.automation_count() == 1


async def test_a_definition_with_many_problems_reports_the_first_hundred(api: Api) -> None:
    definition = {**DEFINITION, "actions": [{"nothing": 1}] * 150}
    payload = await api.admin.do("createAutomation", {"name": "Broken", "definition": definition}, PROBLEMS)
    assert (len(payload["problems"]), len(payload["userErrors"])) == (100, 100)


async def test_a_problem_inside_a_step_is_reported_with_the_path(api: Api) -> None:
    definition = {**DEFINITION, "actions": [{"action": "incident.add_update", "config": 5}]}
    payload = await api.admin.do("createAutomation", {"name": "Broken", "definition": definition}, PROBLEMS)
    [field] = [error["field"] for error in payload["userErrors"]]
    assert (field[:3], field[-1]) == (["definition", "actions", "0"], "config")


@pytest.mark.parametrize(
    ("mutation", "input", "field"),
    [
        ("createAutomation", {"name": "x", "definition": [1]}, ["definition"]),
        ("createAutomation", {"name": "x" * 201, "definition": DEFINITION}, ["name"]),
        ("createAutomation", {"name": "x", "group": " ", "definition": DEFINITION}, ["group"]),
        ("createAutomation", {"name": "x", "description": "x" * 20_001, "definition": DEFINITION}, ["description"]),
        ("updateAutomation", {"name": None}, ["name"]),
        ("updateAutomation", {"enabled": None}, ["enabled"]),
        ("updateAutomation", {"definition": None}, ["definition"]),
        ("runAutomation", {"trigger": "nothing"}, ["trigger"]),
        ("runAutomation", {"payload": [1]}, ["payload"]),
        ("runAutomation", {"contextKey": ""}, ["contextKey"]),
        ("runAutomation", {"contextKey": "x" * 201}, ["contextKey"]),
        ("runAutomation", {"idempotencyKey": " "}, ["idempotencyKey"]),
        ("runAutomation", {"idempotencyKey": "x" * 201}, ["idempotencyKey"]),
    ],
)
async def test_an_invalid_value_is_refused_with_the_field(
    api: Api, domain: Domain, mutation: str, input: Json, field: list[str]
) -> None:
    automation = await make_automation(domain)
    about = {} if mutation == "createAutomation" else {"id": automation.id}
    [error] = (await api.admin.do(mutation, {**about, **input}))["userErrors"]
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", field)


@pytest.mark.parametrize("id", ["aut_00000000000000000000000000", "run_00000000000000000000000000", "nowhere", ""])
async def test_an_unknown_automation_or_run_is_not_found(api: Api, domain: Domain, id: str) -> None:
    await make_automation(domain)
    for mutation, input in (
        ("updateAutomation", {"name": "x"}),
        ("setAutomationEnabled", {"enabled": False}),
        ("deleteAutomation", {}),
        ("runAutomation", {}),
        ("cancelAutomationRun", {}),
    ):
        [error] = (await api.admin.do(mutation, {"id": id, **input}))["userErrors"]
        assert (mutation, error["code"], error["field"]) == (mutation, "NOT_FOUND", ["id"])


@on_both_databases
async def test_a_disabled_automation_does_not_fire(api: Api, domain: Domain) -> None:
    hourly = {"triggers": [{"event": "time.interval", "config": {"seconds": 3600}}], "actions": []}
    automation = await make_automation(domain, definition=hourly)
    [(event, due)] = await _listening(domain)
    assert event == "time.interval"
    assert due is not None
    off = await api.admin.do("setAutomationEnabled", {"id": automation.id, "enabled": False}, AUTOMATION)
    assert (off["automation"]["enabled"], off["automation"]["version"]) == (False, 1)
    assert await _listening(domain) == []
    await api.admin.do("setAutomationEnabled", {"id": automation.id, "enabled": True}, AUTOMATION)
    assert [event for event, _ in await _listening(domain)] == ["time.interval"]
    await api.admin.do("deleteAutomation", {"id": automation.id})
    assert await _listening(domain) == []


async def test_a_manual_run_uses_the_first_trigger_by_default(api: Api, domain: Domain) -> None:
    triggers = [{"id": "one", "event": "incident.created"}, {"id": "two", "event": "incident.resolved"}]
    automation = await make_automation(domain, definition={**DEFINITION, "triggers": triggers}, enabled=False)
    first = (await api.admin.do("runAutomation", {"id": automation.id}, RUN))["run"]
    assert first == {
        "id": first["id"],
        "status": "PENDING",
        "version": 1,
        "triggerId": "one",
        "event": "manual",
        "payload": {},
        "contextKey": None,
        "depth": 0,
        "changeId": None,
        "actor": {"name": "admin"},
        "automation": {"name": "noter"},
    }
    arguments = {"id": automation.id, "trigger": "two", "payload": {"a": [1, None]}, "contextKey": "sys_x"}
    second = (await api.admin.do("runAutomation", arguments, RUN))["run"]
    assert (second["triggerId"], second["payload"], second["contextKey"]) == ("two", {"a": [1, None]}, "sys_x")


async def test_a_used_idempotency_key_starts_no_second_run_and_refuses_another_input(api: Api, domain: Domain) -> None:
    automation = await make_automation(domain)
    # Keys that are alike for longer than a column is wide are two.
    input = {"id": automation.id, "idempotencyKey": "x" * 199 + "1"}
    first, again = [await api.admin.do("runAutomation", input, "run { id }") for _ in range(2)]
    other = await api.admin.do("runAutomation", {**input, "idempotencyKey": "x" * 199 + "2"}, "run { id }")
    assert first == again != other
    [error] = (await api.admin.do("runAutomation", {**input, "payload": {"a": 1}}))["userErrors"]
    assert error["code"] == "CONFLICT"
    await api.admin.do("deleteAutomation", {"id": automation.id})
    assert await api.admin.do("runAutomation", input, "run { id }") == first
    await inside(domain).database.write(
        lambda unit: unit.runs.forget(before=datetime.max.replace(tzinfo=UTC), limit=10)
    )
    assert (await api.admin.do("runAutomation", input, "run { id }"))["run"] is None


async def test_a_waiting_run_is_cancelled_once(api: Api, world: World) -> None:
    automation = await world.automation({"delay": {"seconds": 600}}, {"stop": {}})
    run = await start_run(world.domain, automation)
    await world.run_enqueued()
    await world.until(run, RunStatus.WAITING)
    shown = "run { status message finishedAt durationSeconds steps { nodes { kind status dueAt } } }"
    cancelled = (await api.admin.do("cancelAutomationRun", {"id": run.id}, shown))["run"]
    assert (cancelled["status"], cancelled["message"]) == ("CANCELLED", "Cancelled by hand.")
    assert cancelled["durationSeconds"] > 0
    [step] = cancelled["steps"]["nodes"]
    assert (step["kind"], step["status"]) == ("delay", "CANCELLED")
    again = await api.admin.do("cancelAutomationRun", {"id": run.id}, shown)
    assert (again["run"], again["userErrors"]) == (cancelled, [])


async def test_deleting_an_automation_cancels_all_runs_of_that_automation(api: Api, world: World) -> None:
    automation = await world.automation({"delay": {"seconds": 600}})
    run = await start_run(world.domain, automation)
    await world.run_enqueued()
    await world.until(run, RunStatus.WAITING)
    await api.admin.do("deleteAutomation", {"id": automation.id})
    shown = await api.admin.read(f'{{ automationRun(id: "{run.id}") {{ status automation {{ id }} }} }}')
    assert shown["automationRun"] == {"status": "CANCELLED", "automation": None}


async def test_a_limited_admin_reads_automations_and_writes_none(api: Api, domain: Domain) -> None:
    await make_system(domain)
    automation = await make_automation(domain)
    run = await start_run(domain, automation)
    _, token = await make_token(domain, role=Role.ADMIN, systems=["payments"])
    limited = Caller(http=api.admin.http, token=token)
    assert (await limited.read("{ automations { totalCount } }"))["automations"]["totalCount"] == 1
    for mutation, input in (
        ("createAutomation", {"name": "x", "definition": DEFINITION}),
        ("updateAutomation", {"id": automation.id, "name": "x"}),
        ("setAutomationEnabled", {"id": automation.id, "enabled": False}),
        ("deleteAutomation", {"id": automation.id}),
        ("runAutomation", {"id": automation.id}),
        ("cancelAutomationRun", {"id": run.id}),
    ):
        assert (await limited.refusal(mutation, input))["code"] == "FORBIDDEN"


async def _listening(domain: Domain) -> list[tuple[str, Any]]:
    async with inside(domain).database._engines.reader.connect() as connection:
        columns = automation_triggers.c
        return [(row.event, row.next_at) for row in await connection.execute(sa.select(columns.event, columns.next_at))]


async def test_a_definition_is_saved_with_warnings_and_refused_with_errors(api: Api, domain: Domain) -> None:
    hook = {"action": "http.request", "config": {"url": "https://x.example/${{ secrets.LATER }}"}}
    definition = {**DEFINITION, "actions": [hook]}
    made = await api.admin.do("createAutomation", {"name": "Hook", "definition": definition}, PROBLEMS)
    warning = {
        "path": "actions[0].config.url",
        "message": "The secret LATER does not exist yet; a step that needs it fails until it does.",
        "severity": "WARNING",
    }
    assert (made["userErrors"], made["problems"]) == ([], [warning])
    changed = {"id": made["automation"]["id"], "definition": {**definition, "mode": "parallel"}}
    assert (await api.admin.do("updateAutomation", changed, PROBLEMS))["problems"] == [warning]
    broken = {**changed, "definition": {**definition, "run_as": "tok_none"}}
    refused = await api.admin.do("updateAutomation", broken, PROBLEMS)
    assert [error["field"] for error in refused["userErrors"]] == [["definition", "run_as"]]
    assert [problem["severity"] for problem in refused["problems"]] == ["ERROR", "WARNING"]
    assert refused["automation"] is None
