"""Opening incidents."""

import asyncio
import logging
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, UnknownSystemError
from domain.ids import new_id
from domain.model.change import ChangeAction
from domain.model.commands import CreateIncident
from domain.model.incident import HealthOverride, Severity, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience, Visibility
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system


@on_one_database
async def test_a_new_incident_is_under_investigation_and_remembers_who_opened_it(domain: Domain) -> None:
    incident = await make_incident(
        domain, title="  Down ", severity=Severity.CRITICAL, description=" ", health_override=HealthOverride.UNHEALTHY
    )
    assert (incident.status, incident.severity, incident.version) == (Status.INVESTIGATING, Severity.CRITICAL, 1)
    assert (incident.title, incident.description, incident.opened_by) == ("Down", None, ADMIN.actor)
    assert incident.health_override is HealthOverride.UNHEALTHY
    assert incident.occurred_at == incident.created_at == incident.updated_at
    assert await domain.reads.incidents([incident.id]) == {incident.id: incident}


@on_one_database
async def test_a_new_incident_is_one_change_from_nothing(domain: Domain) -> None:
    incident = await make_incident(domain)
    change = (await log_of(domain))[0]
    assert (change.action, change.entity_id, change.version, change.prev) == (
        ChangeAction.CREATED,
        incident.id,
        1,
        None,
    )
    assert change.actor == ADMIN.actor


@on_one_database
async def test_without_a_first_message_the_timeline_is_empty(domain: Domain) -> None:
    incident = await make_incident(domain)
    assert await domain.reads.update_counts([incident.id], Audience.MANAGER) == {incident.id: 0}


@on_one_database
async def test_the_first_message_is_on_the_timeline_with_the_status(domain: Domain) -> None:
    incident = await make_incident(domain, initial_message=" Looking ", initial_visibility=Visibility.INTERNAL)
    pages = await domain.reads.update_pages([incident.id], PageRequest(), Audience.MANAGER)
    entry = pages[incident.id].items[0]
    assert (entry.message, entry.status_change, entry.visibility) == (
        "Looking",
        Status.INVESTIGATING,
        Visibility.INTERNAL,
    )
    assert (entry.created_by, entry.created_at) == (ADMIN.actor, incident.created_at)


@on_one_database
async def test_systems_are_named_by_id_or_key_and_once_each(domain: Domain) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    incident = await make_incident(domain, "web", api.id, "api", web.id, "web")
    assert incident.system_ids == tuple(sorted([api.id, web.id]))


async def test_an_unknown_system_is_named_by_its_index(domain: Domain) -> None:
    await make_system(domain, "api")
    with pytest.raises(UnknownSystemError) as caught:
        await make_incident(domain, "api", "nonsense", new_id("sys"))
    assert (caught.value.field, caught.value.log_head) == (["systemIds", "1"], 1)
    assert await log_of(domain) == []


@on_one_database
@pytest.mark.parametrize("reference", ["", "\0", "a\0b", "x" * 5_000, "'; DROP TABLE systems", "é"], ids=ascii)
async def test_an_unknown_system_reference_of_any_form_is_not_found(domain: Domain, reference: str) -> None:
    with pytest.raises(UnknownSystemError):
        await make_incident(domain, reference)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a blank title": ({"title": "  "}, "title"),
    "a title of 201 characters": ({"title": "x" * 201}, "title"),
    "a description of 20,001 characters": ({"description": "x" * 20_001}, "description"),
    "a first message of 25,001 characters": ({"initial_message": "x" * 25_001}, "initialMessage"),
    "a blank first message": ({"initial_message": " "}, "initialMessage"),
    "a dedupe key of 201 characters": ({"dedupe_key": "x" * 201}, "dedupeKey"),
    "no systems": ({"systems": ()}, "systemIds"),
    "101 systems": ({"systems": ("payments",) * 101}, "systemIds"),
}


@on_one_database
@pytest.mark.parametrize(("fields", "field"), BAD.values(), ids=BAD.keys())
async def test_an_invalid_create_names_the_field_and_writes_nothing(
    domain: Domain, fields: dict[str, Any], field: str
) -> None:
    await make_system(domain)
    good: dict[str, Any] = {"title": "Down", "severity": Severity.MAJOR, "systems": ("payments",)}
    with pytest.raises(InvalidInputError) as caught:
        await domain.incidents.create(ADMIN, CreateIncident(**(good | fields)))
    assert caught.value.field == [field]
    assert await log_of(domain) == []


@on_one_database
async def test_one_hundred_systems_are_accepted(domain: Domain) -> None:
    keys = [(await make_system(domain, f"system-{number}")).key for number in range(100)]
    assert len((await make_incident(domain, *keys)).system_ids) == 100


@on_one_database
async def test_an_incident_can_have_occurred_before_its_creation(domain: Domain) -> None:
    await make_system(domain)
    earlier = domain.clock.now() - timedelta(hours=3)
    incident = await make_incident(domain, "payments", occurred_at=earlier)
    assert (incident.occurred_at, incident.created_at > earlier) == (earlier, True)


async def test_a_clock_a_little_ahead_is_taken_as_now(domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain, occurred_at=clock.moment + timedelta(minutes=4))
    assert timedelta() <= incident.created_at - incident.occurred_at <= timedelta(seconds=1)


@on_one_database
async def test_an_incident_cannot_have_occurred_in_the_future(domain: Domain, clock: SteppingClock) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await make_incident(domain, occurred_at=clock.moment + timedelta(hours=1))
    assert caught.value.field == ["occurredAt"]


async def test_numbers_are_consecutive_also_when_many_open_at_once(domain: Domain) -> None:
    await make_system(domain)
    incidents = await asyncio.gather(*(make_incident(domain, "payments") for _ in range(20)))
    assert sorted(incident.number for incident in incidents) == list(range(1, 21))


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_creates_that_reuse_and_that_do_not_are_never_deadlocked(
    domain: Domain, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="domain.persistence.database")
    for key in ("api", "web", "search"):
        await make_system(domain, key)
    orders = list(permutations(("api", "web", "search")))
    await asyncio.gather(
        *(make_incident(domain, *orders[at % 6], dedupe_open_for_system=at % 2 == 0) for at in range(36))
    )
    assert "deadlock" not in caplog.text


async def test_a_failed_create_uses_up_no_number(domain: Domain) -> None:
    await make_incident(domain)
    with pytest.raises(UnknownSystemError):
        await make_incident(domain, "nonsense")
    assert (await make_incident(domain, "payments")).number == 2


async def test_a_number_is_not_given_again_after_a_deletion(domain: Domain) -> None:
    first = await make_incident(domain)
    await domain.incidents.delete(ADMIN, first.id)
    assert (await make_incident(domain, "payments")).reference == "INC-2"
