"""Pasts that are loaded in bulk: what is stored is what single writes would have left."""

import asyncio
import multiprocessing
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.demo.apart import making
from domain.demo.history import PEOPLE, SYSTEMS, Historian, Step
from domain.demo.loading import HistoryLoader
from domain.demo.making import Plan, Scribe
from domain.demo.outages import Report, outages
from domain.demo.scene import CAUSE, DENIZ, EFFECT, Scene
from domain.demo.staging import stage
from domain.entities.handle import Applied
from domain.entities.health import snapshot_of as snapshot_of_health
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.model.actor import Actor, ActorType
from domain.model.change import Change
from domain.model.filters import AllOf, Field, Operator, Term
from domain.model.health import SystemHealth
from domain.model.incident import Incident, Severity, Status
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.tables import metadata
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.services.incidents import header_of
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import make_system
from tests.inside import inside

DEADLINE_SECONDS = 30
NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
MONITOR = Origin(actor=Actor(type=ActorType.APPLICATION, id="monitor", name="Monitor"))
FILLED = (
    "incidents",
    "incident_systems",
    "incident_updates",
    "incident_links",
    "open_incident_claims",
    "system_health",
    "search_entries",
    "entity_transitions",
    "changes",
    "health_spans",
    "derived_health",
)
#: What is another in every database: places, and ids that were made while writing.
OWN = {("search_entries", "id"), ("entity_transitions", "id"), ("entity_transitions", "change_id")}
OWN |= {("changes", "id"), ("changes", "seq"), ("health_spans", "id")}
Rows = dict[str, list[dict[str, Any]]]


async def test_a_past_that_is_loaded_equals_one_that_was_written_step_by_step(
    domain: Domain, clock: SteppingClock, dialect: str
) -> None:
    systems = [await make_system(domain, key) for key in ("payments", "checkout", "search")]
    named = {system.id: system.name for system in systems}
    historian = Historian(named, seed=4)
    starts = historian.starts(60, now=NOW, days=1)
    stories = [historian.story(number, start, now=NOW) for number, start in enumerate(starts, start=1)]
    known = {system.id: system for system in systems}
    reports = outages(known, start=NOW - timedelta(days=30), now=NOW, seed=4)
    assert {story[-1].after.is_open for story in stories} == {True, False}
    assert reports

    await written_singly(domain, clock, stories, reports)
    singly, found_singly = await rows_of(domain), await found(domain, "eleven tickets")
    await emptied(domain)
    await loaded(domain, stories, reports, sqlite=dialect == "sqlite")
    assert await rows_of(domain) == singly
    assert await found(domain, "eleven tickets") == found_singly != []


async def test_the_scene_that_is_loaded_equals_one_that_was_written_step_by_step(
    domain: Domain, clock: SteppingClock, dialect: str
) -> None:
    names = {key: name for key, name, _ in SYSTEMS}
    named = {(await make_system(domain, key)).id: names[key] for key in names}
    scene = Scene(named, now=NOW).stories(1)
    assert len(scene) == Scene.size

    await written_singly(domain, clock, scene, [])
    singly = await rows_of(domain)
    await emptied(domain)
    await inside(domain).demo._loader._write(Scribe(sqlite=dialect == "sqlite").batch([], [], scene=scene))
    assert await rows_of(domain) == singly


@pytest.mark.usefixtures("nine_days")
async def test_a_demonstration_begins_with_incidents_that_are_open(domain: Domain, clock: SteppingClock) -> None:
    await domain.demo.fill(20, scene=True)
    await stage(domain.reads, domain.relations, domain.maintenance, now=clock.now())
    is_open = AllOf((Term(Field.OPEN, Operator.EQ, True),))
    page = await domain.reads.incident_page(is_open, Order(field="created_at"), PageRequest(size=50), Audience.MANAGER)
    known = {incident.title: incident for incident in page.items}
    cause, effect = known[CAUSE], known[EFFECT]
    assert (cause.severity, cause.lead, cause.acknowledged_by, cause.dedupe_key) == (
        Severity.CRITICAL,
        DENIZ,
        DENIZ,
        "scene",
    )
    assert (effect.severity, effect.lead, effect.acknowledged_at) == (Severity.MAJOR, None, None)
    assert Status.MONITORING in {incident.status for incident in page.items}
    assert dict(cause.labels) == {"team": "payments", "region": "eu"}

    async def read(session: ReadSession) -> tuple[set[Visibility], list[datetime], int]:
        entries = metadata.tables["incident_updates"].c
        seen = await session.connection.scalars(sa.select(entries.visibility).where(entries.incident_id == cause.id))
        log = metadata.tables["changes"].c
        dates = await session.connection.scalars(
            sa.select(log.occurred_at).where(log.kind.in_(["incident", "health"])).order_by(log.seq)
        )
        people = await session.connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["people"]))
        return {Visibility(value) for value in seen}, list(dates), people or 0

    seen, dates, people = await inside(domain).database.read(read)
    assert seen == set(Visibility)
    assert dates == sorted(dates)
    assert people >= len(PEOPLE)
    [window] = await domain.maintenance.reads.listed(Audience.PUBLIC)
    assert [instance.starts_at > clock.now() for instance in window.instances] == [True]


