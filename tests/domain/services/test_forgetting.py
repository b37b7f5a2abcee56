"""Forgetting a person: who can be, what the same call does again, and how its work survives crashes and rivals."""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from typing_extensions import override

from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.entities.masking import SecretMasker
from domain.errors import (
    ConflictError,
    DomainError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from domain.model.actor import SYSTEM, Actor, ActorType
from domain.model.commands import AssignIncident, UpdateIncident
from domain.model.erasure import Erasure, ErasureStatus
from domain.model.incident import Incident
from domain.model.paging import PageRequest
from domain.model.viewer import Role, Viewer
from domain.persistence import erasing
from domain.persistence.erasing import Place
from domain.persistence.erasures import ErasureRepository, Known
from domain.persistence.tables import metadata
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.forgetting import incidents as forgetting_incidents
from domain.services.forgetting import known as forgetting_known
from domain.services.forgetting.known import KnownForgotten
from domain.services.forgetting.work import GRACE, ErasureWork
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.dumping import everything
from tests.domain.messaging.changes import until_it_is
from tests.e2e.processes import process_of
from tests.factories import ADMIN, log_of, make_automation, make_incident, make_token
from tests.inside import inside

ANN = Viewer(actor=Actor(type=ActorType.USER, id="ann@example.com", name="Ann Lee"), role=Role.RESPONDER)


def test_every_column_that_names_an_actor_is_rewritten() -> None:
    by_handle = {
        "incidents",
        "incident_assignees",
        "incident_updates",
        "incident_update_versions",
        "incident_relations",
    }
    others = {"people", "erasures", "automation_artifacts"}
    named = {
        (table.name, column.name.removesuffix("id").removesuffix("_"))
        for table in metadata.sorted_tables
        for column in table.c
        if column.name.endswith("id") and f"{column.name.removesuffix('id')}type" in table.c
    }
    places = {(place.name, prefix) for place in erasing.PLACES if isinstance(place, Place) for prefix in place.actors}
    named = {(table, prefix) for table, prefix in named if table not in by_handle | others and prefix}
    assert named == places


def test_every_column_of_free_form_is_rewritten_or_known_to_name_nobody() -> None:
    free = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, sa.JSON)
    }
    places = {(place.name, column) for place in erasing.PLACES if isinstance(place, Place) for column in place.rules}
    fields = {"changed_fields", "described_fields", "touched", "events", "health", "cause"}
    nobody = {("changes", field) for field in fields} | {("api_tokens", "systems"), ("idempotency_keys", "answer")}
    nobody |= {("integrations", f"{name}mapping") for name in ("", "system_", "severity_")}
    nobody |= {("integrations", "masked_fields"), ("integration_deliveries", "incident_ids")}
    nobody |= {("visitor_subscriptions", "system_ids"), ("visitor_subscriptions", "asked_system_ids")}
    nobody |= {("visitor_former_links", "system_ids")}
    assert free - places == nobody


@on_one_database
async def test_a_forgotten_person_is_found_no_more_and_cannot_be_assigned(domain: Domain) -> None:
    incident = await led_by_ann(domain)
    erasure = await forget(domain, "ann@example.com")
    assert (await domain.reads.people("ann", PageRequest(size=10))).items == []
    for person in ("ann@example.com", erasure.person.id):
        with pytest.raises(DomainError, match="no person"):
            await domain.responders.assign(ADMIN, AssignIncident(id=incident.id, lead=person))


@on_one_database
async def test_the_same_call_again_has_the_same_answer(domain: Domain) -> None:
    await led_by_ann(domain)
    first = await forget(domain, "ann@example.com")
    assert await forget(domain, "ann@example.com") == first
    assert await forget(domain, first.person.id) == first
    await work(domain)
    again = await forget(domain, "ann@example.com")
    assert (again.id, again.status) == (first.id, ErasureStatus.DONE)
    assert [change.kind for change in await log_of(domain)].count("erasure") == 2


async def test_of_two_calls_at_once_one_begins_an_erasure(domain: Domain) -> None:
    await led_by_ann(domain)
    both = await asyncio.gather(*(forget(domain, "ann@example.com") for _ in range(2)))
    assert both[0] == both[1]


