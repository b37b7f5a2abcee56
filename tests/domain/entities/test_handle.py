"""Writes through the handle of an entity, and what they record, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from domain.bootstrap import Domain, running_domain
from domain.entities.handle import Applied
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.model.actor import SYSTEM, Actor, ActorType, Cause
from domain.model.change import ChangeAction
from domain.model.incident import Incident, Status
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.entities.widgets import Step, Widgets, steps_of
from tests.factories import log_of, make_incident
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


async def test_a_committed_write_is_visible_to_another_process(domain: Domain) -> None:
    async with running_domain(domain.settings) as other:
        incident = await make_incident(domain)

        found = await inside(other).database.read(lambda session: inside(other).handle.get(session, incident.id))
        batch = await inside(other).database.read(
            lambda session: inside(other).handle.get_many(session, [incident.id, "inc_none"])
        )
    assert found is not None
    assert found.entity == incident
    assert batch == {incident.id: found}


async def test_a_write_that_is_not_committed_is_not_visible_to_another_process(domain: Domain) -> None:
    incident = await make_incident(domain)

    async def work(unit: UnitOfWork) -> Snapshot[Incident] | None:
        await unit.incidents.delete(incident.id)
        return await inside(domain).database.read(lambda session: inside(domain).handle.get(session, incident.id))

    outside = (await inside(domain).database.write(work)).value
    assert outside is not None
    assert await domain.reads.incidents([incident.id]) == {}


async def test_changes_kept_in_memory_by_one_process_are_invisible_to_another(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red")

    assert await inside(domain).database.read(lambda session: Widgets(domain).handle.get(session, "w1")) is None


async def test_creating_leaves_an_event_without_a_former_state_and_a_transition_for_each_field(
    domain: Domain, widgets: Widgets
) -> None:
    await widgets.put("w1", colour="red", size=3)

    [change] = await widgets.log()
    assert (change.action, change.version, change.prev) == (ChangeAction.CREATED, 1, None)
    assert change.next == {"colour": "red", "size": 3, "labels": None, "parts": None}
    assert await widgets.steps() == [("colour", None, "red"), ("size", None, "3")]


async def test_updating_leaves_the_changed_field_alone_in_the_delta(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red", size=3)
    await widgets.put("w1", colour="red", size=4)

    change = (await widgets.log())[-1]
    assert (change.action, change.version, change.changed_fields) == (ChangeAction.UPDATED, 2, ("size",))
    assert change.delta == {"size": 4}
    assert (await widgets.steps())[2:] == [("size", "3", "4")]


async def test_a_field_that_is_dropped_becomes_null(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red", labels={"a": 1})
    await widgets.put("w1", colour="red")

    assert (await widgets.log())[-1].delta == {"labels": None}
    assert (await widgets.steps())[2:] == [("labels", '{"a":1}', "null")]


async def test_an_equal_state_leaves_no_event_and_no_transition(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", labels={"a": 1, "b": {"x": 1, "y": 2}})
    before = await widgets.steps()

    mutation = await widgets.put("w1", labels={"b": {"y": 2, "x": 1}, "a": 1})

    assert (mutation.change, mutation.after.version) == (None, 1)
    assert (len(await widgets.log()), await widgets.steps()) == (1, before)


async def test_creating_an_entity_of_nulls_records_no_change(domain: Domain, widgets: Widgets) -> None:
    assert (await widgets.put("w1", colour=None)).change is None
    assert await widgets.log() == []


async def test_the_former_state_is_read_before_the_write_is_applied(domain: Domain) -> None:
    incident = await make_incident(domain)
    seen: list[Status | None] = []

    async def work(unit: UnitOfWork) -> None:
        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            seen.append(before.entity.status if before else None)
            return await _resolve(unit, incident, domain)

        await inside(domain).handle.mutate(unit, incident.id, apply)

    await inside(domain).database.write(work)
    change = (await log_of(domain, incident))[-1]
    assert seen == [Status.INVESTIGATING]
    assert change.prev is not None
    assert change.prev["status"] == "investigating"


async def test_a_write_that_raises_leaves_no_event_no_transition_and_no_row(domain: Domain) -> None:
    incident = await make_incident(domain)
    steps = await steps_of(domain, entity_id=incident.id)

    async def work(unit: UnitOfWork) -> None:
        async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
            await _resolve(unit, incident, domain)
            raise RuntimeError("the write failed")

        await inside(domain).handle.mutate(unit, incident.id, apply)

    with pytest.raises(RuntimeError, match="the write failed"):
        await inside(domain).database.write(work)
    await _nothing_happened(domain, incident, steps)


async def test_a_failure_after_the_write_rolls_back_row_event_and_transitions(domain: Domain) -> None:
    incident = await make_incident(domain)
    steps = await steps_of(domain, entity_id=incident.id)

    async def work(unit: UnitOfWork) -> None:
        await inside(domain).handle.mutate(unit, incident.id, lambda _: _resolve(unit, incident, domain))
        raise RuntimeError("something else failed")

    with pytest.raises(RuntimeError, match="something else"):
        await inside(domain).database.write(work)
    await _nothing_happened(domain, incident, steps)


async def test_a_failure_of_the_append_rolls_back_the_row(domain: Domain) -> None:
    incident = await make_incident(domain)
    steps = await steps_of(domain, entity_id=incident.id)

    async def work(unit: UnitOfWork) -> None:
        mutation = await inside(domain).handle.mutate(unit, incident.id, lambda _: _resolve(unit, incident, domain))
        assert mutation.change is not None
        unit.record(mutation.change, ())  # the same change twice: the log refuses it

    with pytest.raises(Exception, match=r"(?i)unique"):
        await inside(domain).database.write(work)
    await _nothing_happened(domain, incident, steps)


async def test_removing_leaves_a_tombstone_without_transitions(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red")
    steps = await widgets.steps()
    await widgets.remove("w1")

    change = (await widgets.log())[-1]
    assert (change.action, change.version, change.next, change.delta) == (ChangeAction.DELETED, 2, None, {})
    assert change.changed_fields == ("colour", "labels", "parts", "size")
    assert change.prev == {"colour": "red", "size": None, "labels": None, "parts": None}
    assert (change.events, await widgets.steps()) == ((), steps)


async def test_removing_an_unknown_entity_records_no_change(domain: Domain, widgets: Widgets) -> None:
    applied: list[Any] = []

    async def apply(before: Snapshot[Any] | None) -> None:
        applied.append(before)

    removed = (await inside(domain).database.write(lambda unit: widgets.handle.remove(unit, "w1", apply))).value
    assert (applied, removed, await widgets.log()) == ([None], None, [])


async def test_each_event_has_an_id_of_its_own(domain: Domain, widgets: Widgets) -> None:
    for size in range(5):
        await widgets.put("w1", size=size)

    assert len({change.id for change in await widgets.log()}) == 5


async def test_reads_go_to_the_store(domain: Domain) -> None:
    incidents = [await make_incident(domain, title=f"Number {number}") for number in range(3)]
    wanted = [incident.id for incident in incidents[1:]]

    found = await inside(domain).database.read(
        lambda session: inside(domain).handle.get_many(session, [*wanted, "inc_none"])
    )

    assert found == {incident.id: snapshot_of(incident) for incident in incidents[1:]}
    assert await inside(domain).database.read(lambda session: inside(domain).handle.get(session, "inc_none")) is None


async def test_a_state_that_does_not_fit_the_schema_is_refused_and_nothing_is_written(
    domain: Domain, widgets: Widgets
) -> None:
    with pytest.raises(ValidationError):
        await widgets.put("w1", size="enormous")

    assert (widgets.stored, await widgets.log(), await widgets.steps()) == ({}, [], [])


async def test_fields_that_the_schema_does_not_know_are_dropped(domain: Domain, widgets: Widgets) -> None:
    mutation = await widgets.put("w1", colour="red", weight=12)

    assert "weight" not in mutation.after.state
    assert (await widgets.log())[0].delta == {"colour": "red"}


async def test_the_actor_and_the_cause_are_recorded(domain: Domain, widgets: Widgets) -> None:
    actor = Actor(type=ActorType.USER, id="usr_1", name="Ada")
    cause = Cause(change_id="chg_0", run_id="run_1", depth=2)
    await widgets.put("w1", origin=Origin(actor=actor, cause=cause), colour="red")
    await widgets.put("w2", colour="red")

    named, unnamed = await widgets.log()
    assert (named.actor, named.cause) == (actor, cause)
    assert (unnamed.actor, unnamed.cause) == (SYSTEM, Cause())


async def test_several_entities_of_one_unit_get_one_change_each(domain: Domain) -> None:
    incidents = [await make_incident(domain) for _ in range(3)]
    ids = [incident.id for incident in reversed(incidents)]

    async def work(unit: UnitOfWork) -> int:
        async def apply(_: str, before: Snapshot[Incident]) -> Applied[Incident]:
            return await _resolve(unit, before.entity, domain)

        return len(await inside(domain).handle.mutate_many(unit, [*ids, "inc_none", ids[0]], apply))

    head = await domain.events.head()
    written = (await inside(domain).database.write(work)).value
    changes = await domain.events.raw(head, limit=100)
    assert written == 3
    assert [change.entity_id for change in changes] == sorted(ids)
    assert {change.version for change in changes} == {2}


async def _resolve(unit: UnitOfWork, incident: Incident, domain: Domain) -> Applied[Incident]:
    after = incident.with_status(Status.RESOLVED, at=domain.clock.now())
    await unit.incidents.save(incident, after, now=unit.moment())
    return Applied(after=snapshot_of(after))


async def _nothing_happened(domain: Domain, incident: Incident, steps: Sequence[Step]) -> None:
    assert await domain.reads.incidents([incident.id]) == {incident.id: incident}
    assert len(await log_of(domain, incident)) == 1
    assert await steps_of(domain, entity_id=incident.id) == steps
