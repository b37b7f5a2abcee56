"""The times of incidents: they follow from the timeline after corrections in any order."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.bootstrap import Domain
from domain.errors import InvalidInputError
from domain.model.change import Touched
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.incident import Incident, IncidentUpdate, Status
from domain.model.paging import PageRequest
from domain.model.timeline import Mark, settled
from domain.model.viewer import Audience, Visibility
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident

#: For the fixtures, which all examples of a test share: each makes incidents of its own.
_EXAMPLES = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


class Story:
    """One incident, with times in minutes since its beginning."""

    def __init__(self, domain: Domain, incident: Incident) -> None:
        self._domain = domain
        self.id = incident.id
        self.start = incident.occurred_at

    def at(self, minutes: float) -> datetime:
        """Return the moment so many minutes after the first beginning."""
        return self.start + timedelta(minutes=minutes)

    async def header(self) -> Incident:
        """Return the incident as it is."""
        return (await self._domain.reads.incidents([self.id]))[self.id]

    async def entries(self) -> Sequence[IncidentUpdate]:
        """Return the timeline, newest first."""
        return (await self._domain.reads.update_pages([self.id], PageRequest(size=100), Audience.MANAGER))[
            self.id
        ].items

    async def add(self, status: Status | None = None, minutes: float | None = None, **fields: Any) -> str:
        """Add an entry and return its id."""
        at = None if minutes is None else self.at(minutes)
        command = AddIncidentUpdate(incident_id=self.id, message="Hm", status_change=status, created_at=at, **fields)
        entry = (await self._domain.timeline.add(ADMIN, command)).value.update
        assert entry is not None
        return entry.id

    async def edit(self, entry: str, *, minutes: float | None = None, **fields: Any) -> None:
        """Edit an entry."""
        if minutes is not None:
            fields = {"created_at": self.at(minutes), **fields}
        await self._domain.timeline.edit(ADMIN, EditIncidentUpdate(id=entry, incident_id=self.id, **fields))

    async def delete(self, entry: str) -> None:
        """Delete an entry."""
        await self._domain.timeline.delete(ADMIN, update_id=entry, incident_id=self.id)

    async def begin(self, minutes: float) -> None:
        """Move the beginning."""
        await self._domain.incidents.update(ADMIN, UpdateIncident(id=self.id, occurred_at=self.at(minutes)))

    async def resolve(self, minutes: float | None = None, **fields: Any) -> None:
        """Resolve it."""
        at = None if minutes is None else self.at(minutes)
        await self._domain.incidents.resolve(ADMIN, self.id, resolved_at=at, **fields)

    async def times(self) -> dict[str, float]:
        """Return all its times in minutes."""
        incident = await self.header()
        names = ("occurred_at", "identified_at", "fixing_at", "monitoring_at", "resolved_at")
        at: dict[str, datetime | None] = {name: getattr(incident, name) for name in names}
        return {name: (moment - self.start).total_seconds() / 60 for name, moment in at.items() if moment is not None}


async def _story(domain: Domain, clock: SteppingClock, **fields: Any) -> Story:
    """Return an incident that began yesterday."""
    yesterday = clock.moment - timedelta(days=1)
    return Story(domain, await make_incident(domain, occurred_at=yesterday, **fields))


async def _refused(step: Any, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        await step
    assert caught.value.field == [field]


@on_one_database
async def test_the_first_entry_is_dated_with_the_beginning(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock, initial_message="It began")
    [entry] = await story.entries()
    assert (entry.created_at, entry.status_change, entry.is_opening) == (story.start, Status.INVESTIGATING, True)


@on_one_database
@pytest.mark.parametrize("message", [None, "It began"], ids=["without an entry", "with one"])
async def test_an_entry_dated_after_the_beginning_follows_the_opening_status(
    domain: Domain, clock: SteppingClock, message: str | None
) -> None:
    story = await _story(domain, clock, initial_message=message)
    entry = await story.add(Status.RESOLVED)
    await story.edit(entry, minutes=120)
    incident = await story.header()
    assert (incident.status, incident.time_to_resolve_seconds) == (Status.RESOLVED, 7200)
    assert await events_of(domain) == ["incident.created", "incident.resolved"]


@on_one_database
async def test_corrected_dates_are_those_of_all_times_and_fire_nothing(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock, initial_message="It began")
    statuses = (Status.IDENTIFIED, Status.FIXING, Status.MONITORING, Status.RESOLVED)
    entries = [await story.add(status) for status in statuses]
    fired = await events_of(domain)
    for minutes, entry in enumerate(entries, start=1):
        await story.edit(entry, minutes=minutes)
    assert await story.times() == {
        "occurred_at": 0,
        "identified_at": 1,
        "fixing_at": 2,
        "monitoring_at": 3,
        "resolved_at": 4,
    }
    assert await events_of(domain) == fired
    assert [change.described_fields for change in (await log_of(domain))[-4:]] == [
        ("identified_at",),
        ("fixing_at",),
        ("monitoring_at",),
        ("resolved_at",),
    ]


@on_one_database
async def test_no_entry_is_dated_before_the_beginning(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    entry = await story.add(Status.FIXING)
    before = await story.header()
    await _refused(story.edit(entry, minutes=-1), "createdAt")
    await _refused(story.edit(entry, minutes=-1, status_change=Status.RESOLVED), "createdAt")
    await _refused(story.add(minutes=-1), "createdAt")
    await _refused(story.add(Status.RESOLVED, minutes=-1), "createdAt")
    await _refused(story.resolve(minutes=-1), "resolvedAt")
    assert await story.header() == before
    await story.edit(entry, minutes=0)
    assert await story.times() == {"occurred_at": 0, "fixing_at": 0}


@on_one_database
async def test_no_entry_is_dated_in_the_future(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await _refused(story.add(Status.FIXING, minutes=24 * 60 + 30), "createdAt")
    await _refused(story.resolve(minutes=24 * 60 + 30), "resolvedAt")
    await _refused(story.begin(24 * 60 + 30), "occurredAt")
    assert (await story.header()).version == 1


@on_one_database
async def test_the_beginning_moves_with_its_entry_up_to_the_next_one(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock, initial_message="It began")
    await story.add(minutes=60)
    opening = (await story.entries())[-1].id
    await story.edit(opening, minutes=60)
    assert await story.times() == {"occurred_at": 60}
    await _refused(story.edit(opening, minutes=61), "createdAt")
    await story.edit(opening, minutes=-600)
    assert await story.times() == {"occurred_at": -600}
    assert await events_of(domain) == ["incident.created"]


@on_one_database
async def test_the_opening_entry_moves_with_the_beginning(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock, initial_message="It began")
    await story.add(Status.FIXING, minutes=60)
    await _refused(story.begin(61), "occurredAt")
    await story.begin(30)
    entry = (await story.entries())[-1]
    assert (entry.created_at, entry.edited_at is not None) == (story.at(30), True)
    [former] = (await domain.reads.update_versions([entry.id]))[entry.id]
    assert (former.created_at, former.replaced_by) == (story.start, ADMIN.actor)
    change = (await log_of(domain))[-1]
    assert (change.described_fields, [part.id for part in change.touched]) == (("occurred_at",), [entry.id])


@on_one_database
async def test_the_beginning_moves_without_an_entry(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await story.resolve(60)
    await story.begin(30)
    assert (await story.header()).time_to_resolve_seconds == 1800
    assert (await log_of(domain))[-1].touched == ()


async def test_an_opening_entry_with_another_status_moves_the_time_of_that(
    domain: Domain, clock: SteppingClock
) -> None:
    story = await _story(domain, clock, initial_message="It began")
    await story.edit((await story.entries())[0].id, status_change=Status.IDENTIFIED)
    await story.begin(-5)
    assert await story.times() == {"occurred_at": -5, "identified_at": -5}


@on_one_database
async def test_an_incident_is_resolved_as_of_an_earlier_moment(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await story.add(Status.FIXING, minutes=60)
    await _refused(story.resolve(59), "resolvedAt")
    assert (await story.header()).is_open
    await story.resolve(61, visibility=Visibility.INTERNAL)
    assert await story.times() == {"occurred_at": 0, "fixing_at": 60, "resolved_at": 61}
    assert [entry.visibility for entry in await story.entries()] == [Visibility.INTERNAL, Visibility.PUBLIC]


@on_one_database
async def test_a_resolved_incident_is_not_resolved_as_of_another_moment(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await story.resolve(60)
    await story.resolve(60)
    assert (await story.header()).version == 2
    await _refused(story.resolve(61), "resolvedAt")
    await story.resolve(60, message="Really", visibility=Visibility.LOGGED_IN)
    comment = (await story.entries())[0]
    assert (comment.message, comment.names, comment.visibility) == ("Really", None, Visibility.LOGGED_IN)


async def test_a_comment_names_the_status_of_its_own_date(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await story.add(Status.FIXING, minutes=10)
    comment = await story.add(Status.INVESTIGATING, minutes=5)
    carrying = await story.add(Status.INVESTIGATING, minutes=15)
    said = {entry.id: entry.status_change for entry in await story.entries()}
    assert (said[comment], said[carrying]) == (None, Status.INVESTIGATING)
    assert (await story.header()).status is Status.INVESTIGATING


@on_one_database
async def test_a_comment_becomes_a_change_once_another_status_held_at_its_date(
    domain: Domain, clock: SteppingClock
) -> None:
    story = await _story(domain, clock)
    comment = await story.add(Status.INVESTIGATING, visibility=Visibility.INTERNAL)
    fixing = await story.add(Status.FIXING, minutes=5)
    assert [entry.status_change for entry in await story.entries()] == [Status.INVESTIGATING, Status.FIXING]
    change = (await log_of(domain))[-1]
    assert change.touched == (
        Touched(part="updates", id=fixing, after=Visibility.PUBLIC),
        Touched(part="updates", id=comment, before=Visibility.INTERNAL, after=Visibility.INTERNAL),
    )
    await story.delete(fixing)
    assert [entry.status_change for entry in await story.entries()] == [None]


async def test_a_hidden_entry_changes_the_header_for_every_audience(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    entry = await story.add(Status.FIXING, minutes=5, visibility=Visibility.INTERNAL)
    await story.edit(entry, minutes=6)
    added, moved = (await log_of(domain))[1:]
    assert added.visible_fields(Audience.PUBLIC) == ("fixing_at", "status")
    assert moved.visible_fields(Audience.PUBLIC) == ("fixing_at",)
    await story.delete(await story.add(minutes=7, visibility=Visibility.INTERNAL))
    assert not any(change.concerns(Audience.PUBLIC) for change in (await log_of(domain))[-2:])


async def test_a_new_status_is_dated_last_even_if_another_clock_is_ahead(domain: Domain, clock: SteppingClock) -> None:
    story = await _story(domain, clock)
    await story.resolve()
    resolved_at = (await story.header()).resolved_at
    assert resolved_at is not None
    clock.moment -= timedelta(seconds=30)
    entry = await story.add(Status.FIXING)
    assert (await story.header()).fixing_at == resolved_at + timedelta(milliseconds=1)
    await story.edit(entry, message="The same")
    assert (await story.header()).status is Status.FIXING


@on_one_database
@pytest.mark.parametrize("dedupe", [True, False], ids=["deduplicated", "plain"])
async def test_a_correction_that_reopens_an_incident_takes_its_claim_again(
    domain: Domain, clock: SteppingClock, dedupe: bool
) -> None:
    story = await _story(domain, clock)
    await story.add(Status.FIXING, minutes=60)
    await story.resolve(90)
    resolving = (await story.entries())[0].id
    await story.edit(resolving, minutes=30)
    other = await make_incident(domain, "payments", dedupe_open_for_system=dedupe)
    assert (other.id == story.id) is dedupe


_STATUSES = st.sampled_from(Status)
#: The minute of an entry, no two alike, and its status.
_TIMELINES = st.lists(st.integers(1, 900), unique=True, min_size=1, max_size=6).flatmap(
    lambda minutes: st.tuples(*(st.tuples(st.just(minute), _STATUSES) for minute in minutes))
)
_PLAIN = ("status", "occurred_at", "identified_at", "fixing_at", "monitoring_at", "resolved_at")


def _header(incident: Incident, start: datetime) -> list[Any]:
    values = [getattr(incident, name) for name in _PLAIN]
    return [value - start if isinstance(value, datetime) else value for value in values]


@_EXAMPLES
@given(timeline=_TIMELINES, shuffle=st.randoms(use_true_random=False))
async def test_the_same_timeline_gives_the_same_header_by_any_sequence_of_edits(
    domain: Domain, clock: SteppingClock, timeline: Sequence[tuple[int, Status]], shuffle: random.Random
) -> None:
    def shuffled() -> list[tuple[int, Status]]:
        return shuffle.sample(timeline, len(timeline))

    in_order, in_any, clicked = [await _story(domain, clock) for _ in range(3)]
    for minute, status in sorted(timeline):
        await in_order.add(status, minute)
    for minute, status in shuffled():
        await in_any.add(status, minute)
    # Written now, with other statuses, one too many, and put right one by one.
    entries = [await clicked.add(shuffle.choice(list(Status))) for _ in (*timeline, None)]
    edits = [
        (entry, fields)
        for entry, (minute, status) in zip(entries, shuffled(), strict=False)
        for fields in ({"minutes": minute}, {"status_change": status})
    ]
    for entry, fields in shuffle.sample(edits, len(edits)):
        await clicked.edit(entry, **fields)
    await clicked.delete(entries[-1])

    expected = _header(await in_order.header(), in_order.start)
    assert _header(await in_any.header(), in_any.start) == expected
    assert _header(await clicked.header(), clicked.start) == expected
    timelines = [
        [(entry.created_at - story.start, entry.status_change) for entry in await story.entries()]
        for story in (in_order, in_any, clicked)
    ]
    assert timelines[0] == timelines[1] == timelines[2]


_MINUTES = st.integers(-20, 60)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.none() | _STATUSES, st.none() | _MINUTES),
        st.tuples(st.just("edit"), st.none() | _STATUSES, st.none() | _MINUTES),
        st.tuples(st.just("resolve"), st.none(), st.none() | _MINUTES),
        st.tuples(st.just("begin"), st.none(), _MINUTES),
        st.tuples(st.just("delete"), st.none(), st.none()),
    ),
    max_size=10,
)


@_EXAMPLES
@given(steps=_STEPS, shuffle=st.randoms(use_true_random=False))
async def test_the_header_follows_the_timeline_after_any_write(
    domain: Domain, clock: SteppingClock, steps: Sequence[tuple[str, Status | None, int | None]], shuffle: random.Random
) -> None:
    story = await _story(domain, clock, initial_message="It began" if shuffle.random() < 0.5 else None)
    for kind, status, minutes in steps:
        before = await story.header()
        try:
            await _take(story, kind, status, minutes, shuffle)
        except InvalidInputError:
            assert await story.header() == before
    incident, entries = await story.header(), await story.entries()
    marks = [
        Mark(
            id=entry.id,
            at=entry.created_at,
            status=entry.names,
            visibility=entry.visibility,
            is_opening=entry.is_opening,
            is_comment=entry.status_change is None,
        )
        for entry in entries
        if entry.names is not None
    ]
    assert settled(replace(incident, status=Status.MONITORING), marks) == (incident, marks[::-1])
    assert all(entry.created_at >= incident.occurred_at for entry in entries)
    assert all(entry.created_at == incident.occurred_at for entry in entries if entry.is_opening)


async def _take(story: Story, kind: str, status: Status | None, minutes: int | None, shuffle: random.Random) -> None:
    entries = await story.entries()
    if kind == "add":
        await story.add(status, minutes)
    elif kind == "resolve":
        await story.resolve(minutes)
    elif kind == "begin" and minutes is not None:
        await story.begin(minutes)
    elif kind == "edit" and entries:
        fields = {} if status is None else {"status_change": status}
        await story.edit(shuffle.choice(entries).id, minutes=minutes, **fields)
    elif kind == "delete" and entries:
        await story.delete(shuffle.choice(entries).id)
