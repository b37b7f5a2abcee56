"""The catalog of systems, and the incidents of deleted ones."""

import asyncio

import pytest

from domain.bootstrap import Domain
from domain.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotFoundError,
    UnknownSystemError,
    VersionConflictError,
)
from domain.ids import new_id
from domain.model.commands import CreateSystem, UpdateSystem
from domain.model.incident import Status
from domain.model.system import System
from tests.conftest import CountStatements
from tests.domain.dialects import on_one_database
from tests.domain.entities.widgets import steps_of
from tests.factories import ADMIN, events_of, log_of, make_incident, make_system, set_status


@on_one_database
async def test_a_system_is_found_by_id_and_by_key(domain: Domain) -> None:
    system = await make_system(domain, "payments", name=" Payments ", description=" ")
    assert (system.name, system.description, system.created_at) == ("Payments", None, system.updated_at)
    assert await domain.reads.system_ids([system.id, "payments", "other"]) == {
        system.id: system.id,
        "payments": system.id,
    }
    assert await domain.reads.systems([system.id]) == {system.id: system}


@on_one_database
async def test_creating_renaming_and_deleting_a_system_leaves_a_change_each_and_fires_nothing(domain: Domain) -> None:
    system = await make_system(domain)
    await domain.systems.update(ADMIN, UpdateSystem(system="payments", name="New"))
    await domain.systems.update(ADMIN, UpdateSystem(system="payments", name="New", description="All of it"))
    await domain.systems.update(ADMIN, UpdateSystem(system="payments", description="All of it"))
    await domain.systems.delete(ADMIN, "payments")
    changes = await domain.events.raw(0, limit=10)
    assert {(change.kind, change.entity_id, change.actor.name) for change in changes} == {
        ("system", system.id, "admin")
    }
    assert [
        (each.version, each.action, each.changed_fields, each.described_fields, each.events) for each in changes
    ] == [
        (1, "created", ("key", "name"), (), ()),
        (2, "updated", ("name",), (), ()),
        (3, "updated", (), ("description",), ()),
        (4, "deleted", ("key", "name"), (), ()),
    ]
    assert await steps_of(domain, kind="system") == [
        ("key", None, "payments"),
        ("name", None, "Payments"),
        ("name", "Payments", "New"),
    ]


async def test_of_two_who_saw_the_same_version_one_writes_and_the_other_is_refused(domain: Domain) -> None:
    system = await make_system(domain)
    renames = (UpdateSystem(system=system.id, name=name, expected_version=1) for name in ("One", "Two"))
    outcomes = await asyncio.gather(
        *(domain.systems.update(ADMIN, rename) for rename in renames), return_exceptions=True
    )
    [refused] = [each for each in outcomes if isinstance(each, VersionConflictError)]
    assert refused.current == (await domain.reads.systems([system.id]))[system.id]
    assert refused.current.version == 2
    with pytest.raises(VersionConflictError):
        await domain.systems.delete(ADMIN, "payments", expected_version=1)
    await domain.systems.delete(ADMIN, "payments", expected_version=2)


async def test_a_key_that_is_taken_exists_already(domain: Domain) -> None:
    await make_system(domain)
    with pytest.raises(AlreadyExistsError) as caught:
        await make_system(domain, "payments", name="Another")
    assert caught.value.field == ["key"]
    assert await domain.reads.system_count() == 1


