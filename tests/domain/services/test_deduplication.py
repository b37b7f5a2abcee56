"""Creates that reuse an open incident, and the claims that allow only one under concurrency."""

import asyncio
from collections.abc import Sequence
from multiprocessing import Pipe
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, UnknownSystemError
from domain.model.actor import Actor, ActorType
from domain.model.commands import CreateIncident, UpdateIncident
from domain.model.filters import ONLY_OPEN
from domain.model.incident import Incident, Severity, Status
from domain.model.viewer import Audience, Role, Viewer
from domain.persistence.tables import open_incident_claims as claims
from domain.services.incidents import Opened
from domain.settings import Settings
from tests.domain.dialects import on_one_database
from tests.domain.services.deduplicating import open_incidents
from tests.e2e.processes import process_of
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status
from tests.inside import inside

OTHER = Viewer(actor=Actor(type=ActorType.USER, id="usr_other"), role=Role.RESPONDER)


async def _deduped(domain: Domain, *systems: str, viewer: Viewer = ADMIN, **fields: Any) -> Opened:
    command = CreateIncident(
        title="Down",
        severity=Severity.CRITICAL,
        systems=systems or ("payments",),
        dedupe_open_for_system=True,
        **fields,
    )
    return (await domain.incidents.create(viewer, command)).value


async def _claims(domain: Domain) -> set[tuple[str, str, str]]:
    async def read(session: Any) -> Sequence[Any]:
        return list(await session.connection.execute(sa.select(claims)))

    rows = await inside(domain).database.read(read)
    systems = await domain.reads.systems([row.system_id for row in rows])
    return {(systems[row.system_id].key, row.dedupe_key, row.incident_id) for row in rows}


@on_one_database
async def test_a_manual_incident_of_any_caller_is_reused_unchanged(domain: Domain) -> None:
    incident = await make_incident(domain, severity=Severity.MINOR)
    opened = await _deduped(domain, viewer=OTHER, suppress_notifications=True, description="Other")
    assert (opened.reused, opened.incident) == (True, incident)
    assert len(await log_of(domain)) == 1


async def test_the_oldest_of_several_open_incidents_is_reused(domain: Domain) -> None:
    first = await make_incident(domain)
    await make_incident(domain, "payments")
    assert (await _deduped(domain)).incident == first


async def test_the_next_oldest_is_reused_once_the_oldest_is_resolved(domain: Domain) -> None:
    first = await make_incident(domain)
    second = await make_incident(domain, "payments")
    await set_status(domain, first, Status.RESOLVED)
    assert (await _deduped(domain)).incident == second


@on_one_database
async def test_a_resolved_or_deleted_incident_is_not_reused(domain: Domain) -> None:
    await set_status(domain, await make_incident(domain), Status.RESOLVED)
    second = await _deduped(domain)
    assert second.incident is not None
    await domain.incidents.delete(ADMIN, second.incident.id)
    assert (second.reused, (await _deduped(domain)).reused) == (False, False)