@on_one_database
@pytest.mark.usefixtures("nine_days")
async def test_events_of_the_demonstration_leave_systems_alone_that_people_work_on(domain: Domain) -> None:
    await domain.demo.fill(3, scene=True)
    for _ in range(60):
        await domain.demo.act()

    async def read(session: ReadSession) -> tuple[set[str], set[str]]:
        log, members = metadata.tables["changes"].c, metadata.tables["incident_systems"].c
        reported = sa.select(log.entity_id).where(log.kind == "health", log.actor["id"].as_string() == "demo")
        scene = sa.select(members.system_id).join(
            metadata.tables["incidents"], metadata.tables["incidents"].c.id == members.incident_id
        )
        worked_on = scene.where(metadata.tables["incidents"].c.dedupe_key == "scene")
        return set(await session.connection.scalars(reported)), set(await session.connection.scalars(worked_on))

    reported, worked_on = await inside(domain).database.read(read)
    assert len(worked_on) == 6
    assert reported
    assert reported.isdisjoint(worked_on)


@pytest.fixture
def nine_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the past of a demonstration shorter, because the reports of health are most of a small one."""
    monkeypatch.setattr("domain.demo.service._DAYS", 9)


@pytest.mark.usefixtures("nine_days")
async def test_the_index_of_words_of_a_past_is_sound(domain: Domain, database_url: str, dialect: str) -> None:
    await domain.demo.fill(30)
    if dialect == "sqlite":
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as database:
            database.execute("INSERT INTO search_words(search_words, rank) VALUES ('integrity-check', 1)")
        database.close()
    assert len(await found(domain, "INC-17")) == 1


@pytest.mark.usefixtures("nine_days")
async def test_live_readers_get_a_past_that_is_loaded(domain: Domain) -> None:
    received: list[Change] = []
    async with aclosing(inside(domain).tail.follow(0)) as pages:
        await domain.demo.fill(20)
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for page in pages:
                received += page
                if page[-1].seq == inside(domain).database.written:
                    break
    assert [change.seq for change in received] == list(range(1, inside(domain).database.written + 1))
    assert {change.kind for change in received} == {"system", "incident", "health"}


def planned(domain: Domain, systems: Mapping[str, str], *, incidents: int, batch: int) -> Plan:
    """Return the plan of nine days without reports of health."""
    is_sqlite = inside(domain).database.is_sqlite
    return Plan(
        systems=systems, incidents=incidents, now=NOW, days=9, seed=4, reports=[], sqlite=is_sqlite, batch=batch
    )


@on_one_database
async def test_a_past_is_the_same_from_a_process_and_from_a_thread(domain: Domain) -> None:
    named = {(await make_system(domain, key)).id: key for key in ("payments", "checkout")}
    # The last batch is smaller.
    plan = planned(domain, named, incidents=70, batch=30)
    pasts = []
    for apart in (True, False):
        added: list[int] = []
        await loader(domain).load(plan, progress=added.append, apart=apart)
        assert added == [30, 30, 10]
        pasts.append(await stories_of(domain))
        await emptied(domain)
    assert pasts[0] == pasts[1]
    assert len(pasts[0]) == 70


@on_one_database
async def test_incidents_that_are_opened_meanwhile_get_numbers_of_their_own(domain: Domain) -> None:
    named = {(await make_system(domain)).id: "Payments"}
    plan = planned(domain, named, incidents=6, batch=1)
    taken = []

    async def work(unit: UnitOfWork) -> int:
        return await unit.incidents.next_number()

    for _ in range(2):
        await loader(domain).load(plan)
        taken.append((await inside(domain).database.write(work)).value)
    numbers = [number for number, *_ in await stories_of(domain)]
    assert sorted([*numbers, *taken]) == list(range(1, 15))


@on_one_database
async def test_the_process_that_makes_a_past_ends_with_its_use(domain: Domain) -> None:
    named = {(await make_system(domain)).id: "Payments"}
    plan = Plan(systems=named, incidents=90, now=NOW, days=9, seed=4, reports=[], sqlite=True, batch=30)
    before = set(multiprocessing.active_children())
    async with making(plan, apart=True) as make:
        [process] = set(multiprocessing.active_children()) - before
        assert (await make(1)).incidents == 30
        process.kill()
        with pytest.raises(RuntimeError, match="the process that makes the past has ended"):
            [await make(first) for first in (31, 61)]
    assert set(multiprocessing.active_children()) == before


def loader(domain: Domain) -> HistoryLoader:
    return inside(domain).demo._loader


async def loaded(domain: Domain, stories: Sequence[Sequence[Step]], reports: Sequence[Report], *, sqlite: bool) -> None:
    await loader(domain)._write(Scribe(sqlite=sqlite).batch(stories, reports))


async def written_singly(
    domain: Domain, clock: SteppingClock, stories: Sequence[Sequence[Step]], reports: Sequence[Report]
) -> None:
    """Write each step through its handle, in a unit of work of its own and when it happened."""
    steps: list[Step | Report] = [*(step for story in stories for step in story), *reports]
    ends = {story[-1].after.id: story[-1].after for story in stories}
    for step in sorted(steps, key=lambda step: step.at):
        clock.moment = step.at - clock.step
        if isinstance(step, Report):
            await reported(domain, step)
        else:
            await stepped(domain, step, ends[step.after.id])


async def stepped(domain: Domain, step: Step, end: Incident) -> None:
    handle, after = inside(domain).handle, step.after

    async def apply(before: Snapshot[Incident] | None) -> Applied[Incident]:
        unit = units[0]
        if before is None:
            await unit.incidents.insert(after)
            header = header_of(after)
            await unit.search.insert_many([(after.id, after.id, Visibility.PUBLIC, header)])
            if end.is_open:
                await unit.claims.take_free(end.id, end.system_ids, end.dedupe_key)
        else:
            # It is stamped by that, or by the handle.
            unstamped = replace(after, version=before.version, updated_at=before.entity.updated_at)
            await unit.incidents.save(before.entity, unstamped, now=unit.moment())
        if step.update is not None:
            entry = step.update
            await unit.timeline.insert(entry)
            await unit.search.insert_many([(entry.id, entry.incident_id, entry.visibility, entry.message)])
        if step.link is not None:
            await unit.links.insert(step.link)
        return Applied(after=snapshot_of(after), touched=step.touched)

    units: list[UnitOfWork] = []

    async def work(unit: UnitOfWork) -> None:
        units[:] = [unit]
        await handle.mutate(unit, after.id, apply, origin=Origin(actor=step.actor))

    await inside(domain).database.write(work)


async def reported(domain: Domain, report: Report) -> None:
    async def work(unit: UnitOfWork) -> None:
        async def apply(before: Snapshot[SystemHealth] | None) -> Applied[SystemHealth]:
            await unit.health.put(replace(report.after, version=report.after.version - (before is not None)))
            return Applied(after=snapshot_of_health(report.after))

        await inside(domain).health_handle.mutate(unit, report.after.system_id, apply, origin=MONITOR)

    await inside(domain).database.write(work)


async def rows_of(domain: Domain) -> Rows:
    async def read(session: ReadSession) -> Rows:
        rows: Rows = {}
        for name in FILLED:
            table = metadata.tables[name]
            order = [table.c.seq] if name == "changes" else list(table.primary_key)
            # Systems are added beforehand.
            of_past = table.c.kind != "system" if "kind" in table.c else sa.true()
            found = (await session.connection.execute(sa.select(table).where(of_past).order_by(*order))).mappings()
            rows[name] = [{key: value for key, value in row.items() if (name, key) not in OWN} for row in found]
        for row in rows["changes"]:
            (row["payload"] or {}).pop("changeId", None)
        # Entries are indexed in another order.
        rows["search_entries"].sort(key=lambda row: str(row["entry_id"]))
        rows["health_spans"].sort(key=lambda row: (row["began_at"], row["system_id"], row["incident_id"] or ""))
        rows["entity_transitions"].sort(key=lambda row: (row["occurred_at"], row["entity_id"], row["field"]))
        return rows

    return await inside(domain).database.read(read)


async def stories_of(domain: Domain) -> list[tuple[int, str, str]]:
    incidents = metadata.tables["incidents"].c

    async def read(session: ReadSession) -> list[tuple[int, str, str]]:
        shown = sa.select(incidents.number, incidents.title, incidents.status).order_by(incidents.created_at)
        return [tuple(row) for row in await session.connection.execute(shown)]

    return await inside(domain).database.read(read)


async def found(domain: Domain, text: str) -> list[str]:
    wanted = AllOf((Term(Field.TEXT, Operator.EQ, text),))
    page = await domain.reads.incident_page(wanted, Order(field="created_at"), PageRequest(size=50), Audience.MANAGER)
    return [incident.id for incident in page.items]


async def emptied(domain: Domain) -> None:
    async def work(unit: UnitOfWork) -> None:
        for name in ("incidents", "system_health", "health_spans", "derived_health", "entity_transitions", "changes"):
            await unit.connection.execute(sa.delete(metadata.tables[name]))
        await unit.connection.execute(sa.update(metadata.tables["counters"]).values(value=0))

    await inside(domain).database.write(work)