@on_one_database
@pytest.mark.parametrize("unknown", ["nobody", "tok_00000000000000000000000000", " ", "a\nb", "\0", "x" * 5000])
async def test_an_unknown_person_is_not_found(domain: Domain, unknown: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        await forget(domain, unknown)
    assert caught.value.field == ["id"]


@on_one_database
async def test_the_server_and_automations_are_no_people(domain: Domain) -> None:
    for id_ in (SYSTEM.id, (await make_automation(domain)).id):
        with pytest.raises(InvalidInputError, match="no person") as caught:
            await forget(domain, id_)
        assert caught.value.field == ["id"]


@on_one_database
async def test_the_last_admin_token_cannot_be_forgotten(domain: Domain) -> None:
    token, secret = await make_token(domain, role=Role.ADMIN)
    with pytest.raises(ConflictError, match="last admin") as caught:
        await domain.forgetting.forget(token.viewer, token.id)
    assert caught.value.field == ["id"]
    assert await domain.tokens.viewer_of(f"Bearer {secret}") == token.viewer
    assert [item.actor.id for item in (await domain.reads.people("", PageRequest(size=10))).items] == [token.id]


@on_one_database
async def test_an_admin_can_forget_themselves_where_there_is_another(domain: Domain) -> None:
    await make_token(domain, role=Role.ADMIN)
    token, secret = await make_token(domain, name="Me Myself", role=Role.ADMIN)
    await domain.tokens.viewer_of(f"Bearer {secret}")
    await domain.forgetting.forget(token.viewer, token.id)
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of(f"Bearer {secret}")
    await work(domain)
    assert not any("Me Myself" in text or token.id in text for text in (await everything(domain)).values())


@on_one_database
async def test_a_forgotten_admin_token_of_the_settings_does_not_come_back(domain: Domain) -> None:
    await domain.tokens.ensure_admin("a-secret-of-the-settings")
    await domain.tokens.ensure_admin(None)
    await make_token(domain, role=Role.ADMIN)
    [admin, *_] = (await domain.reads.people("admin", PageRequest(size=10))).items
    await forget(domain, admin.actor.id)
    await domain.tokens.ensure_admin("a-secret-of-the-settings")
    assert (await domain.reads.people("admin", PageRequest(size=10))).items == []
    with pytest.raises(UnauthenticatedError):
        await domain.tokens.viewer_of("Bearer a-secret-of-the-settings")


@on_one_database
async def test_whoever_signs_in_later_is_a_new_person(domain: Domain, clock: SteppingClock) -> None:
    incident = await led_by_ann(domain)
    former = replace(ANN, issued_at=clock.now())
    erasure = await forget(domain, "ann@example.com")
    later = replace(ANN, issued_at=clock.now() + timedelta(seconds=1))
    known = domain.forgetting.known
    assert (known.refuses(former), known.refuses(later), known.refuses(ADMIN)) == (True, True, False)
    await work(domain)
    assert (known.refuses(former), known.refuses(later)) == (True, False)

    await domain.incidents.update(later, UpdateIncident(id=incident.id, title="Again"))
    assert [person.actor for person in (await domain.reads.people("ann", PageRequest(size=10))).items] == [ANN.actor]
    await domain.responders.assign(later, AssignIncident(id=incident.id, assignees=(ANN.actor.id,)))
    found = (await domain.reads.incidents([incident.id]))[incident.id]
    assert (found.lead, found.assignees) == (erasure.person, (ANN.actor,))
    second = await forget(domain, "ann@example.com")
    assert second.id != erasure.id
    await work(domain)
    assert not any("ann@example.com" in text for text in (await everything(domain)).values())


async def test_the_work_passes_by_what_another_process_holds(domain: Domain, settings: Settings) -> None:
    await led_by_ann(domain)
    await forget(domain, "ann@example.com")
    async with running_domain(replace(settings), clock=inside(domain).clock, live=False) as other:
        await asyncio.gather(*(each.forgetting.work.run_pending() for each in (domain, other) * 3))
        inside(domain).clock.advance(seconds=GRACE.total_seconds())  # type: ignore[attr-defined]
        await asyncio.gather(*(each.forgetting.work.run_pending() for each in (domain, other) * 3))
    changes = await log_of(domain)
    assert [change.kind for change in changes].count("erasure") == 2
    assert len({(change.kind, change.entity_id, change.version) for change in changes}) == len(changes)
    assert [change.seq for change in changes] == sorted({change.seq for change in changes})


async def test_another_process_learns_it_from_the_log(domain: Domain, settings: Settings, clock: SteppingClock) -> None:
    reasons: list[str] = []
    async with running_domain(settings, clock=clock) as other:
        await led_by_ann(domain)
        await inside(other).tail.read_now()
        assert "Ann Lee" in str(inside(other).tail._recent)
        held = other.sessions.hold(ANN, reasons.append)
        await forget(domain, ANN.actor.id)
        await until_it_is(lambda: _soon(bool(reasons)))
        assert other.forgetting.known.refuses(ANN)
        held.release()
        await work(domain)
        # Whichever of both has done it.
        await until_it_is(lambda: _soon(not other.forgetting.known.has_pending))
        assert not other.forgetting.known.refuses(ANN)
        assert "Ann Lee" not in str(inside(other).tail._recent)


@on_one_database
async def test_a_process_that_missed_the_log_reads_erasures_until_that_succeeds(
    domain: Domain, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await led_by_ann(domain)
    await forget(domain, ANN.actor.id)
    clock.advance(days=1)
    before = clock.now()
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=before, limit=1000))
    await inside(domain).tail.read_now()
    inside(domain).tail.drop()
    known = domain.forgetting.known
    late = KnownForgotten(
        database=inside(domain).database,
        tail=inside(domain).tail,
        registry=inside(domain).registry,
        sessions=domain.sessions,
        masker=SecretMasker(),
        digests=known._digests,
    )
    refresh, failures = late.refresh, [UnavailableError()]

    async def failing_once() -> None:
        if failures:
            raise failures.pop()
        await refresh()

    monkeypatch.setattr(late, "refresh", failing_once)
    monkeypatch.setattr(forgetting_known, "_RETRY_SECONDS", 0.0)
    late.start([], after=0)
    try:
        await until_it_is(lambda: _soon(late.refuses(ANN)))
    finally:
        await late.stop()
    assert failures == []


