"""Idempotency keys: a repeated call gets the first one's answer instead of a second effect."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError, UnknownSystemError
from domain.model.actor import Actor, ActorType
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, CreateIncident, CreateSystem
from domain.model.incident import Severity
from domain.model.viewer import Role, Viewer
from domain.persistence.caller_tables import idempotency_keys
from domain.services.incidents import Opened
from domain.services.upkeep import Upkeep
from domain.services.writing import Outcome
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system
from tests.inside import inside

OTHER = Viewer(actor=Actor(type=ActorType.USER, id="usr_other"), role=Role.RESPONDER)


async def _create(domain: Domain, key: str = "key-1", viewer: Viewer = ADMIN, **fields: Any) -> Outcome[Opened]:
    values: dict[str, Any] = {"title": "Down", "severity": Severity.MAJOR, "systems": ("payments",)}
    return await domain.incidents.create(viewer, CreateIncident(**(values | fields)), idempotency_key=key)


async def _stored(domain: Domain) -> int:
    async def count(session: Any) -> int:
        return int(await session.connection.scalar(sa.select(sa.func.count()).select_from(idempotency_keys)))

    return await inside(domain).database.read(count)


@on_one_database
async def test_the_same_key_and_input_give_the_same_incident_and_one_change(domain: Domain) -> None:
    await make_system(domain)
    first = await _create(domain)
    await make_incident(domain, "payments")
    second = await _create(domain)
    assert second == first
    assert (first.seq, len(await log_of(domain))) == (2, 2)


@on_one_database
async def test_the_same_key_with_another_input_is_a_conflict(domain: Domain) -> None:
    await make_system(domain)
    await _create(domain)
    with pytest.raises(ConflictError) as caught:
        await _create(domain, title="Something else")
    assert caught.value.field == ["idempotencyKey"]
    assert len(await log_of(domain)) == 1


async def test_concurrent_calls_with_one_key_give_one_incident(domain: Domain) -> None:
    await make_system(domain)
    outcomes = await asyncio.gather(*(_create(domain) for _ in range(8)))
    assert len({outcome.value.incident.id for outcome in outcomes}) == 1
    assert len(await log_of(domain)) == 1


@on_one_database
async def test_a_key_is_one_callers_own(domain: Domain) -> None:
    await make_system(domain)
    await _create(domain)
    await _create(domain, viewer=OTHER, title="Theirs")
    assert len(await log_of(domain)) == 2


@on_one_database
async def test_a_key_is_one_mutations_own(domain: Domain) -> None:
    await domain.systems.create(ADMIN, CreateSystem(key="payments", name="Payments"), idempotency_key="key-1")
    assert not (await _create(domain)).value.reused


async def test_an_idempotency_key_can_be_reused_after_a_day(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    first = await _create(domain)
    clock.advance(hours=23, minutes=59)
    assert await _create(domain) == first
    clock.advance(minutes=2)
    assert (await _create(domain, title="Another day")).value.incident != first.value.incident


@on_one_database
async def test_a_refusal_is_not_stored(domain: Domain) -> None:
    with pytest.raises(UnknownSystemError):
        await _create(domain)
    assert await _stored(domain) == 0
    await make_system(domain)
    assert (await _create(domain)).value.incident is not None


@on_one_database
async def test_a_replayed_answer_keeps_the_reused_flag(domain: Domain) -> None:
    incident = await make_incident(domain)
    outcomes = [await _create(domain, dedupe_open_for_system=True) for _ in range(2)]
    assert [outcome.value for outcome in outcomes] == [Opened(incident=incident, reused=True)] * 2


@on_one_database
async def test_a_replayed_answer_shows_the_present_incident(domain: Domain) -> None:
    await make_system(domain)
    incident = (await _create(domain)).value.incident
    assert incident is not None
    resolved = (await domain.incidents.resolve(ADMIN, incident.id)).value
    assert (await _create(domain)).value.incident == resolved


@on_one_database
async def test_a_repeated_call_for_a_deleted_incident_is_refused(domain: Domain) -> None:
    await make_system(domain)
    incident = (await _create(domain)).value.incident
    await domain.incidents.delete(ADMIN, incident.id)
    with pytest.raises(NotFoundError, match=incident.id) as caught:
        await _create(domain)
    assert caught.value.field == ["idempotencyKey"]
    assert len(await log_of(domain)) == 2


@on_one_database
async def test_entries_links_and_systems_are_written_once_per_key(domain: Domain) -> None:
    incident = await make_incident(domain)
    update = AddIncidentUpdate(incident_id=incident.id, message="Hello")
    link = AddIncidentLink(incident_id=incident.id, url="https://example.com/")
    system = CreateSystem(key="web", name="Web")
    written = [await domain.timeline.add(ADMIN, update, idempotency_key="k") for _ in range(2)]
    linked = [await domain.links.add(ADMIN, link, idempotency_key="k") for _ in range(2)]
    created = [await domain.systems.create(ADMIN, system, idempotency_key="k") for _ in range(2)]
    assert written[0].value.update == written[1].value.update
    assert linked[0].value.link == linked[1].value.link
    assert created[0].value == created[1].value
    assert len(await log_of(domain)) == 3


@on_one_database
async def test_without_the_key_a_second_system_is_refused(domain: Domain) -> None:
    system = CreateSystem(key="web", name="Web")
    await domain.systems.create(ADMIN, system, idempotency_key="one")
    with pytest.raises(AlreadyExistsError):
        await domain.systems.create(ADMIN, system, idempotency_key="two")
    assert await _stored(domain) == 1


@on_one_database
@pytest.mark.parametrize("key", ["", "  ", "x" * 201, "a\0b"], ids=["empty", "blank", "too long", "NUL"])
async def test_a_key_that_cannot_be_accepted_is_refused(domain: Domain, key: str) -> None:
    await make_system(domain)
    with pytest.raises(InvalidInputError) as caught:
        await _create(domain, key)
    assert caught.value.field == ["idempotencyKey"]


async def test_upkeep_forgets_keys_after_a_day(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    await _create(domain, "old")
    clock.advance(hours=25)
    await _create(domain, "new")
    await Upkeep(database=inside(domain).database, clock=clock, event_retention_days=0).run_once()
    assert await _stored(domain) == 1
    assert len(await log_of(domain)) == 2
