"""Timelines: status and times follow from the beginning and the entries, in the order of dates."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.incident import OPENING, Incident, Status
from domain.model.timeline import Mark, settled
from tests.domain.model.test_incident import INCIDENT, NOON
from tests.examples import examples

_TIMES = {
    Status.IDENTIFIED: "identified_at",
    Status.FIXING: "fixing_at",
    Status.MONITORING: "monitoring_at",
    Status.RESOLVED: "resolved_at",
}


def _mark(identifier: str, status: Status, minutes: int, *, is_opening: bool = False) -> Mark:
    return Mark(id=identifier, status=status, at=NOON + timedelta(minutes=minutes), is_opening=is_opening)


def _times(incident: Incident) -> dict[str, int]:
    at: dict[str, datetime | None] = {name: getattr(incident, name) for name in _TIMES.values()}
    return {name: int((moment - NOON).total_seconds()) // 60 for name, moment in at.items() if moment is not None}


READ: dict[str, tuple[Sequence[Mark], Status, dict[str, int], list[str]]] = {
    "without an entry it stands as it was opened": ([], OPENING, {}, []),
    "the entry of the opening is no comment": ([_mark("a", OPENING, 0, is_opening=True)], OPENING, {}, []),
    "the opening may have been another": (
        [_mark("a", Status.FIXING, 0, is_opening=True)],
        Status.FIXING,
        {"fixing_at": 0},
        [],
    ),
    "an entry that names the opening status is a comment": ([_mark("a", OPENING, 1)], OPENING, {}, ["a"]),
    "dates count, not the order of writing": (
        [_mark("a", Status.RESOLVED, 3), _mark("b", Status.IDENTIFIED, 1), _mark("c", Status.FIXING, 2)],
        Status.RESOLVED,
        {"identified_at": 1, "fixing_at": 2, "resolved_at": 3},
        [],
    ),
    "of equal dates the later id counts": (
        [_mark("b", Status.RESOLVED, 1), _mark("a", Status.IDENTIFIED, 1)],
        Status.RESOLVED,
        {"identified_at": 1, "resolved_at": 1},
        [],
    ),
    "the opening comes before whatever has its date": (
        [_mark("z", OPENING, 0, is_opening=True), _mark("a", Status.FIXING, 0)],
        Status.FIXING,
        {"fixing_at": 0},
        [],
    ),
    "a status that is named again goes on": (
        [_mark("a", Status.RESOLVED, 1), _mark("b", Status.RESOLVED, 5)],
        Status.RESOLVED,
        {"resolved_at": 1},
        ["b"],
    ),
    "reopening takes the time of the resolution away and keeps the others": (
        [_mark("a", Status.IDENTIFIED, 1), _mark("b", Status.RESOLVED, 2), _mark("c", OPENING, 3)],
        OPENING,
        {"identified_at": 1},
        [],
    ),
    "of a status entered twice the last time counts": (
        [_mark("a", Status.FIXING, 1), _mark("b", Status.RESOLVED, 2), _mark("c", Status.FIXING, 3)],
        Status.FIXING,
        {"fixing_at": 3},
        [],
    ),
    "what lies before the beginning counts as of it": (
        [_mark("a", Status.FIXING, -30), _mark("b", Status.RESOLVED, -10)],
        Status.RESOLVED,
        {"fixing_at": 0, "resolved_at": 0},
        [],
    ),
}


@pytest.mark.parametrize(("marks", "status", "times", "comments"), READ.values(), ids=READ.keys())
def test_a_timeline_determines_status_and_times(
    marks: Sequence[Mark], status: Status, times: dict[str, int], comments: list[str]
) -> None:
    after, read = settled(INCIDENT, marks)

    assert (after.status, _times(after)) == (status, times)
    assert [mark.id for mark in read if mark.is_comment] == comments


_ENTRIES = st.lists(st.tuples(st.sampled_from(Status), st.integers(0, 40)), max_size=12).map(
    lambda drawn: [_mark(f"upd_{index:02}", status, minutes) for index, (status, minutes) in enumerate(drawn)]
)
_STALE = st.sampled_from(Status).map(lambda status: INCIDENT.with_status(status, at=NOON + timedelta(days=9)))


@examples(300)
@given(marks=_ENTRIES, stale=_STALE, shuffle=st.randoms(use_true_random=False))
def test_the_same_timeline_gives_the_same_header_whatever_was_before(
    marks: list[Mark], stale: Incident, shuffle: random.Random
) -> None:
    shuffled = [replace(mark, is_comment=shuffle.random() < 0.5) for mark in marks]
    shuffle.shuffle(shuffled)

    assert settled(stale, shuffled) == settled(INCIDENT, marks)


@examples(300)
@given(marks=_ENTRIES)
def test_a_time_is_the_first_of_the_last_run_of_its_status(marks: list[Mark]) -> None:
    after, read = settled(INCIDENT, marks)

    elements = [(OPENING, NOON), *((mark.status, mark.at) for mark in read)]
    runs = [(status, next(run)[1]) for status, run in groupby(elements, key=lambda element: element[0])]
    assert after.status is runs[-1][0]
    for status, name in _TIMES.items():
        at = max((at for entered, at in runs if entered is status), default=None)
        is_over = status is Status.RESOLVED and after.status is not Status.RESOLVED
        assert getattr(after, name) == (None if is_over else at)
    assert [mark.is_comment for mark in read] == [held is named for (held, _), (named, _) in pairwise(elements)]


@examples(300)
@given(marks=_ENTRIES)
def test_only_resolved_incidents_have_a_time_to_resolve_never_negative(marks: list[Mark]) -> None:
    after, _ = settled(INCIDENT, marks)

    assert all(minutes >= 0 for minutes in _times(after).values())
    assert (after.time_to_resolve_seconds is None) is after.is_open


@examples(300)
@given(marks=_ENTRIES)
def test_comments_change_nothing(marks: list[Mark]) -> None:
    after, read = settled(INCIDENT, marks)

    assert settled(INCIDENT, [mark for mark in read if not mark.is_comment])[0] == after


@examples(300)
@given(marks=_ENTRIES, later=st.integers(41, 60), status=st.sampled_from(Status))
def test_appending_an_entry_equals_settling_the_timeline(marks: list[Mark], later: int, status: Status) -> None:
    last = _mark("upd_99", status, later)
    before, _ = settled(INCIDENT, marks)

    assert settled(INCIDENT, [*marks, last])[0] == before.with_status(status, at=last.at)
