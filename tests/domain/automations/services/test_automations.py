"""Automations as people keep them: written, renamed, switched, run by hand, deleted, and their runs cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.automations.definitions.definition import Definition
from domain.automations.routing.router import firing_of
from domain.automations.services.automations import WriteAutomation
from domain.automations.validation import InvalidDefinitionError
from domain.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from domain.model.automation import Automation, RunStatus
from domain.model.paging import PageRequest
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident
from tests.inside import inside

WAIT = {"wait_until": {"condition": "1 > 2"}}
CREATED = {"triggers": [{"event": "incident.created"}]}


async def update(world: World, automation: Automation, **fields: Any) -> Automation:
    command = WriteAutomation(**fields)
    return (await world.domain.automations.service.update(ADMIN, automation.id, command)).value


async def numbers(world: World, automation: Automation) -> list[int]:
    """Return the version numbers of an automation, newest first."""
    pages = await inside(world.domain).database.read(
        lambda session: session.automations.version_pages([automation.id], PageRequest(size=100))
    )
    return [version.number for version in pages[automation.id].items]


@on_one_database
async def test_an_automation_begins_with_its_first_version(world: World) -> None:
    automation = await world.automation(name="  Escalate ")
    assert (automation.name, automation.number, automation.enabled) == ("Escalate", 1, True)
    assert await numbers(world, automation) == [1]


@on_one_database
async def test_another_definition_is_a_new_version(world: World) -> None:
    automation = await world.automation()
    after = await update(world, automation, definition={**CREATED, "mode": "restart"})
    assert (after.number, after.definition["mode"]) == (2, "restart")
    assert await numbers(world, automation) == [2, 1]


@on_one_database
async def test_the_same_definition_is_no_new_version(world: World) -> None:
    automation = await world.automation()
    reordered = dict(reversed(list(automation.definition.items())))
    assert (await update(world, automation, definition=reordered)).number == 1
    assert await numbers(world, automation) == [1]


@on_one_database
async def test_a_new_name_group_or_switch_is_no_new_version(world: World) -> None:
    automation = await world.automation()
    world.clock.advance(seconds=1)
    after = await update(world, automation, name="other", group="night", enabled=False, description="d")
    assert (after.name, after.group, after.enabled, after.description) == ("other", "night", False, "d")
    assert (after.number, await numbers(world, automation)) == (1, [1])
    assert after.updated_at > automation.updated_at


async def test_an_update_without_a_difference_changes_nothing(world: World) -> None:
    automation = await world.automation()
    world.clock.advance(seconds=1)
    assert await update(world, automation, name=automation.name) == automation


async def test_a_name_names_one_automation(world: World) -> None:
    first = await world.automation(name="first")
    second = await world.automation(name="second")
    with pytest.raises(AlreadyExistsError):
        await world.automation(name="first")
    with pytest.raises(AlreadyExistsError):
        await update(world, second, name="first")
    assert (await update(world, first, name="third")).name == "third"
    assert (await update(world, second, name="first")).name == "first"


async def test_of_two_writers_of_one_name_one_is_refused(world: World) -> None:
    automations = [await world.automation(name=name) for name in ("a", "b", "c")]
    outcomes = await asyncio.gather(
        *(update(world, automation, name="taken") for automation in automations), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "AlreadyExistsError",
        "AlreadyExistsError",
        "Automation",
    ]


@on_one_database
@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\0b"], ids=["empty", "blank", "long", "nul"])
async def test_a_name_has_1_to_200_characters(world: World, name: str) -> None:
    with pytest.raises(InvalidInputError):
        await world.automation(name=name)


@on_one_database
@pytest.mark.parametrize("group", ["", " ", "x" * 121, "a\0b"], ids=["empty", "blank", "long", "nul"])
async def test_a_group_has_1_to_120_characters(world: World, group: str) -> None:
    automation = await world.automation()
    with pytest.raises(InvalidInputError):
        await update(world, automation, group=group)


@on_one_database
async def test_a_definition_with_a_problem_is_saved_neither_new_nor_changed(world: World) -> None:
    automation = await world.automation()
    with pytest.raises(InvalidDefinitionError):
        await world.automation(name="bad", triggers=[])
    with pytest.raises(InvalidDefinitionError):
        await update(world, automation, definition={"triggers": []})
    assert await numbers(world, automation) == [1]


@on_one_database
@pytest.mark.parametrize("call", ["update", "delete", "run", "cancel"])
async def test_a_missing_automation_or_run_is_not_found(world: World, call: str) -> None:
    service = world.domain.automations.service
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "update": lambda: service.update(ADMIN, "aut_none", WriteAutomation(name="x")),
        "delete": lambda: service.delete(ADMIN, "aut_none"),
        "run": lambda: service.run_by_hand(ADMIN, "aut_none"),
        "cancel": lambda: service.cancel_run(ADMIN, "run_none"),
    }
    with pytest.raises(NotFoundError):
        await calls[call]()


@on_one_database
async def test_a_disabled_automation_is_not_started(world: World) -> None:
    automation = await world.automation()
    await update(world, automation, enabled=False)
    await make_incident(world.domain)
    await world.settle()
    assert await world.runs() == []
    await update(world, automation, enabled=True)
    await make_incident(world.domain)
    await world.settle()
    assert len(await world.runs()) == 1


@on_one_database
async def test_a_run_finishes_on_the_version_that_it_started_with(world: World) -> None:
    automation = await world.automation({"delay": {"seconds": 60}}, {"variables": {"version": 1}})
    await make_incident(world.domain)
    await world.settle()
    await update(world, automation, definition={**CREATED, "actions": [{"variables": {"version": 2}}]})
    world.clock.advance(seconds=60)
    run = await world.until(await world.only_run(), RunStatus.SUCCESS)
    assert (run.number, (await world.step(run, "actions[1]")).output) == (1, {"version": 1})


@on_one_database
async def test_a_run_by_hand_passes_all_gates(world: World) -> None:
    trigger = {"event": "incident.created", "filter": "false", "for": {"minutes": 5}}
    automation = await world.automation(triggers=[trigger], conditions=["false"])
    await update(world, automation, enabled=False)
    run = (await world.domain.automations.service.run_by_hand(ADMIN, automation.id, payload={"n": 1})).value
    assert run is not None
    await world.settle()
    done = await world.only_run()
    assert (done.id, done.status, done.firing.event) == (run.id, RunStatus.SUCCESS, "manual")
    assert (done.firing.payload, done.firing.actor) == ({"n": 1}, ADMIN.actor)


@on_one_database
async def test_a_run_by_hand_starts_beside_active_runs(world: World) -> None:
    automation = await world.automation(WAIT, mode="single")
    for _ in range(2):
        await world.domain.automations.service.run_by_hand(ADMIN, automation.id)
    await world.settle()
    assert [run.status.value for run in await world.runs()] == ["waiting", "waiting"]


@on_one_database
async def test_a_run_by_hand_has_the_first_or_the_named_trigger(world: World) -> None:
    triggers = [{"event": "incident.created"}, {"id": "again", "event": "incident.updated"}]
    automation = await world.automation(triggers=triggers)
    run = world.domain.automations.service.run_by_hand
    assert (await run(ADMIN, automation.id)).value.trigger_id == "incident_created"  # type: ignore[union-attr]  # it was started
    assert (await run(ADMIN, automation.id, trigger_id="again")).value.trigger_id == "again"  # type: ignore[union-attr]  # it was started
    with pytest.raises(InvalidInputError):
        await run(ADMIN, automation.id, trigger_id="absent")


@on_one_database
async def test_a_repeated_call_by_hand_starts_one_run(world: World) -> None:
    automation = await world.automation()
    run = world.domain.automations.service.run_by_hand
    calls = [
        run(ADMIN, automation.id, idempotency_key=key) for key in ("a", "a", "b", "x" * 199 + "1", "x" * 199 + "2")
    ]
    ids = [outcome.value.id for outcome in await asyncio.gather(*calls) if outcome.value is not None]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@on_one_database
@pytest.mark.parametrize("key", ["", "x" * 201, "a\0b"], ids=["empty", "long", "nul"])
async def test_a_context_key_has_1_to_200_characters(world: World, key: str) -> None:
    automation = await world.automation()
    with pytest.raises(InvalidInputError):
        await world.domain.automations.service.run_by_hand(ADMIN, automation.id, context_key=key)


@on_one_database
async def test_a_cancelled_run_is_not_woken_by_its_event(world: World) -> None:
    event = {"wait_for_trigger": {"event": "incident.resolved"}}
    await world.automation(event)
    incident = await make_incident(world.domain)
    await world.settle()
    run = await world.only_run()
    cancelled = (await world.domain.automations.service.cancel_run(ADMIN, run.id)).value
    assert (cancelled.status, cancelled.message) == (RunStatus.CANCELLED, "Cancelled by hand.")
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.settle()
    assert (await world.only_run()) == cancelled


@on_one_database
async def test_cancelling_a_run_that_is_over_changes_nothing(world: World) -> None:
    await world.automation()
    await make_incident(world.domain)
    await world.settle()
    run = await world.only_run()
    before = len(await log_of(world.domain))
    assert (await world.domain.automations.service.cancel_run(ADMIN, run.id)).value == run
    assert len(await log_of(world.domain)) == before


@on_one_database
async def test_the_runs_of_a_deleted_automation_end_and_stay_readable(world: World) -> None:
    automation = await world.automation(WAIT)
    await make_incident(world.domain)
    await world.settle()
    run = await world.only_run()
    await world.domain.automations.service.delete(ADMIN, automation.id)
    assert [(shown.id, shown.status) for shown in await world.runs()] == [(run.id, RunStatus.CANCELLED)]
    [*_, last] = [change for change in await log_of(world.domain) if change.entity_id == run.id]
    assert ((last.next or {})["status"], last.actor) == ("cancelled", ADMIN.actor)
    await world.ended(run)


async def test_a_deleted_automation_is_not_found_and_frees_its_name(world: World) -> None:
    service, reads = world.domain.automations.service, world.domain.automations.reads
    automation = await world.automation(WAIT, name="mine")
    await service.delete(ADMIN, automation.id)
    assert (await reads.automations([automation.id]), await reads.named("mine")) == ({}, None)
    assert not (await reads.automation_page(PageRequest(size=10))).items
    assert await reads.automation_count() == 0
    again = await world.automation(WAIT, name="mine")
    await service.delete(ADMIN, again.id)
    for call in (
        service.delete(ADMIN, automation.id),
        service.update(ADMIN, automation.id, WriteAutomation(enabled=True)),
        service.run_by_hand(ADMIN, automation.id),
    ):
        with pytest.raises(NotFoundError):
            await call
    await make_incident(world.domain)
    await world.settle()
    assert await world.runs() == []


async def test_a_firing_that_meets_the_deletion_leads_to_no_run(world: World) -> None:
    automation = await world.automation(WAIT)
    await make_incident(world.domain)
    [change] = await log_of(world.domain)
    definition = Definition.model_validate(automation.definition)
    await world.domain.automations.service.delete(ADMIN, automation.id)

    async def admit(unit: UnitOfWork) -> None:
        trigger = definition.triggers[0]
        firing = firing_of(change, trigger.event)
        await world.domain.automations.admission.admit(unit, automation, definition, trigger.name, firing)

    await inside(world.domain).database.write(admit)
    assert await world.runs() == []
