"""The timelines of incidents: all that happened to them, in one list."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pytest_asyncio
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.model.actor import Actor, ActorType, Cause
from domain.model.automation import RunStep, StepStatus
from domain.model.change import Change
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, AssignIncident, RelateIncidents, SetIncidentLabels
from domain.model.incident import Incident, Status
from domain.model.paging import Page, PageRequest
from domain.model.positions import item_position
from domain.model.relation import RelationType
from domain.model.selection import Listed, OneOf, Paged, Root, Selection, Wanted
from domain.model.timeline_item import CHANGES, TimelineItem, TimelineKind
from domain.model.viewer import Audience, Role, Viewer, Visibility
from domain.persistence.automation_tables import automation_runs
from domain.persistence.tables import metadata
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.domain.dialects import in_one_shared_database
from tests.domain.services.walking import both_ways
from tests.factories import ADMIN, log_of, make_automation, make_incident, start_run
from tests.inside import inside
from tests.shared import clock_of, in_module_loop

pytestmark = in_module_loop
ALL = PageRequest(size=100)
RITA = Viewer(actor=Actor(type=ActorType.USER, id="usr_rita", name="Rita"), role=Role.RESPONDER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(shared: Domain) -> list[Incident]:
    """Open three incidents, to which all kinds of things happen, some of them at the same moment."""
    chance = random.Random(3)
    incidents = [await make_incident(shared, initial_message="Looking") for _ in range(3)]
    automation = await make_automation(shared)
    for incident in incidents:
        for number in range(6):
            clock_of(shared).advance(milliseconds=chance.randrange(3))
            await _write(shared, incident, chance, number)
        other = chance.choice([each for each in incidents if each is not incident])
        related = RelateIncidents(id=incident.id, type=RelationType.CAUSED_BY, to=other.id)
        if incident is not incidents[2]:
            await shared.relations.relate(ADMIN, related)
    await _run(shared, (await start_run(shared, automation)).id, started_by=incidents[0], writes=incidents[:2])
    await _run(shared, (await start_run(shared, automation)).id, started_by=None, writes=[incidents[0], *incidents])
    return incidents


async def _write(domain: Domain, incident: Incident, chance: random.Random, number: int) -> None:
    visibility = chance.choice(list(Visibility))
    update = AddIncidentUpdate(
        incident_id=incident.id,
        message=f"Entry {number}",
        status_change=chance.choice([None, *Status]),
        visibility=visibility,
        created_at=chance.choice([None, incident.occurred_at]),
    )
    await domain.timeline.add(ADMIN, update)
    link = AddIncidentLink(incident_id=incident.id, url=f"https://example.com/{number}", visibility=visibility)
    await domain.links.add(ADMIN, link)
    await domain.responders.acknowledge(ADMIN, incident.id)
    until = chance.choice([None, domain.clock.now() + timedelta(hours=number + 1)])
    await domain.responders.snooze(ADMIN, incident.id, until)
    people = AssignIncident(
        id=incident.id, lead=chance.choice([None, RITA.actor.id]), assignees=chance.choice([(), (RITA.actor.id,)])
    )
    await domain.responders.assign(RITA, people)


async def _run(domain: Domain, run_id: str, *, started_by: Incident | None, writes: Sequence[Incident]) -> None:
    """Let a run have two actions and a condition, with changes of incidents, the same one perhaps twice."""
    origin = Origin(cause=Cause(run_id=run_id, depth=1), run_id=run_id)

    async def work(unit: UnitOfWork) -> None:
        for position, kind in enumerate(("action", "condition", "action")):
            step = RunStep(
                run_id=run_id,
                path=f"actions[{position}]",
                position=position,
                kind=kind,
                status=StepStatus.SUCCESS,
                started_at=unit.moment(),
            )
            await unit.runs.put_step(step)
        if started_by is not None:
            entity = {"kind": "incident", "entity_id": started_by.id}
            await unit.connection.execute(
                sa.update(automation_runs).where(automation_runs.c.id == run_id).values(**entity)
            )

    await inside(domain).database.write(work)
    for number, incident in enumerate(writes):
        command = SetIncidentLabels(id=incident.id, labels=((f"{run_id[-4:]}-{number}", "value"),))
        await inside(domain).database.write(
            lambda unit, command=command: domain.labels.set_in(unit, command, origin=origin)  # type: ignore[misc]
        )


async def _by_hand(domain: Domain, incident: Incident, audience: Audience) -> list[tuple[str, str]]:
    """Return the moments and ids of all items, put together from the lists of each kind."""
    reads, ids = domain.reads, [incident.id]
    updates = (await reads.update_pages(ids, ALL, audience))[incident.id].items
    links = (await reads.link_pages(ids, ALL, audience))[incident.id].items
    relations = (await reads.relation_pages(ids, ALL))[incident.id].items
    steps = (await reads.histories(ids, ALL))[incident.id].items
    found = [(update.created_at, update.id) for update in updates]
    found += [(link.created_at, link.id) for link in links]
    found += [(relation.created_at, relation.id) for relation in relations]
    found += [(step.occurred_at, f"{step.change_id}:{step.field}") for step in steps]
    found += [
        (change.occurred_at, f"{change.id}:{kind}")
        for change in await log_of(domain, incident)
        for kind in _kinds_of(change)
    ]
    if audience is Audience.MANAGER:
        found += await _actions(domain, incident)
    return [(str(at), identifier) for at, identifier in sorted(found)]


def _kinds_of(change: Change) -> Iterator[str]:
    """Name what the people of an incident did with a change."""
    described = change.described_fields
    if "acknowledged_at" in described and (change.after or {})["acknowledged_at"] is not None:
        yield "acknowledgement"
    if {"lead", "assignees"} & set(described):
        yield "assignment"
    if "snoozed_until" in described:
        yield "snooze"


async def _actions(domain: Domain, incident: Incident) -> list[tuple[datetime, str]]:
    """Return the actions of the runs that the incident started or that changed it."""

    async def read(session: ReadSession) -> Mapping[str, Sequence[RunStep]]:
        started = sa.select(automation_runs.c.id).where(automation_runs.c.entity_id == incident.id)
        wrote = {change.cause.run_id for change in await log_of(domain, incident)}
        ids = {*wrote, *await session.connection.scalars(started)} - {None}
        return await session.runs.steps(sorted(filter(None, ids)))

    runs = await inside(domain).database.read(read)
    return [
        (step.started_at, f"{run_id}:{step.path}")
        for run_id, steps in runs.items()
        for step in steps
        if step.kind == "action"
    ]


async def test_a_timeline_has_all_that_an_audience_sees_in_the_order_of_time(
    shared: Domain, lived: list[Incident]
) -> None:
    for incident in lived:
        for audience in Audience:
            page = (await shared.reads.timelines.pages([incident.id], ALL, (), audience))[incident.id]
            found = [(str(item.at), item.id) for item in page.items]
            assert found == await _by_hand(shared, incident, audience)
            assert await shared.reads.timelines.counts([incident.id], (), audience) == {incident.id: len(found)}
    kinds = {item.kind for item in (await _items(shared, lived[0], ())).items}
    assert kinds == set(TimelineKind)


async def test_a_timeline_is_walked_in_both_directions_by_kinds(shared: Domain, lived: list[Incident]) -> None:
    for kinds in ((), (TimelineKind.UPDATE, TimelineKind.STEP), (TimelineKind.TRANSITION,), CHANGES):
        expected = [item for item in (await _items(shared, lived[0], ())).items if not kinds or item.kind in kinds]
        assert len(expected) > 2
        await both_ways(
            lambda page: _items(shared, lived[0], kinds, page),  # noqa: B023
            item_position,
            expected,
            size=3,
        )
        count = await shared.reads.timelines.counts([lived[0].id], kinds, Audience.MANAGER)
        assert count == {lived[0].id: len(expected)}


async def _items(
    domain: Domain, incident: Incident, kinds: tuple[TimelineKind, ...], page: PageRequest = ALL
) -> Page[TimelineItem]:
    return (await domain.reads.timelines.pages([incident.id], page, kinds, Audience.MANAGER))[incident.id]


# PostgreSQL reads small tables as a whole.
@in_one_shared_database
async def test_a_timeline_walks_the_indexes_of_its_parts(shared: Domain, lived: list[Incident]) -> None:
    database = inside(shared).database
    items = Selection(view="incident_timeline_item", columns=("kind",))
    listed = Listed(name="timeline", selection=items, page=Paged(place=0, counted=True))
    root = Root(selection=Selection(view="incident", columns=("id",), lists=(listed,)))
    for page in (PageRequest(size=5), PageRequest(size=5, after=("2026-01-01T00:00:00.000Z", "upd_1"))):
        wanted = Wanted(rows=[OneOf(by="id", value=lived[0].id)], pages=[page])
        statement, parameters = database.projection([root], Audience.PUBLIC).statement(wanted)
        async with database._engines.reader.connect() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", tuple(parameters))
            scanned = [row.detail for row in plan if row.detail.startswith("SCAN")]
        assert [step for step in scanned if any(name in step for name in metadata.tables)] == []
