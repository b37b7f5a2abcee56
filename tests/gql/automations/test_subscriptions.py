"""The subscriptions to runs: each change once, from any cursor, alone and shared, for permitted callers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Health
from domain.model.viewer import Role, Viewer
from tests.client import Json
from tests.domain.automations.world import World
from tests.factories import ADMIN, make_automation, make_incident, report_health, start_run
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import Watcher, now, watching
from tests.gql.transport.sockets import Running, serving, until
from tests.inside import inside

RUN = """
subscription S($id: ID!, $after: String) {
  automationRun(id: $id, after: $after) { status steps { totalCount nodes { path status } } }
}
"""
RUNS = """
subscription S($id: ID, $statuses: [AutomationRunStatus!], $after: String) {
  automationRuns(automationId: $id, statuses: $statuses, after: $after) { id status automation { name } }
}
"""
STATUS = "subscription S($id: ID!, $after: String) { automationRun(id: $id, after: $after) { status } }"
RESPONDER = replace(ADMIN, role=Role.RESPONDER)
ACTIONS = ({"variables": {"x": 1}}, {"delay": {"seconds": 600}}, {"variables": {"y": 2}})


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """Yield the application on a real server, where subscriptions are shared."""
    async with serving(domain) as running:
        yield running


@on_both_databases
async def test_a_run_comes_at_once_and_after_every_change_until_the_end(world: World) -> None:
    run = await _started(world)
    async with watching(world.domain, RUN, viewer=RESPONDER, id=run.id) as watcher:
        [first] = await watcher.data(1)
        assert first == {"status": "PENDING", "steps": {"totalCount": 0, "nodes": []}}
        await make_incident(world.domain)
        seen = await _driven(world, run, watcher)
    assert seen[-1]["status"] == "SUCCESS"
    assert [step["path"] for step in seen[-1]["steps"]["nodes"]] == ["actions[0]", "actions[1]", "actions[2]"]
    assert {step["status"] for step in seen[-1]["steps"]["nodes"]} == {"SUCCESS"}


@on_both_databases
async def test_a_run_resumes_from_any_cursor_without_gap_or_duplicate(world: World) -> None:
    run = await _started(world)
    start = await now(world.domain)
    await world.run_enqueued()
    await world.until(run, RunStatus.WAITING)
    known = [change for change in await world.domain.events.raw(0, limit=100) if change.entity_id == run.id]
    async with watching(world.domain, STATUS, viewer=RESPONDER, id=run.id, after=start) as watcher:
        result = await watcher.next()
    assert result["data"]["automationRun"] == {"status": "WAITING"}
    assert result["extensions"]["cursor"] == await now(world.domain)
    latest = inside(world.domain).cursors.position(known[-1].seq)
    async with watching(world.domain, STATUS, viewer=RESPONDER, id=run.id, after=latest) as watcher:
        first = asyncio.create_task(watcher.next())
        await asyncio.wait({first}, timeout=0.1)
        assert not first.done()
        await world.domain.automations.service.cancel_run(ADMIN, run.id)
        assert (await first)["data"]["automationRun"] == {"status": "CANCELLED"}
        assert await watcher.ended()


async def test_a_finished_run_comes_once_and_not_at_all_behind_the_last_cursor(world: World) -> None:
    run = await _started(world)
    await world.domain.automations.service.cancel_run(ADMIN, run.id)
    async with watching(world.domain, STATUS, viewer=RESPONDER, id=run.id) as watcher:
        assert await watcher.data(1) == [{"status": "CANCELLED"}]
        assert await watcher.ended()
    async with watching(world.domain, STATUS, viewer=RESPONDER, id=run.id, after=await now(world.domain)) as watcher:
        assert await watcher.ended()


async def test_subscribers_see_runs_end_when_their_automation_is_deleted(world: World) -> None:
    run = await _started(world)
    await world.run_enqueued()
    await world.waiting(run, "actions[1]")
    start = await now(world.domain)
    async with watching(world.domain, RUN, viewer=RESPONDER, id=run.id) as watcher:
        await watcher.data(1)
        await world.domain.automations.service.delete(ADMIN, run.automation_id)
        [last] = await watcher.data(1)
        assert await watcher.ended()
    assert last["status"] == "CANCELLED"
    assert [step["status"] for step in last["steps"]["nodes"]] == ["SUCCESS", "CANCELLED"]
    async with watching(world.domain, RUNS, viewer=RESPONDER, after=start) as watcher:
        assert await watcher.data(1) == [{"id": run.id, "status": "CANCELLED", "automation": None}]


async def test_a_pruned_run_ends_the_subscription_with_null(world: World) -> None:
    run = await _started(world)
    async with watching(world.domain, STATUS, viewer=RESPONDER, id=run.id) as watcher:
        await watcher.data(1)
        await world.domain.automations.service.delete(ADMIN, run.automation_id)
        await _forget_runs(world)
        assert await watcher.data(1) == [None]
        assert await watcher.ended()


@pytest.mark.parametrize("id", ["run_00000000000000000000000000", "nothing", ""])
async def test_an_unknown_run_is_not_found(domain: Domain, id: str) -> None:
    incident = await make_incident(domain)
    for identifier in (id, incident.id):
        async with watching(domain, STATUS, viewer=RESPONDER, id=identifier) as watcher:
            error = await watcher.error()
            assert (error["code"], error["field"]) == ("NOT_FOUND", ["id"])


async def test_every_change_of_status_comes_once_from_any_cursor(world: World) -> None:
    start = await now(world.domain)
    run = await _started(world)
    await report_health(world.domain, (await make_incident(world.domain)).system_ids[0], Health.DEGRADED)
    await world.run_enqueued()
    await world.until(run, RunStatus.WAITING)
    world.clock.advance(seconds=700)
    await world.until(run, RunStatus.SUCCESS)
    changes = [change for change in await world.domain.events.raw(0, limit=100) if change.entity_id == run.id]
    steps = [change for change in changes if "status" in change.changed_fields]
    assert [change.next["status"] for change in steps if change.next] == [
        "pending",
        "running",
        "waiting",
        "running",
        "success",
    ]
    async with watching(world.domain, RUNS, viewer=RESPONDER, after=start) as watcher:
        results = [await watcher.next() for _ in steps]
    cursors = [result["extensions"]["cursor"] for result in results]
    assert cursors == [inside(world.domain).cursors.position(change.seq) for change in steps]
    assert {result["data"]["automationRuns"]["id"] for result in results} == {run.id}
    for index, cursor in enumerate(cursors[:-1]):
        async with watching(world.domain, RUNS, viewer=RESPONDER, after=cursor) as watcher:
            rest = [(await watcher.next())["extensions"]["cursor"] for _ in cursors[index + 1 :]]
        assert rest == cursors[index + 1 :]


async def test_run_changes_are_filtered_by_automation_and_status(world: World) -> None:
    start = await now(world.domain)
    mine, other = [await make_automation(world.domain, name) for name in ("mine", "other")]
    runs = [await start_run(world.domain, automation) for automation in (other, mine)]
    for run in runs:
        await world.domain.automations.service.cancel_run(ADMIN, run.id)
    of_mine = {"id": runs[1].id, "status": "CANCELLED", "automation": {"name": "mine"}}
    of_other = {"id": runs[0].id, "status": "CANCELLED", "automation": {"name": "other"}}
    for variables, expected in (
        ({"id": mine.id}, [of_mine, of_mine]),
        ({"statuses": ["CANCELLED"]}, [of_other, of_mine]),
        ({"id": mine.id, "statuses": ["CANCELLED", "FAILED"]}, [of_mine]),
    ):
        async with watching(world.domain, RUNS, viewer=RESPONDER, after=start, **variables) as watcher:
            assert await watcher.data(len(expected)) == expected
    async with watching(world.domain, RUNS, viewer=RESPONDER, statuses=[]) as watcher:
        assert (await watcher.error())["field"] == ["statuses"]


async def test_pruned_runs_are_left_out_of_the_replay(world: World) -> None:
    start = await now(world.domain)
    gone = await _started(world)
    await world.domain.automations.service.delete(ADMIN, gone.automation_id)
    await _forget_runs(world)
    run = await _started(world)
    async with watching(world.domain, RUNS, viewer=RESPONDER, after=start) as watcher:
        assert [shown["id"] for shown in await watcher.data(1)] == [run.id]


@pytest.mark.parametrize("document", [STATUS, RUNS])
async def test_only_responders_subscribe_to_runs(world: World, document: str) -> None:
    run = await _started(world)
    for role, code in ((Role.ANONYMOUS, "UNAUTHENTICATED"), (Role.VIEWER, "FORBIDDEN")):
        viewer = Viewer(actor=ADMIN.actor, role=role)
        async with watching(world.domain, document, viewer=viewer, id=run.id) as watcher:
            assert (await watcher.error())["code"] == code


@pytest.mark.parametrize("document", [STATUS, RUNS])
@pytest.mark.parametrize(("role", "code"), [(Role.ANONYMOUS, "UNAUTHENTICATED"), (Role.VIEWER, "FORBIDDEN")])
async def test_a_viewer_cannot_join_a_group_of_runs(
    served: Running, world: World, document: str, role: Role, code: str
) -> None:
    run = await _started(world)
    async with served.socket(role) as raw, served.stream(role, query=document, id=run.id) as stream:
        await raw.send(_subscribe(document, {"id": run.id}))
        message = await raw.next()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", code)
        event = await stream.next()
        assert event is not None
        assert event["data"]["errors"][0]["extensions"]["code"] == code
    assert len(served.endpoint.groups) == 0


async def test_subscribers_of_a_run_share_one_execution_up_to_the_end(served: Running, world: World) -> None:
    run = await _started(world)
    variables = {"id": run.id}
    async with (
        served.socket(Role.RESPONDER) as one,
        served.socket(Role.ADMIN) as other,
        served.stream(Role.RESPONDER, query=STATUS, **variables) as stream,
    ):
        for raw in (one, other):
            await raw.send(_subscribe(STATUS, variables))
        for receiver in (one, other, stream):
            assert await receiver.data() == [{"status": "PENDING"}]
        await until(lambda: served.members == 3)
        assert len(served.endpoint.groups) == 1
        await world.domain.automations.service.cancel_run(ADMIN, run.id)
        for receiver in (one, other, stream):
            assert await receiver.data() == [{"status": "CANCELLED"}]
        for raw in (one, other):
            assert await raw.next() == {"id": "s", "type": "complete"}
        assert (await stream.next() or {"event": "complete"})["event"] == "complete"
        await until(lambda: len(served.endpoint.groups) == 0)


async def test_shared_subscriptions_to_runs_skip_reports_and_incidents(served: Running, world: World) -> None:
    start = await now(world.domain)
    run = await _started(world)
    async with served.socket(Role.RESPONDER) as live, served.socket(Role.ADMIN) as late:
        await live.send(_subscribe(RUNS, {}))
        await until(lambda: served.members == 1)
        await late.send(_subscribe(RUNS, {"after": start}))
        assert [shown["id"] for shown in await late.data()] == [run.id]
        await until(lambda: served.members == 2)
        assert len(served.endpoint.groups) == 1
        await make_incident(world.domain)
        await world.domain.automations.service.cancel_run(ADMIN, run.id)
        assert await live.data() == await late.data()


async def test_subscriptions_to_incidents_skip_runs(served: Running, world: World) -> None:
    document = "subscription { incidentChanges { incidentId } }"
    async with served.socket(Role.RESPONDER) as raw:
        await raw.send(_subscribe(document, {}))
        await until(lambda: served.members == 1)
        await _started(world)
        incident = await make_incident(world.domain)
        assert await raw.data() == [{"incidentId": incident.id}]


def _subscribe(document: str, variables: Json) -> Json:
    return {"id": "s", "type": "subscribe", "payload": {"query": document, "variables": variables}}


async def _started(world: World) -> AutomationRun:
    """Create a run that has not begun."""
    triggers = [{"event": "incident.resolved"}]
    name = f"watched-{await world.domain.events.head()}"
    return await start_run(world.domain, await world.automation(*ACTIONS, name=name, triggers=triggers))


async def _forget_runs(world: World) -> None:
    tomorrow = world.clock.moment + timedelta(days=1)
    await inside(world.domain).database.write(lambda unit: unit.runs.forget(before=tomorrow, limit=10))


async def _driven(world: World, run: AutomationRun, watcher: Watcher) -> list[Json]:
    """Return the events of a subscription while the run is driven to its end."""

    async def received() -> list[Json]:
        seen = await watcher.data(1)
        while seen[-1]["status"] != "SUCCESS":
            seen += await watcher.data(1)
        assert await watcher.ended()
        return seen

    receiving = asyncio.create_task(received())
    await world.run_enqueued()
    await world.until(run, RunStatus.WAITING)
    world.clock.advance(seconds=700)
    return await receiving