@on_one_database
async def test_an_erasure_that_begins_or_ends_is_read_without_the_others(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, original = [], ErasureRepository.known

    async def known(self: ErasureRepository, ids: Sequence[str] | None = None) -> list[Known]:
        asked.append(ids)
        return await original(self, ids)

    monkeypatch.setattr(ErasureRepository, "known", known)
    begun = []
    for name in ("Old monitor", "New monitor"):
        token, _ = await make_token(domain, name=name)
        begun.append([(await forget(domain, token.id)).id])
        await until_it_is(lambda: _soon(asked == begun))
    assert asked == begun


async def _soon(value: bool) -> bool:
    return value


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    small = tuple(replace(place, size=2) if isinstance(place, Place) else place for place in erasing.PLACES)
    monkeypatch.setattr("domain.services.forgetting.work.PLACES", small)
    monkeypatch.setattr(forgetting_incidents, "_LOOKED_AT", 2)


@pytest.mark.usefixtures("_small_batches")
async def test_batches_of_any_size_come_to_every_row(domain: Domain) -> None:
    for _ in range(5):
        await led_by_ann(domain)
    await forget(domain, "ann@example.com")
    await work(domain)
    assert not any("ann@example.com" in text for text in (await everything(domain)).values())


async def test_a_kill_in_the_middle_loses_and_repeats_nothing(domain: Domain, settings: Settings) -> None:
    for _ in range(3):
        await led_by_ann(domain)
    erasure = await forget(domain, "ann@example.com")
    # Once in the batch of incidents, once behind it, once in the middle of the log.
    for batches in (1, 2, 4):
        process = process_of(_killed, settings, batches)
        process.start()
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode == -signal.SIGKILL
    await work(domain)
    done = await domain.forgetting.find(erasure.person.id)
    assert done is not None
    assert done.status is ErasureStatus.DONE
    assert not any("ann@example.com" in text for text in (await everything(domain)).values())
    changes = await log_of(domain)
    assert [(change.action.value, change.kind) for change in changes][-4:] == [("updated", "incident")] * 3 + [
        ("updated", "erasure")
    ]


async def led_by_ann(domain: Domain) -> Incident:
    """Open an incident that a user leads."""
    incident = await make_incident(domain)
    await domain.responders.assign(ANN, AssignIncident(id=incident.id, lead=ANN.actor.id))
    return incident


async def forget(domain: Domain, person_id: str) -> Erasure:
    """Have a person forgotten, and return the erasure."""
    return (await domain.forgetting.forget(ADMIN, person_id)).value


async def work(domain: Domain) -> None:
    """Work through all erasures to their ends."""
    await domain.forgetting.work.run_pending()
    clock = domain.clock
    assert isinstance(clock, SteppingClock)
    clock.advance(seconds=GRACE.total_seconds())
    await domain.forgetting.work.run_pending()


class _KilledWork(ErasureWork):
    """Work whose process is killed within a transaction, after some of them."""

    left = 0

    @override
    async def step(self, unit: UnitOfWork) -> bool:
        done = await super().step(unit)
        _KilledWork.left -= 1
        if _KilledWork.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def _killed(settings: Settings, batches: int) -> None:
    async def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("domain.services.forgetting.making.ErasureWork", _KilledWork)
            _KilledWork.left = batches
            async with running_domain(settings, clock=Clock(), live=False) as domain:
                await domain.forgetting.work.run_pending()

    asyncio.run(run())