@on_one_database
async def test_only_the_first_system_decides(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    on_web = await make_incident(domain, "web")
    assert not (await _deduped(domain, "api", "web")).reused
    assert (await _deduped(domain, "web", "api")).incident == on_web


@on_one_database
async def test_an_incident_on_several_systems_is_reused_from_each(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    incident = await make_incident(domain, "api", "web")
    assert [(await _deduped(domain, key)).incident for key in ("api", "web")] == [incident] * 2


@on_one_database
async def test_a_dedupe_key_narrows_the_incidents_that_are_reused(domain: Domain) -> None:
    plain = await make_incident(domain)
    disk = await _deduped(domain, dedupe_key="disk")
    again = await _deduped(domain, dedupe_key=" disk ")
    other = await _deduped(domain, dedupe_key="cpu")
    assert disk.incident is not None
    assert ([one.reused for one in (disk, again, other)], again.incident) == ([False, True, False], disk.incident)
    assert (await _deduped(domain)).incident == plain


@on_one_database
async def test_without_a_key_an_incident_of_any_key_is_reused(domain: Domain) -> None:
    incident = await make_incident(domain, dedupe_key="disk")
    assert (await _deduped(domain)).incident == incident


async def test_a_plain_create_never_fails_on_a_claim(domain: Domain) -> None:
    opened = await _deduped(domain, *[(await make_system(domain)).key])
    plain = await make_incident(domain, "payments")
    assert opened.incident is not None
    assert plain.id != opened.incident.id
    assert await _claims(domain) == {("payments", "", opened.incident.id)}


@on_one_database
async def test_an_invalid_create_is_refused_even_if_an_incident_could_be_reused(domain: Domain) -> None:
    await make_incident(domain)
    with pytest.raises(InvalidInputError):
        await _deduped(domain, dedupe_key="x" * 201)
    with pytest.raises(UnknownSystemError):
        await _deduped(domain, "payments", "nonsense")


async def test_resolving_releases_the_claims_and_reopening_takes_them_again(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    incident = await make_incident(domain, "api", "web", dedupe_key="disk")
    held = {("api", "disk", incident.id), ("web", "disk", incident.id)}
    assert await _claims(domain) == held
    await set_status(domain, incident, Status.RESOLVED)
    assert await _claims(domain) == set()
    await set_status(domain, incident, Status.FIXING)
    assert await _claims(domain) == held


async def test_reopening_onto_a_claim_that_is_taken_drops_the_claim(domain: Domain) -> None:
    first = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    second = await make_incident(domain, "payments")
    assert (await set_status(domain, first, Status.FIXING)).status is Status.FIXING
    assert await _claims(domain) == {("payments", "", second.id)}
    assert (await _deduped(domain)).incident is not None
    assert (await domain.reads.incident_counts_of_systems(first.system_ids, ONLY_OPEN, Audience.PUBLIC))[
        first.system_ids[0]
    ] == 2


async def test_moving_to_other_systems_moves_the_claims(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    incident = await make_incident(domain, "api")
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["web"]))
    assert await _claims(domain) == {("web", "", incident.id)}
    assert not (await _deduped(domain, "api")).reused


async def test_moving_onto_a_claim_that_is_taken_drops_the_claim(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    moving, staying = await make_incident(domain, "api"), await make_incident(domain, "web")
    await domain.incidents.update(ADMIN, UpdateIncident(id=moving.id, systems=["web"]))
    assert await _claims(domain) == {("web", "", staying.id)}
    assert (await _deduped(domain, "web")).incident is not None


async def test_a_resolved_incident_moved_to_other_systems_claims_nothing(domain: Domain) -> None:
    await make_system(domain, "web")
    incident = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["web"]))
    assert await _claims(domain) == set()


async def test_deleting_a_system_or_an_incident_releases_claims(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    incident = await make_incident(domain, "api", "web")
    await domain.systems.delete(ADMIN, "api")
    assert await _claims(domain) == {("web", "", incident.id)}
    await domain.incidents.delete(ADMIN, incident.id)
    assert await _claims(domain) == set()


async def test_of_two_concurrent_deduplicated_creates_one_opens_and_one_reuses(domain: Domain) -> None:
    await make_system(domain)
    opened = await asyncio.gather(_deduped(domain), _deduped(domain))
    assert sorted(one.reused for one in opened) == [False, True]
    assert opened[0].incident == opened[1].incident


async def test_forty_concurrent_deduplicated_creates_open_one_incident(domain: Domain) -> None:
    await make_system(domain)
    opened = await asyncio.gather(*(_deduped(domain) for _ in range(40)))
    assert [one.reused for one in opened].count(False) == 1
    assert len({one.incident.id for one in opened}) == 1
    assert [change.action for change in await log_of(domain)] == ["created"]


async def test_concurrent_deduplicated_creates_on_crossed_systems_open_one_each(domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    pairs = [("api", "web"), ("web", "api")] * 10
    opened = await asyncio.gather(*(_deduped(domain, *pair) for pair in pairs))
    assert 1 <= [one.reused for one in opened].count(False) <= 2
    assert len(await log_of(domain)) == [one.reused for one in opened].count(False)


async def test_plain_creates_that_race_deduplicated_ones_all_succeed(domain: Domain) -> None:
    await make_system(domain)
    plain = [make_incident(domain, "payments") for _ in range(5)]
    deduped = [_deduped(domain) for _ in range(15)]
    results: list[Incident | Opened] = list(await asyncio.gather(*plain, *deduped))
    created = [one for one in results if isinstance(one, Opened) and not one.reused]
    assert len(created) <= 1
    assert len(await log_of(domain)) == 5 + len(created)


async def test_deduplicated_creates_that_race_a_resolution_end_on_one_open_incident(domain: Domain) -> None:
    incident = await make_incident(domain)
    await asyncio.gather(
        *(_deduped(domain) for _ in range(5)),
        domain.incidents.resolve(ADMIN, incident.id),
        *(_deduped(domain) for _ in range(5)),
    )
    opened = await _deduped(domain)
    counts = await domain.reads.incident_counts_of_systems(incident.system_ids, ONLY_OPEN, Audience.PUBLIC)
    assert opened.incident is not None
    assert (list(counts.values()), opened.incident.id != incident.id) == ([1], True)


async def test_two_hundred_creates_of_four_processes_open_one_incident(domain: Domain, settings: Settings) -> None:
    system = await make_system(domain)
    reports = await _in_processes(settings.database_url, processes=4, count=50)
    assert sum(report["created"] for report in reports) == 1
    assert len({identifier for report in reports for identifier in report["ids"]}) == 1
    assert [change.action for change in await log_of(domain)] == ["created"]
    assert await domain.reads.incident_counts_of_systems([system.id], ONLY_OPEN, Audience.PUBLIC) == {system.id: 1}


async def _in_processes(database_url: str, *, processes: int, count: int) -> list[Any]:
    pipes = [Pipe() for _ in range(processes)]
    started = [process_of(open_incidents, database_url, count, theirs) for _, theirs in pipes]
    for process in started:
        process.start()
    for ours, _ in pipes:
        assert await asyncio.to_thread(ours.recv) == "ready"
    for ours, _ in pipes:
        ours.send("go")
    reports = [await asyncio.to_thread(ours.recv) for ours, _ in pipes]
    for process in started:
        await asyncio.to_thread(process.join)
        process.close()
    return reports
