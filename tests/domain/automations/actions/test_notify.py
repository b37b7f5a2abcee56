"""The action `notify`: what is sent, how often, and what keeps silent."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from domain.automations.actions.notify import NotifyActions, NotifyConfig
from domain.automations.actions.registry import ActionContext
from domain.automations.definitions.templates import definition_from
from domain.automations.validation import problems_of
from domain.entities.origin import Origin
from domain.errors import InvalidInputError
from domain.model.automation import RunStatus
from domain.model.commands import UpdateIncident
from domain.model.incident import Health, Severity, Status
from domain.notifications.errors import NotSentError
from tests.domain.automations.actions.servers import Server, answer, serving
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_channel, make_incident, make_maintenance, make_system, report_health, set_status
from tests.inside import inside
from tests.receiver import closed_url

CONFIG = {"channel": "chat", "title": "{{ trigger.payload.n }} fail", "body": "Look.", "retries": 0}
ABOUT_HEALTH = {"channel": "chat", "title": "{{ trigger.payload.systemName }}", "body": "It is bad."}


def _messages(server: Server) -> list[tuple[str, str]]:
    bodies = [json.loads(received.body) for received in server.received]
    return [(body["title"], body["message"]) for body in bodies]


async def _chat(world: World, server: Server) -> None:
    await make_channel(world.domain, "chat", f"json://u:hunter22@127.0.0.1:{server.port}/hook")


@on_one_database
async def test_a_message_is_sent_through_a_channel_of_that_name(world: World) -> None:
    async with serving(answer(204)) as server:
        await _chat(world, server)
        run = await world.ran({"action": "notify", "config": CONFIG}, payload={"n": 5})
    step = await world.step(run, "actions[0]")
    [received] = server.received
    assert (run.status, _messages(server)) == (RunStatus.SUCCESS, [("5 fail", "Look.")])
    assert step.output == {"externalId": json.loads(received.body)["id"], "channel": "chat", "attempts": 1}
    assert "hunter22" not in str(await world.steps(run))


async def test_attempts_have_the_same_id_also_after_a_crash(world: World) -> None:
    async with serving(answer(500), answer(500), answer(204)) as server:
        await _chat(world, server)
        retry = {"attempts": 3, "delay_seconds": 60}
        run = await world.begun({"action": "notify", "config": CONFIG, "retry": retry}, payload={"n": 1})
        await world.tried(run, "actions[0]", 2)
        assert (await world.step(run, "actions[0]")).error == "The channel 'chat' answered 500."
        await world.crash()
        await world.run_enqueued()
        world.clock.advance(seconds=60)
        await world.tried(run, "actions[0]", 3)
        world.clock.advance(seconds=120)
        run = await world.over(run)
    assert run.status is RunStatus.SUCCESS
    assert len(server.received) == 3
    assert len({received.headers["idempotency-key"] for received in server.received}) == 1


@on_one_database
async def test_a_busy_service_is_tried_again_with_back_off_and_a_refusal_is_not(world: World) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    run = await world.ran({"action": "log", "config": {"message": "x"}})
    parts = inside(world.domain)
    actions = NotifyActions(parts.channels, parts.database, parts.clock, sleep=sleep, chance=lambda: 1.0)
    context = ActionContext(run=run, origin=Origin(actor=ADMIN.actor), path="actions[0]", consumed={})
    config = NotifyConfig(channel="chat", title="", body="Look.")
    async with serving(answer(503), answer(429), answer(503), answer(204), answer(403)) as server:
        await _chat(world, server)
        assert (await actions.notify(config, context)).details["attempts"] == 4
        with pytest.raises(NotSentError, match="answered 403"):
            await actions.notify(config, context)
    assert (waited, len(server.received)) == ([0.5, 1.0, 2.0], 5)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"channel": "nowhere"}, "Channel 'nowhere' was not found."),
        ({"body": " \n"}, "The body has come to nothing."),
        ({"channel": "away"}, "The channel 'away' could not be reached, or refused the message."),
    ],
)
@on_one_database
async def test_what_cannot_be_sent_fails_its_step(world: World, config: Mapping[str, Any], error: str) -> None:
    await make_channel(world.domain, "away", closed_url())
    run = await world.ran({"action": "notify", "config": {**CONFIG, "title": "x", **config}})
    assert error in str((await world.step(run, "actions[0]")).error)
    assert run.status is RunStatus.FAILED


async def test_the_health_of_a_system_is_silent_while_an_incident_on_it_suppresses_it(world: World) -> None:
    await make_system(world.domain, "api")
    async with serving(answer(204)) as server:
        await _chat(world, server)
        await world.automation(
            {"action": "notify", "config": ABOUT_HEALTH}, triggers=[{"event": "system.health_changed"}]
        )
        await world.automation({"action": "notify", "config": {**CONFIG, "title": "{{ trigger.payload.title }}"}})
        incident = await make_incident(world.domain, "api", title="Planned", suppress_notifications=True)
        await report_health(world.domain, "api", Health.DEGRADED)
        await world.settle()
        assert _messages(server) == [("Planned", "Look.")]
        await set_status(world.domain, incident, Status.RESOLVED)
        await report_health(world.domain, "api", Health.UNHEALTHY)
        await world.settle()
        assert _messages(server)[1:] == [("Api", "It is bad.")]
    first, second = [run for run in await world.runs() if run.firing.event == "system.health_changed"]
    assert (await world.step(first, "actions[0]")).output["skipped"] == "suppressed"
    assert "skipped" not in (await world.step(second, "actions[0]")).output


@on_one_database
async def test_the_health_of_a_system_is_silent_while_it_is_under_maintenance(world: World) -> None:
    await make_system(world.domain, "api")
    window = await make_maintenance(world.domain, "api", begins=-1)
    async with serving(answer(204)) as server:
        await _chat(world, server)
        await world.automation(
            {"action": "notify", "config": ABOUT_HEALTH}, triggers=[{"event": "system.health_changed"}]
        )
        await report_health(world.domain, "api", Health.DEGRADED)
        await world.settle()
        await world.domain.maintenance.end(ADMIN, window.id)
        await report_health(world.domain, "api", Health.UNHEALTHY)
        await world.settle()
        assert _messages(server) == [("Api", "It is bad.")]
    first, _ = await world.runs()
    assert (await world.step(first, "actions[0]")).output["skipped"] == "maintenance"


@on_one_database
async def test_reminders_come_until_an_incident_is_acknowledged_and_not_while_it_is_snoozed(world: World) -> None:
    parameters = {"remind": "notify", "channel": "chat", "afterMinutes": 10, "everyMinutes": 10}
    async with serving(answer(204)) as server:
        await _chat(world, server)
        definition = dict(definition_from("unacknowledged", parameters))
        await world.automation(*definition.pop("actions"), **definition)
        incident = await make_incident(world.domain, title="Checkout fails")
        await world.settle()
        run = await world.only_run()
        rounds = "actions[0].repeat[{}].sequence"
        await world.waiting(run, f"{rounds}[0].then[0]".format(0))
        await world.domain.responders.snooze(ADMIN, incident.id, world.clock.moment + timedelta(minutes=15))
        world.clock.advance(minutes=10)
        await world.waiting(run, f"{rounds}[1]".format(0))
        assert _messages(server) == []
        world.clock.advance(minutes=10)
        await world.waiting(run, f"{rounds}[0].else[0]".format(1))
        [(title, body)] = _messages(server)
        assert (title, "reminder 1 of 5" in body) == ("INC-1 is not acknowledged: Checkout fails", True)
        await world.domain.responders.acknowledge(ADMIN, incident.id)
        await world.settle()
        assert (await world.over(run)).status is RunStatus.SUCCESS
    assert len(server.received) == 1


@on_one_database
async def test_a_reminder_of_a_snoozed_incident_is_recorded_as_skipped(world: World) -> None:
    incident = await make_incident(world.domain)
    await world.domain.responders.snooze(ADMIN, incident.id, world.clock.moment + timedelta(minutes=15))
    async with serving(answer(204)) as server:
        await _chat(world, server)
        config = {**CONFIG, "title": "x", "about": "reminder", "incidentId": incident.id}
        run = await world.ran({"action": "notify", "config": config})
        assert (await world.step(run, "actions[0]")).output["skipped"] == "snoozed"
        await world.ran({"action": "notify", "config": {**config, "about": "incident"}})
    assert len(server.received) == 1


@on_one_database
async def test_a_channel_is_told_of_incidents_that_are_or_become_critical(world: World) -> None:
    async with serving(answer(204)) as server:
        await _chat(world, server)
        definition = dict(definition_from("notify_critical", {"channel": "chat"}))
        await world.automation(*definition.pop("actions"), **definition)
        await make_incident(world.domain, title="Bad", severity=Severity.CRITICAL, description="All is lost")
        mild = await make_incident(world.domain, title="Mild")
        await world.domain.incidents.update(ADMIN, UpdateIncident(id=mild.id, severity=Severity.CRITICAL))
        await set_status(world.domain, mild, Status.IDENTIFIED)
        await world.settle()
    assert sorted(_messages(server)) == [
        ("INC-1 is critical: Bad", "All is lost"),
        ("INC-2 is critical: Mild", "It has no description."),
    ]


@on_one_database
async def test_a_channel_is_told_of_every_status_in_order(world: World) -> None:
    async with serving(answer(204)) as server:
        await _chat(world, server)
        definition = dict(definition_from("notify_status", {"channel": "chat", "atLeast": "major"}))
        await world.automation(*definition.pop("actions"), **definition)
        incident = await make_incident(world.domain, title="Bad")
        await make_incident(world.domain, title="Small", severity=Severity.MINOR)
        await world.domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Worse"))
        for status in (Status.IDENTIFIED, Status.RESOLVED):
            await set_status(world.domain, incident, status)
        await world.settle()
    assert [title for title, _ in _messages(server)] == [
        "INC-1 is investigating: Bad",
        "INC-1 is identified: Worse",
        "INC-1 is resolved: Worse",
    ]


@on_one_database
@pytest.mark.parametrize("name", ["chat", "a {{ b }}", 'say "hi" {% raw %}'])
def test_templates_are_valid_for_any_name_of_a_channel(world: World, name: str) -> None:
    for ready in ("notify_critical", "notify_status", "unacknowledged"):
        parameters: dict[str, Any] = {"channel": name, "systemIds": ["sys_a", 'sys_"b']}
        if ready == "unacknowledged":
            parameters["remind"] = "notify"
        problems = problems_of(definition_from(ready, parameters), world.domain.automations.catalog)
        assert [problem for problem in problems if problem.severity == "error"] == []


@on_one_database
@pytest.mark.parametrize("parameters", [{"remind": "notify"}, {"channel": "chat"}])
def test_a_reminder_by_channel_names_one_and_no_other_does(world: World, parameters: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="`channel` belongs to `notify`"):
        definition_from("unacknowledged", parameters)


@on_one_database
async def test_a_channel_that_does_not_exist_yet_is_a_warning(world: World) -> None:
    document = {"triggers": [{"event": "manual"}], "actions": [{"action": "notify", "config": CONFIG}]}
    [problem] = await world.domain.automations.service.problems(document)
    assert (problem.path, problem.message) == ("actions[0].config.channel", "There is no channel 'chat' yet.")
