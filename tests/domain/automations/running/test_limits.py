"""Runs within the limits of a token."""

from typing import Any

from domain.model.automation import RunStatus
from domain.model.viewer import Role
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system, make_token

LOG = {"action": "log", "config": {"message": "here"}}


def create(key: str, **config: Any) -> dict[str, Any]:
    settings = {"title": "Down", "severity": "major", "systemIds": [key], **config}
    return {"id": key, "action": "incident.create", "config": settings}


@on_one_database
async def test_actions_write_within_the_tokens_systems_alone(world: World) -> None:
    await make_system(world.domain)
    search = await make_incident(world.domain, (await make_system(world.domain, "search")).key)
    lonely = await make_incident(world.domain, (await make_system(world.domain, "gone")).key)
    await world.domain.systems.delete(ADMIN, "gone")
    token, _ = await make_token(world.domain, role=Role.RESPONDER, systems=["payments"])
    for step, message in (
        (create("payments"), None),
        (create("search"), "The token that the automation runs as does not reach these systems."),
        (create("search", dedupeOpenForSystem=True), "The token that the automation runs as does not reach"),
        ({"action": "incident.resolve", "config": {"incidentId": search.id}}, "The token that the automation runs as"),
        ({"action": "incident.resolve", "config": {"incidentId": lonely.id}}, "The token that the automation runs as"),
    ):
        run = await world.ran(step, run_as=token.id)
        assert str(run.message).startswith(str(message))
        assert run.status is (RunStatus.FAILED if message else RunStatus.SUCCESS)
    assert sorted(incident.title for incident in await world.incidents()) == [
        "Checkout fails",
        "Checkout fails",
        "Down",
    ]
    assert all(incident.is_open for incident in await world.incidents())


async def test_a_token_revoked_during_a_wait_forbids_the_next_action(world: World) -> None:
    await make_system(world.domain)
    token, _ = await make_token(world.domain, role=Role.RESPONDER)
    later = await world.automation(LOG, triggers=[{"event": "manual"}], run_as=token.id)
    goes_on = {**LOG, "continue_on_error": True}
    run = await world.begun(create("payments"), {"delay": {"seconds": 60}}, goes_on, create("again"), run_as=token.id)
    await world.waiting(run, "actions[1]")
    await world.domain.tokens.revoke(ADMIN, token.id)
    world.clock.advance(seconds=60)
    run = await world.over(run)
    assert (run.status, run.message) == (
        RunStatus.FAILED,
        "The token that the automation runs as is not valid any more.",
    )
    assert list((await world.trace(run)).values()) == ["success", "success", "failed", "failed"]
    assert len(await world.incidents()) == 1
    again = await world.over(await world.again(later))
    assert again.message == "The token that the automation runs as is not valid any more."
