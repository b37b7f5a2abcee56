"""Time travel: what is read as of a place in the past is what was read then."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.change import Transition
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate
from domain.model.filters import AllOf, Field, Filter, Not, Operator, Term
from domain.model.incident import Incident, IncidentUpdate, Severity, Status
from domain.model.paging import Order, PageRequest
from domain.model.place import Place
from domain.model.positions import incident_position
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.services.histories import Histories
from tests.examples import pairs
from tests.factories import ADMIN, make_incident
from tests.inside import inside
from tests.shared import clock_of, in_module_loop

pytestmark = in_module_loop
_STEPS = 60
_ALL = PageRequest(size=100)
_FIELDS = ("created_at", "updated_at", "severity", "number")
_ORDERS = [Order(field=name, descending=descending) for name in _FIELDS for descending in (True, False)]
_MORE_ORDERS = [
    Order(field="status", then=Order(field="severity", descending=False)),
    Order(field="resolved_at", descending=False, then=Order(field="occurred_at")),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """Answers of one moment: lists by some filters and orders, timelines and histories."""

    at: datetime
    cursor: str
    lists: dict[int, Sequence[Incident]]
    counts: dict[int, int]
    updates: dict[str, Sequence[IncidentUpdate]]
    histories: dict[str, Sequence[Transition]]
    since: dict[tuple[str, str], datetime | None]


@dataclass(frozen=True, slots=True)
class World:
    """A domain with a random history, and what was read in the course of it."""

    domain: Domain
    asked: Sequence[tuple[Filter, Order]]
    readings: Sequence[Reading]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared: Domain) -> World:
    """Write the history, and read everything after every six steps."""
    chance, clock = random.Random(11), clock_of(shared)
    histories = Histories(shared, clock, chance, removes_incidents=True)
    systems = await histories.systems()
    asked = [(tree, chance.choice(_ORDERS)) for tree in _filters(systems, clock.moment)]
    asked += [(AllOf(), order) for order in (*_ORDERS, *_MORE_ORDERS)]
    readings = []
    # One entry that stays, and is edited in between.
    incident = await make_incident(shared, "api")
    entry = (await shared.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="First"))).value.update
    assert entry is not None
    for number in range(_STEPS // 6):
        await histories.write(6)
        if number % 3 == 2:
            edit = EditIncidentUpdate(id=entry.id, incident_id=incident.id, message=f"Edit {number}")
            await shared.timeline.edit(ADMIN, edit)
        clock.advance(seconds=5)
        readings.append(await _read(shared, asked, clock.moment))
    return World(shared, asked, readings)


def _filters(systems: Sequence[str], start: datetime) -> list[Filter]:
    severe = Term(Field.SEVERITY, Operator.GTE, Severity.MAJOR)
    later = Term(Field.UPDATED_AT, Operator.GTE, start + timedelta(days=4))
    states = Term(Field.STATUS, Operator.IN, (Status.INVESTIGATING, Status.RESOLVED))
    on_one = Term(Field.SYSTEM, Operator.IN, (systems[0],))
    return [Term(Field.OPEN, Operator.EQ, True), severe, later, states, Not(on_one), AllOf((on_one, severe))]


async def _read(domain: Domain, asked: Sequence[tuple[Filter, Order]], at: datetime) -> Reading:
    reads, audience = domain.reads, Audience.MANAGER
    lists = {n: (await reads.incident_page(tree, order, _ALL, audience)).items for n, (tree, order) in enumerate(asked)}
    ids = [incident.id for incident in lists[len(asked) - 1]]
    updates, histories = await reads.update_pages(ids, _ALL, audience), await reads.histories(ids, _ALL)
    keys = [(identifier, field) for identifier in ids for field in ("status", "severity", "system_ids")]
    return Reading(
        at=at,
        cursor=domain.events.cursor_of(await domain.events.head()),
        lists=lists,
        counts={number: await reads.incident_count(tree, audience) for number, (tree, _) in enumerate(asked)},
        updates={identifier: page.items for identifier, page in updates.items()},
        histories={identifier: page.items for identifier, page in histories.items()},
        since=dict(zip(keys, await reads.incidents_in_state_since(keys), strict=True)),
    )


async def _place(domain: Domain, reading: Reading, *, by_cursor: bool) -> Place:
    at, cursor = (None, reading.cursor) if by_cursor else (reading.at, None)
    found = await domain.replay.place(at, cursor)
    assert found is not None
    return found


async def test_lists_of_the_past_are_those_that_were_read_then(world: World) -> None:
    present = {each.id for each in world.readings[-1].lists[len(world.asked) - 1]}
    lost = 0

    def kept(incident: Incident) -> Incident:
        return incident if incident.id in present else replace(incident, dedupe_key="")

    placed = [
        (reading, await _place(world.domain, reading, by_cursor=turn % 2 == 0))
        for turn, reading in enumerate(world.readings)
    ]
    for (reading, place), (number, (tree, order)) in pairs(placed, list(enumerate(world.asked))):
        page = await world.domain.replay.incident_page(tree, order, _ALL, Audience.MANAGER, place)
        expected = [kept(each) for each in reading.lists[number]]
        assert list(page.items) == expected, (tree, order, place)
        count = await world.domain.replay.incident_count(tree, Audience.MANAGER, place)
        assert count == reading.counts[number]
        lost += sum(each.id not in present for each in expected)
    assert lost > 0


async def test_pages_of_the_past_make_up_the_list(world: World) -> None:
    reading = world.readings[len(world.readings) // 2]
    place = await _place(world.domain, reading, by_cursor=True)
    for number, (tree, order) in enumerate(world.asked):
        walked: list[Incident] = []
        page = PageRequest(size=3)
        while True:
            found = await world.domain.replay.incident_page(tree, order, page, Audience.MANAGER, place)
            walked += found.items
            if not found.has_next:
                break
            page = PageRequest(size=3, after=incident_position(found.items[-1], order))
        assert [each.id for each in walked] == [each.id for each in reading.lists[number]]


async def test_incidents_of_the_past_are_found_by_id_with_what_belonged_to_them(world: World) -> None:
    replay, audience = world.domain.replay, Audience.MANAGER
    present = {each.id for each in world.readings[-1].lists[len(world.asked) - 1]}
    entries = {entry.id: entry for found in world.readings[-1].updates.values() for entry in found}
    edited = 0
    for turn, reading in enumerate(world.readings):
        place = await _place(world.domain, reading, by_cursor=turn % 2 == 0)
        then = {each.id: each for each in reading.lists[len(world.asked) - 1]}
        found = await replay.incidents([*then, "inc_00000000000000000000000000"], place)
        assert {identifier: replace(each, dedupe_key="") for identifier, each in found.items()} == then
        ids = [identifier for identifier in then if identifier in present]
        pages = await replay.update_pages(ids, _ALL, audience, place)
        counts = await replay.update_counts(ids, audience, place)
        histories = await replay.histories(ids, _ALL, place)
        keys = [key for key in reading.since if key[0] in ids]
        assert await replay.in_state_since(keys, place) == [reading.since[key] for key in keys]
        for identifier in ids:
            was = [entry for entry in reading.updates[identifier] if entry.id in entries]
            shown = list(pages[identifier].items)
            assert [_text(entry) for entry in shown] == [_text(entry) for entry in was], place
            assert counts[identifier] == len(was)
            assert list(histories[identifier].items) == list(reading.histories[identifier])
            edited += sum(entries[entry.id].message != entry.message for entry in was)
    assert edited > 0


def _text(entry: IncidentUpdate) -> tuple[object, ...]:
    return entry.id, entry.message, entry.visibility, entry.created_at, entry.edited_at


async def test_a_moment_that_cannot_be_known_is_refused(world: World) -> None:
    replay, clock = world.domain.replay, clock_of(world.domain)
    reading = world.readings[0]
    with pytest.raises(DomainError) as early:
        await replay.place(clock.moment + timedelta(hours=1), None)
    assert (early.value.code, early.value.field) == ("BAD_USER_INPUT", ["at"])
    with pytest.raises(DomainError) as both:
        await replay.place(reading.at, reading.cursor)
    assert (both.value.code, both.value.field) == ("BAD_USER_INPUT", ["at"])
    with pytest.raises(DomainError) as forged:
        await replay.place(None, "nonsense")
    assert (forged.value.code, forged.value.field) == ("BAD_USER_INPUT", ["atCursor"])
    with pytest.raises(DomainError) as ahead:
        await replay.place(None, world.domain.events.cursor_of(10**6))
    assert (ahead.value.code, ahead.value.field) == ("CURSOR_EXPIRED", ["atCursor"])
    text = Term(Field.TEXT, Operator.EQ, "disk")
    place = await _place(world.domain, reading, by_cursor=True)
    with pytest.raises(DomainError) as words:
        await replay.incident_page(text, _ORDERS[0], _ALL, Audience.MANAGER, place)
    assert words.value.field == ["filter", "text"]


async def test_the_past_before_the_log_begins_has_expired_and_the_rest_stays_right(world: World) -> None:
    middle = world.readings[len(world.readings) // 2]

    async def prune(unit: UnitOfWork) -> None:
        while await unit.changes.prune(before=middle.at, limit=1_000):
            pass

    await inside(world.domain).database.write(prune)
    for at, cursor, field in ((world.readings[0].at, None, "at"), (None, world.readings[0].cursor, "atCursor")):
        with pytest.raises(DomainError) as refused:
            await world.domain.replay.place(at, cursor)
        assert (refused.value.code, refused.value.field) == ("CURSOR_EXPIRED", [field])
    late = [
        (reading, await _place(world.domain, reading, by_cursor=True))
        for reading in world.readings[len(world.readings) // 2 :]
    ]
    for (reading, place), (number, (tree, order)) in pairs(late, list(enumerate(world.asked))):
        page = await world.domain.replay.incident_page(tree, order, _ALL, Audience.MANAGER, place)
        assert [each.id for each in page.items] == [each.id for each in reading.lists[number]]
