"""Scenarios from end to end: changes, routers, runs and their effects on incidents."""

from domain.model.automation import RunStatus
from domain.model.incident import Health, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, make_incident, make_system, set_status

OPEN = {
    "id": "open",
    "action": "incident.create",
    "config": {
        "title": "{{ trigger.payload.systemName }} is unhealthy",
        "severity": "critical",
        "systemIds": ["{{ trigger.payload.systemId }}"],
        "dedupeOpenForSystem": True,
    },
}
UNTIL_RESOLVED = {
    "wait_until": {"condition": "state.incident[artifacts.open.incident.incidentId].status == 'resolved'"}
}
DEGRADED = [{"event": "system.degraded"}]


async def test_one_automation_opens_an_incident_and_another_posts_once(world: World) -> None:
    post = {
        "action": "incident.add_update",
        "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "We are looking."},
    }
    await world.automation(post, name="posts")
    await world.automation(OPEN, name="opens", triggers=DEGRADED)
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    [incident] = await world.incidents()
    [posted] = [run for run in await world.runs() if run.firing.event == "incident.created"]
    assert (posted.status, posted.firing.context_key) == (RunStatus.SUCCESS, incident.id)


async def test_two_triggers_at_once_open_one_incident(world: World) -> None:
    triggers = [{"event": "system.degraded"}, {"event": "system.health_changed"}]
    await world.automation(OPEN, triggers=triggers, mode="parallel")
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    [incident] = await world.incidents()
    outputs = [(await world.step(run, "actions[0]")).output for run in await world.runs(RunStatus.SUCCESS)]
    assert [output["artifact"]["data"]["incidentId"] for output in outputs] == [incident.id] * 2
    assert (await events_of(world.domain, incident)).count("incident.created") == 1


@on_one_database
async def test_a_resolution_wakes_a_wait_and_a_comment_does_not(world: World) -> None:
    await world.automation(OPEN, UNTIL_RESOLVED, triggers=DEGRADED)
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    run = await world.only_run()
    [incident] = await world.incidents()
    await set_status(world.domain, incident, Status.INVESTIGATING, "Still looking.")
    await world.settle()
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await set_status(world.domain, incident, Status.RESOLVED)
    await world.until(run, RunStatus.SUCCESS)
    assert await events_of(world.domain, incident) == ["incident.created", "incident.resolved"]


@on_one_database
async def test_deleting_an_incident_only_wakes_its_waits(world: World) -> None:
    gone = {"wait_until": {"condition": "state.incident[artifacts.open.incident.incidentId] is not defined"}}
    await world.automation(OPEN, gone, triggers=DEGRADED)
    await world.automation(name="updated", triggers=[{"event": "incident.updated"}, {"event": "incident.resolved"}])
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    run = await world.only_run()
    [incident] = await world.incidents()
    await world.domain.incidents.delete(ADMIN, incident.id)
    await world.until(run, RunStatus.SUCCESS)
    await world.settle()
    assert len(await world.runs()) == 1


@on_one_database
async def test_an_entity_event_wakes_a_run_that_waits_for_a_trigger(world: World) -> None:
    await world.automation({"wait_for_trigger": {"event": "incident.resolved"}})
    incident = await make_incident(world.domain)
    await world.settle()
    run = await world.only_run()
    assert run.status is RunStatus.WAITING
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.until(run, RunStatus.SUCCESS)


async def test_a_run_that_crashes_repeatedly_does_each_action_once(world: World) -> None:
    resolve = {"action": "incident.resolve", "config": {"message": "Over."}}
    pause = {"delay": {"seconds": 10}}
    await world.automation(OPEN, pause, resolve, pause, pause, triggers=DEGRADED)
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    run = await world.only_run()
    for path in ("actions[1]", "actions[3]", "actions[4]"):
        await world.waiting(run, path)
        await world.crash()
        await world.run_enqueued()
        world.clock.advance(seconds=10)
    await world.until(run, RunStatus.SUCCESS)
    [incident] = await world.incidents()
    assert await events_of(world.domain, incident) == ["incident.created", "incident.resolved"]


@on_one_database
async def test_two_systems_are_two_runs_and_a_repeat_is_skipped(world: World) -> None:
    trigger = [{"event": "system.health_changed", "filter": "trigger.payload.newStatus != 'healthy'"}]
    wait = {"wait_until": {"condition": "1 > 2"}}
    await world.automation(wait, triggers=trigger, concurrency_scope="context_key")
    for key in ("payments", "search"):
        await make_system(world.domain, key)
        await world.report(key, Health.DEGRADED)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    assert len(await world.runs(RunStatus.WAITING)) == 2
    assert await world.skips() == ["already_running"]
