"""Outcomes of steps and waits, as later steps see them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from domain.model.automation import AutomationRun, RunStatus
from domain.settings import Settings
from tests.domain.automations.actions.servers import answer, serving
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident, make_secret, make_system
from tests.inside import inside

OPEN: dict[str, Any] = {
    "id": "opened",
    "action": "incident.create",
    "config": {"title": "Down", "severity": "major", "systemIds": ["payments"], "dedupeOpenForSystem": True},
}
FAILS = {"action": "incident.resolve", "config": {"incidentId": "inc_unknown"}}
HEALTHY = "health.systems['payments'].status == 'healthy'"
DEGRADED = "health.systems['payments'].status == 'degraded'"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http_allow=("127.0.0.1",))


def see(**values: str) -> dict[str, Any]:
    """Return a step that records these expressions."""
    return {"variables": {name: f"{{{{ {text} }}}}" for name, text in values.items()}}


async def seen(world: World, run: AutomationRun) -> dict[str, Any]:
    """Return what the last step of a run recorded, by name."""
    assert (run.status, run.message) == (RunStatus.SUCCESS, None)
    found: dict[str, Any] = (await world.steps(run))[-1].output
    return found


@on_one_database
async def test_each_action_leaves_what_its_model_says(world: World) -> None:
    await make_system(world.domain)
    steps: list[dict[str, Any]] = [
        {"id": "update", "action": "incident.add_update", "config": {"message": "Looking"}},
        {"id": "move", "action": "incident.update_status", "config": {"status": "fixing"}},
        {"id": "done", "action": "incident.resolve"},
        {"id": "again", "action": "incident.resolve"},
        {"id": "comment", "action": "incident.resolve", "config": {"message": "Really"}},
        {"id": "said", "action": "log", "config": {"message": "x"}},
    ]
    names = {step["id"]: f"steps.{step['id']}" for step in [OPEN, *steps]}
    async with serving(answer(200, b'{"ticket": {"id": 7}}', content_type="application/json")) as server:
        call = {"id": "call", "action": "http.request", "config": {"url": server.url}}
        look = see(**names, call="steps.call", ticket="steps.call.output.body.ticket.id")
        run = await world.ran(OPEN, *steps, call, look)
    found, [incident] = await seen(world, run), await world.incidents()
    actions = world.domain.automations.catalog.actions
    for step in await world.steps(run):
        action = actions.get(step.action or "")
        if action is not None:
            assert action.output is not None
            action.output.model_validate(step.output)
            assert found[str(step.action_id)] == {"status": "success", "error": None, "output": step.output}
    assert (found["ticket"], found["call"]["output"]["status"]) == (7, 200)
    named = {"incidentId": incident.id, "reference": incident.reference}
    outputs = {name: found[name]["output"] for name in names}
    assert all(outputs[name].items() >= named.items() for name in names if name != "said")
    assert (outputs["opened"]["reused"], outputs["again"]["skipped"]) == (False, "already_resolved")
    assert ("skipped" in outputs["done"], outputs["comment"]["commented"]) == (False, True)


@on_one_database
async def test_an_incident_that_another_one_opened_is_left_with_the_reason(world: World) -> None:
    await make_system(world.domain)
    await make_incident(world.domain, "payments")
    resolve = {"id": "resolved", "action": "incident.resolve"}
    look = see(reused="steps.opened.output.reused", skipped="steps.resolved.output.skipped")
    assert await seen(world, await world.ran(OPEN, resolve, look)) == {"reused": True, "skipped": "not_owner"}


@on_one_database
async def test_a_failure_that_lets_the_run_go_on_is_seen_with_its_reason(world: World) -> None:
    told = "Incident inc_unknown not found."
    steps: list[dict[str, Any]] = [
        {**FAILS, "id": "single", "continue_on_error": True},
        {"id": "group", "sequence": [{**FAILS, "id": "inner"}, see(never="1")], "continue_on_error": True},
        {"id": "beside", "parallel": [{**FAILS, "id": "left"}, {"id": "right", "delay": 0}], "continue_on_error": True},
        {"id": "kept", "variables": {"value": 3}},
        {"id": "guard", "condition": "1 == 1"},
        {"if": "steps.single.status == 'failed' and steps.single.output is defined", "then": [{"stop": {}}]},
    ]
    names = ("single", "group", "inner", "beside", "left", "right", "kept", "guard")
    seen_by_default = {name: f"steps.{name} | default('nothing')" for name in names}
    found = await seen(world, await world.ran(*steps, see(**seen_by_default)))
    failed = {"status": "failed", "error": told}
    assert found["single"] == found["group"] == found["inner"] == found["left"] == failed
    assert found["beside"] == {**failed, "output": {"branches": 2, "failed": 1}}
    assert found["right"] == {"status": "success", "error": None, "output": {"seconds": 0}}
    assert (found["kept"]["output"], found["guard"]["output"]["value"]) == ({"value": 3}, True)


@on_one_database
async def test_the_last_round_of_a_loop_counts(world: World) -> None:
    body = [
        {**see(round="repeat.item"), "id": "seen"},
        {"id": "kept", "variables": {"before": "{{ steps.seen.output.round }}"}},
    ]
    loop = {"repeat": {"for_each": ["a", "b"], "sequence": body}}
    look = {"variables": {"last": "{{ steps.kept.output.before }}"}}
    assert await seen(world, await world.ran(loop, look)) == {"last": "b"}


async def test_outcomes_are_the_same_before_and_after_a_crash(world: World) -> None:
    await make_system(world.domain)
    body = json.dumps({"zebra": 1, "apple": [1.0, 1e17, {"b": None, "a": "x"}]}).encode()
    failing = {**FAILS, "id": "failed", "continue_on_error": True}
    waits = {"wait_until": {"condition": DEGRADED, "timeout_seconds": 5}}
    look = see(all="steps | json", completed="wait.completed", status="steps.failed.status")
    async with serving(answer(200, body, content_type="application/json")) as server:
        call = {"id": "call", "action": "http.request", "config": {"url": server.url}}
        run = await world.begun(OPEN, call, failing, waits, look, {"delay": 60}, look)
        await world.waiting(run, "actions[3]")
        world.clock.advance(seconds=5)
        await world.waiting(run, "actions[5]")
        await world.crash()
        await world.run_enqueued()
        world.clock.advance(seconds=60)
        run = await world.over(run)
    steps = {step.path: step.output for step in await world.steps(run)}
    before, after = steps["actions[4]"], steps["actions[6]"]
    assert (before["completed"], before["status"]) == (False, "failed")
    assert after == before
    assert len(server.received) == 1


@on_one_database
async def test_no_secret_is_in_an_outcome(world: World) -> None:
    await make_secret(world.domain, "KEY", "correct-horse-battery")
    async with serving(answer(200, b"you sent correct-horse-battery"), answer(500, b"no")) as server:
        config = {"url": f"{server.url}/${{{{ secrets.KEY }}}}", "retries": 0}
        call = {"id": "call", "action": "http.request", "config": config}
        failing = {**call, "id": "failing", "continue_on_error": True}
        run = await world.ran(call, failing, see(body="steps.call.output.body", error="steps.failing.error"))
    found = await seen(world, run)
    assert found["body"] == "you sent ****"
    assert "correct-horse-battery" not in str(found)


@on_one_database
async def test_a_wait_says_whether_it_was_completed(world: World) -> None:
    await make_system(world.domain)
    event = {"event": "incident.created", "timeout_seconds": 60}
    look = see(completed="wait.completed", trigger="wait.trigger")
    cases: dict[str, tuple[dict[str, Any], bool]] = {
        "held at once": ({"wait_until": {"condition": HEALTHY}}, True),
        "never held": ({"wait_until": {"condition": DEGRADED, "timeout_seconds": 60}}, False),
        "no event": ({"wait_for_trigger": {**event, "continue_on_timeout": True, "filter": "1 == 2"}}, False),
        "failed": ({"wait_for_trigger": {**event, "filter": "1 == 2"}, "continue_on_error": True}, False),
        "an event": ({"wait_for_trigger": event}, True),
    }
    runs = {case: await world.begun(wait, look) for case, (wait, _) in cases.items()}
    for case in ("never held", "no event", "failed", "an event"):
        await world.waiting(runs[case], "actions[0]")
    incident = await make_incident(world.domain, "payments")
    await world.over(runs["an event"])
    world.clock.advance(seconds=60)
    found = {case: await seen(world, await world.over(run)) for case, run in runs.items()}
    assert {case: entry["completed"] for case, entry in found.items()} == {
        case: completed for case, (_, completed) in cases.items()
    }
    trigger = found.pop("an event")["trigger"]
    assert (trigger["event"], trigger["payload"]["incidentId"]) == ("incident.created", incident.id)
    assert {entry["trigger"] for entry in found.values()} == {None}


@on_one_database
async def test_a_run_of_an_older_version_is_resumed_where_it_was(world: World) -> None:
    await make_system(world.domain)
    steps: list[Any] = [
        OPEN,
        {"variables": {"n": 1}},
        {"repeat": {"for_each": "['a', 'b']", "sequence": [{"delay": 0}]}},
    ]
    later: list[Any] = [
        {"choose": [{"when": "vars.n == 1", "sequence": [{"delay": 60}]}]},
        {"action": "incident.resolve"},
    ]
    run = await world.begun(*steps, *later)
    await world.waiting(run, "actions[3].choose[0].sequence[0]")
    await world.crash()
    # What 0.0 recorded of an action: no names of the incident.
    opened = await world.step(run, "actions[0]")
    output = {name: opened.output[name] for name in ("externalId", "reused", "artifact")}
    await inside(world.domain).database.write(lambda unit: unit.runs.put_step(replace(opened, output=output)))
    await world.run_enqueued()
    world.clock.advance(seconds=60)
    run = await world.over(run)
    assert run.status is RunStatus.SUCCESS
    assert [(step.position, step.path, step.kind) for step in await world.steps(run)] == [
        (1, "actions[0]", "action"),
        (2, "actions[1]", "variables"),
        (3, "actions[2]", "repeat"),
        (4, "actions[2].repeat[0].sequence[0]", "delay"),
        (5, "actions[2].repeat[1].sequence[0]", "delay"),
        (6, "actions[3]", "choose"),
        (7, "actions[3].choose[0].sequence[0]", "delay"),
        (8, "actions[4]", "action"),
    ]
