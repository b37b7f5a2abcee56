"""The actions that call other servers, performed by runs."""

import json
from dataclasses import replace

import pytest

from domain.model.automation import RunStatus
from domain.model.incident import Health
from domain.settings import Settings
from tests.domain.automations.actions.servers import answer, as_json, serving
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_secret, make_system

SIGNING = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http_allow=("127.0.0.1",))


@on_one_database
async def test_a_request_is_sent_and_its_answer_is_recorded(world: World) -> None:
    config = {"method": "POST", "json": {"n": "{{ trigger.payload.n }}"}, "retries": 0}
    async with serving(as_json({"ticket": 7})) as server:
        run = await world.ran(
            {"id": "call", "action": "http.request", "config": {**config, "url": server.url}}, payload={"n": 5}
        )
    [received] = server.received
    assert (received.body, received.headers["idempotency-key"]) == (b'{"n":5}', f"{run.id}:actions[0]")
    output = (await world.step(run, "actions[0]")).output
    assert (run.status, output["status"], output["body"]) == (RunStatus.SUCCESS, 200, {"ticket": 7})


async def test_attempts_have_the_same_key_also_after_a_crash(world: World) -> None:
    async with serving(answer(500), answer(500), as_json({})) as server:
        config = {"url": server.url, "retries": 0}
        step = {"action": "http.request", "config": config, "retry": {"attempts": 3, "delay_seconds": 60}}
        run = await world.begun(step)
        await world.tried(run, "actions[0]", 2)
        assert "answered 500" in str((await world.step(run, "actions[0]")).error)
        await world.crash()
        await world.run_enqueued()
        world.clock.advance(seconds=60)
        await world.tried(run, "actions[0]", 3)
        world.clock.advance(seconds=120)
        run = await world.over(run)
    assert run.status is RunStatus.SUCCESS
    assert {received.headers["idempotency-key"] for received in server.received} == {f"{run.id}:actions[0]"}
    assert len(server.received) == 3


@on_one_database
async def test_a_webhook_is_signed_and_its_secret_redacted(world: World) -> None:
    await make_secret(world.domain, "SIGNING", SIGNING)
    config = {"secret": "${{ secrets.SIGNING }}", "type": "dev.test", "data": {"x": 1}, "retries": 0}
    async with serving(answer(204)) as server:
        run = await world.ran({"action": "webhook.send", "config": {**config, "url": server.url}})
    assert (run.status, run.message) == (RunStatus.SUCCESS, None)
    assert server.received[0].headers["webhook-signature"].startswith("v1,")
    assert (await world.step(run, "actions[0]")).input["secret"] == "****"


@on_one_database
async def test_an_internal_server_that_is_not_allowed_is_not_called(world: World) -> None:
    run = await world.ran({"action": "http.request", "config": {"url": "http://127.0.0.2:9", "retries": 0}})
    assert run.status is RunStatus.FAILED
    assert "127.0.0.2" in str(run.message)


MOMENT = {"method": "POST", "headers": {"X-Key": "${{ secrets.API_KEY }}"}, "retries": 0}
BODY = {"z": "{{ now }}", "a": "{{ health.systems['payments'].status }}", "ref": "{{ trigger.payload.ref }}"}


async def test_a_request_resent_after_a_crash_is_the_same_to_the_byte(world: World) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    await make_secret(world.domain, "API_KEY", "correct-horse")
    async with serving(answer(500), as_json({})) as server:
        config = {**MOMENT, "url": server.url, "json": BODY}
        step = {"action": "http.request", "config": config, "retry": {"attempts": 2, "delay_seconds": 60}}
        run = await world.begun(step, payload={"ref": "${{ secrets.API_KEY }}"}, uses_state=["payments"])
        await world.tried(run, "actions[0]", 2)
        await world.crash()
        await world.report("payments", Health.HEALTHY)
        world.clock.advance(minutes=5)
        await world.run_enqueued()
        assert (await world.over(run)).status is RunStatus.SUCCESS
    first, second = server.received
    assert first.body == second.body
    sent = json.loads(first.body)
    assert (sent["a"], sent["ref"]) == ("degraded", "${{ secrets.API_KEY }}")
    assert first.headers["x-key"] == second.headers["x-key"] == "correct-horse"
    assert await world.rows("SELECT request FROM automation_steps WHERE request IS NOT NULL") == []


@on_one_database
async def test_a_secret_in_the_data_is_not_stored_for_a_resume(world: World) -> None:
    await make_secret(world.domain, "API_KEY", "correct-horse")
    async with serving(answer(500), as_json({})) as server:
        config = {**MOMENT, "url": server.url, "body": "{{ trigger.payload.said }}"}
        step = {"action": "http.request", "config": config, "retry": {"attempts": 2, "delay_seconds": 60}}
        run = await world.begun(step, payload={"said": "correct-horse"})
        await world.tried(run, "actions[0]", 2)
        assert "correct-horse" not in str(await world.rows("SELECT * FROM automation_steps"))
        await world.crash()
        world.clock.advance(minutes=5)
        await world.run_enqueued()
        await world.over(run)
    assert [received.body for received in server.received] == [b"correct-horse"] * 2


async def test_of_two_workers_the_first_ones_request_is_sent_by_both(world: World) -> None:
    run = await world.begun({"delay": {"seconds": 60}})
    await world.waiting(run, "actions[0]")
    first, second = [await world.domain.automations.runner._loaded(run.id) for _ in range(2)]
    step = first.begun("actions[1]", "action", action="http.request")
    await first.note(replace(step, request="one"))
    assert (await second.note(replace(step, request="two"))).request == "one"
    assert (await second.note(replace(step, request="one", attempts=2))).attempts == 2
    assert (await first.note(replace(step, request="one"))).attempts == 2
