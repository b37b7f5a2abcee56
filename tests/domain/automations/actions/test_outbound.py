"""The actions that call other servers, as runs do them."""

from dataclasses import replace

import pytest

from domain.model.automation import RunStatus
from domain.settings import Settings
from tests.domain.automations.servers import answer, as_json, serving
from tests.domain.automations.world import World
from tests.factories import make_secret

SIGNING = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, http_allow=("127.0.0.1",))


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


async def test_a_failure_names_the_status_and_attempts_have_the_same_key_also_after_a_crash(world: World) -> None:
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


async def test_a_webhook_is_signed_with_the_secret_and_shows_it_nowhere(world: World) -> None:
    await make_secret(world.domain, "SIGNING", SIGNING)
    config = {"secret": "${{ secrets.SIGNING }}", "type": "dev.test", "data": {"x": 1}, "retries": 0}
    async with serving(answer(204)) as server:
        run = await world.ran({"action": "webhook.send", "config": {**config, "url": server.url}})
    assert (run.status, run.message) == (RunStatus.SUCCESS, None)
    assert server.received[0].headers["webhook-signature"].startswith("v1,")
    assert (await world.step(run, "actions[0]")).input["secret"] == "****"


async def test_an_internal_server_that_is_not_allowed_is_not_called(world: World) -> None:
    run = await world.ran({"action": "http.request", "config": {"url": "http://127.0.0.2:9", "retries": 0}})
    assert run.status is RunStatus.FAILED
    assert "127.0.0.2" in str(run.message)