async def test_of_many_callers_with_one_key_one_creates_the_system(domain: Domain) -> None:
    outcomes = await asyncio.gather(*(make_system(domain) for _ in range(10)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(System) == 1
    assert [type(outcome) for outcome in outcomes].count(AlreadyExistsError) == 9


@on_one_database
@pytest.mark.parametrize(
    ("command", "field"),
    [
        (CreateSystem(key="Bad Key", name="X"), "key"),
        (CreateSystem(key="x", name=" "), "name"),
        (CreateSystem(key="x", name="X", description="x" * 20_001), "description"),
    ],
    ids=["a bad key", "a blank name", "a long description"],
)
async def test_a_system_that_cannot_be_accepted_names_the_field(
    domain: Domain, command: CreateSystem, field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await domain.systems.create(ADMIN, command)
    assert caught.value.field == [field]


@on_one_database
async def test_an_update_keeps_unmentioned_fields_and_clears_null_ones(domain: Domain) -> None:
    system = await make_system(domain, description="All of it")
    renamed = (await domain.systems.update(ADMIN, UpdateSystem(system="payments", name="New"))).value
    assert (renamed.name, renamed.description, renamed.key) == ("New", "All of it", "payments")
    assert renamed.updated_at > system.updated_at
    cleared = (await domain.systems.update(ADMIN, UpdateSystem(system=system.id, description=None))).value
    assert (cleared.name, cleared.description) == ("New", None)
    assert await domain.reads.systems([system.id]) == {system.id: cleared}


@on_one_database
async def test_an_update_that_changes_nothing_leaves_the_time(domain: Domain) -> None:
    system = await make_system(domain)
    assert (await domain.systems.update(ADMIN, UpdateSystem(system="payments", name=system.name))).value == system


@on_one_database
@pytest.mark.parametrize("reference", ["payments", "sys_unknown", "\0"], ids=ascii)
async def test_an_unknown_system_is_not_found(domain: Domain, reference: str) -> None:
    with pytest.raises(NotFoundError):
        await domain.systems.update(ADMIN, UpdateSystem(system=reference, name="New"))
    with pytest.raises(NotFoundError):
        await domain.systems.delete(ADMIN, reference)


@on_one_database
async def test_deleting_a_system_changes_each_of_its_incidents_once(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    both, alone = await make_incident(domain, "api", "web"), await make_incident(domain, "api")
    untouched = await make_incident(domain, "web")
    deleted = (await domain.systems.delete(ADMIN, "api")).value
    after = await domain.reads.incidents([both.id, alone.id, untouched.id])
    assert [after[incident.id].version for incident in (both, alone, untouched)] == [2, 2, 1]
    assert (deleted in after[both.id].system_ids, after[alone.id].system_ids) == (False, ())
    changes = (await log_of(domain))[3:]
    assert [(change.entity_id, change.changed_fields) for change in changes] == [
        (both.id, ("system_ids",)),
        (alone.id, ("system_ids",)),
    ]
    assert (await events_of(domain))[3:] == ["incident.updated"] * 2


@on_one_database
async def test_deleting_a_system_reaches_resolved_incidents_too(domain: Domain) -> None:
    incident = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    await domain.systems.delete(ADMIN, "payments")
    assert (await domain.reads.incidents([incident.id]))[incident.id].system_ids == ()


async def test_no_incident_is_opened_on_a_system_deleted_meanwhile(domain: Domain) -> None:
    await make_system(domain)
    outcomes = await asyncio.gather(
        *(make_incident(domain, "payments") for _ in range(5)),
        domain.systems.delete(ADMIN, "payments"),
        *(make_incident(domain, "payments") for _ in range(5)),
        return_exceptions=True,
    )
    failures = {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)}
    assert failures <= {UnknownSystemError}
    ids = {change.entity_id for change in await log_of(domain)}
    assert {incident.system_ids for incident in (await domain.reads.incidents(list(ids))).values()} <= {()}


@on_one_database
async def test_a_key_can_be_used_again_after_its_system_was_deleted(domain: Domain) -> None:
    first = await make_system(domain)
    await domain.systems.delete(ADMIN, "payments")
    assert (await make_system(domain)).id != first.id


async def test_systems_are_read_with_one_statement_however_many(
    domain: Domain, count_statements: CountStatements
) -> None:
    ids = [(await make_system(domain, f"system-{number}")).id for number in range(10)]
    with count_statements() as statements:
        assert len(await domain.reads.systems([*ids, new_id("sys")])) == 10
    assert len(statements) == 1
