"""The ready-made automations: they are valid, and do as they say."""

from typing import Any

import pytest

from domain.automations.definitions.templates import TEMPLATES, definition_from
from domain.automations.validation import problems_of
from domain.errors import DomainError, InvalidInputError, NotFoundError
from domain.model.automation import RunStatus
from domain.model.incident import Health, Severity, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_system


async def installed(world: World, template: str, **parameters: Any) -> None:
    await make_system(world.domain)
    await make_system(world.domain, "search")
    definition = dict(definition_from(template, parameters))
    await world.automation(*definition.pop("actions"), **definition)


@on_one_database
@pytest.mark.parametrize("ready", TEMPLATES, ids=lambda ready: ready.id)
async def test_every_template_is_valid_as_it_is(world: World, ready: Any) -> None:
    needed = dict.fromkeys(ready.parameters_schema.get("required", ()), "on call")
    assert problems_of(definition_from(ready.id, needed), world.domain.automations.catalog) == []
    assert ready.parameters_schema["properties"]["systemIds"]["description"]


@on_one_database
async def test_sustained_opens_an_incident_and_resolves_it_on_recovery(world: World) -> None:
    await installed(world, "sustained", degradedSeconds=300, healthySeconds=600)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    world.clock.advance(seconds=300)
    await world.firing()
    run = await world.until(await world.only_run(), RunStatus.WAITING)
    await world.report("payments", Health.HEALTHY)
    await world.settle()
    world.clock.advance(seconds=599)
    assert (await world.run(run.id)).status is RunStatus.WAITING
    world.clock.advance(seconds=1)
    await world.until(run, RunStatus.SUCCESS)
    [incident] = await world.incidents()
    assert (incident.title, incident.severity) == ("Payments is unhealthy", Severity.CRITICAL)
    assert (incident.description, incident.status) == ("It has been degraded for 5 minutes.", Status.RESOLVED)


@on_one_database
async def test_sustained_without_a_time_of_health_leaves_resolving_to_people(world: World) -> None:
    await installed(world, "sustained", degradedSeconds=1, healthySeconds=None)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    world.clock.advance(seconds=1)
    await world.firing()
    await world.until(await world.only_run(), RunStatus.SUCCESS)
    assert [incident.status for incident in await world.incidents()] == [Status.INVESTIGATING]


@on_one_database
async def test_flapping_opens_one_incident_however_long_the_flapping(world: World) -> None:
    await installed(world, "flapping", transitions=3, withinMinutes=60)
    for _ in range(5):
        await world.report("payments", Health.UNHEALTHY)
        world.clock.advance(minutes=1)
        await world.report("payments", Health.HEALTHY)
        world.clock.advance(minutes=1)
    await world.settle()
    assert [incident.title for incident in await world.incidents()] == ["Payments is flapping"]
    assert await world.skips() == ["window"] * 4


@on_one_database
async def test_a_system_that_never_recovers_does_not_flap(world: World) -> None:
    await installed(world, "flapping", transitions=3, withinMinutes=60)
    for _ in range(5):
        await world.report("payments", Health.UNHEALTHY)
        await world.report("payments", Health.DEGRADED)
    await world.settle()
    assert (await world.incidents(), await world.skips()) == ([], ["window"])


@on_one_database
async def test_a_template_can_be_for_some_systems_only(world: World) -> None:
    payments = await make_system(world.domain)
    await make_system(world.domain, "search")
    definition = dict(definition_from("sustained", {"systemIds": [payments.id], "degradedSeconds": 1}))
    await world.automation(*definition.pop("actions"), **definition)
    await world.report("search", Health.UNHEALTHY)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    world.clock.advance(seconds=1)
    await world.firing()
    assert [incident.title for incident in await world.incidents()] == ["Payments is unhealthy"]


@pytest.mark.parametrize(
    ("name", "parameters", "error", "field"),
    [
        ("weekly", {}, NotFoundError, ["template"]),
        ("sustained", {"degradedSeconds": 0}, InvalidInputError, ["parameters", "degradedSeconds"]),
        ("sustained", {"degradedMinutes": 1}, InvalidInputError, ["parameters", "degradedMinutes"]),
        ("flapping", {"severity": "worst"}, InvalidInputError, ["parameters", "severity"]),
        ("flapping", {"systemIds": []}, InvalidInputError, ["parameters", "systemIds"]),
    ],
)
def test_bad_parameters_are_refused_with_their_names(
    name: str, parameters: dict[str, Any], error: type[DomainError], field: list[str]
) -> None:
    with pytest.raises(error) as refused:
        definition_from(name, parameters)
    assert refused.value.field == field


def test_a_parameter_that_is_unknown_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInputError) as refused:
        definition_from("flapping", {"within": 5})
    assert refused.value.message.startswith("within: This key is unknown; there are ")
    assert "withinMinutes" in refused.value.message
