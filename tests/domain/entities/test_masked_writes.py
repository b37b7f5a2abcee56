"""Writes of runs whose secrets are masked, on both databases."""

import pytest

from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.model.actor import Cause
from domain.model.commands import ResolveIncident
from domain.model.incident import Health, HealthOverride, Status
from tests.domain.entities.widgets import Widgets
from tests.factories import log_of, make_incident, make_system
from tests.inside import inside

SECRET = "hunter2!"
BY_RUN = Origin(cause=Cause(run_id="run_1"), run_id="run_1")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


async def test_secrets_of_a_run_are_masked_in_the_event(domain: Domain, widgets: Widgets) -> None:
    inside(domain).masker.register("run_1", [SECRET])
    await widgets.put("w1", origin=BY_RUN, colour=f"the key is {SECRET}")

    [change] = await widgets.log()
    assert change.next is not None
    assert (change.next["colour"], change.delta) == ("the key is ****", {"colour": "the key is ****"})


async def test_secrets_of_a_run_are_masked_in_the_payload_of_triggers(domain: Domain, widgets: Widgets) -> None:
    inside(domain).derivers.register(
        kind=widgets.kind, derive=lambda _: ["widget.painted"], to_payload=lambda change: {"state": change.next}
    )
    inside(domain).masker.register("run_1", [SECRET])
    await widgets.put("w1", origin=BY_RUN, colour=f"the key is {SECRET}")

    [change] = await widgets.log()
    assert change.events == ("widget.painted",)
    assert change.payload is not None
    assert change.payload["state"]["colour"] == "the key is ****"


async def test_without_a_run_nothing_is_masked(domain: Domain, widgets: Widgets) -> None:
    inside(domain).masker.register("run_1", [SECRET])
    await widgets.put("w1", colour=SECRET)

    assert (await widgets.log())[0].delta == {"colour": SECRET}
    assert await widgets.steps() == [("colour", None, SECRET)]


async def test_a_secret_deep_inside_is_masked_in_event_and_transitions(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", parts=[SECRET], labels={"plain": SECRET})
    inside(domain).masker.register("run_1", [SECRET])
    await widgets.put("w1", origin=BY_RUN, parts=["new"], labels={f"key {SECRET}": [{"deep": SECRET}]})

    change = (await widgets.log())[-1]
    assert change.next is not None
    assert change.next["labels"] == {"key ****": [{"deep": "****"}]}
    assert (await widgets.steps())[2:] == [
        ("labels", '{"plain":"****"}', '{"key ****":[{"deep":"****"}]}'),
        ("parts", '["****"]', '["new"]'),
    ]
    assert SECRET not in repr(change)


async def test_a_change_inside_a_masked_secret_is_recorded(domain: Domain, widgets: Widgets) -> None:
    inside(domain).masker.register("run_1", [SECRET, "correct horse"])
    await widgets.put("w1", origin=BY_RUN, colour=SECRET)
    await widgets.put("w1", origin=BY_RUN, colour="correct horse")

    assert [change.delta for change in await widgets.log()] == [{"colour": "****"}] * 2


async def test_the_state_returned_is_not_masked(domain: Domain, widgets: Widgets) -> None:
    inside(domain).masker.register("run_1", [SECRET])

    mutation = await widgets.put("w1", origin=BY_RUN, colour=SECRET)

    assert mutation.after.state["colour"] == SECRET


async def test_a_secret_that_looks_like_a_status_does_not_change_which_event_fires(domain: Domain) -> None:
    incident = await make_incident(domain)
    inside(domain).masker.register("run_status", ["resolved"])
    resolved = await inside(domain).database.write(
        lambda unit: domain.incidents.resolve_in(
            unit, ResolveIncident(id=incident.id), origin=Origin(run_id="run_status")
        )
    )
    inside(domain).masker.drop("run_status")

    change = (await log_of(domain, incident))[-1]
    assert resolved.value.status is Status.RESOLVED
    assert change.events == ("incident.resolved",)
    assert change.next is not None
    assert change.next["status"] == "****"


async def test_a_secret_that_looks_like_a_status_does_not_keep_a_system_in_trouble(domain: Domain) -> None:
    await make_system(domain, "masked")
    incident = await make_incident(domain, "masked", health_override=HealthOverride.DEGRADED)
    inside(domain).masker.register("run_health", ["resolved"])
    await inside(domain).database.write(
        lambda unit: domain.incidents.resolve_in(
            unit, ResolveIncident(id=incident.id), origin=Origin(run_id="run_health")
        )
    )
    inside(domain).masker.drop("run_health")

    [step] = (await log_of(domain, incident))[-1].health
    assert (step.previous, step.status) == (Health.DEGRADED, Health.HEALTHY)
