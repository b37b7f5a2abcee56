"""Moments at which time alone changes the value of a condition."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.automations.conditions.evaluation import evaluate
from domain.automations.conditions.flips import next_flip
from domain.automations.conditions.model import TimeWindow
from domain.automations.conditions.time_windows import is_within, next_change
from tests.domain.automations.conditions.parsing import parse_condition
from tests.domain.automations.conditions.scopes import NOW, make_scope
from tests.examples import examples

SINCE = "health.systems.api.in_status_since"
HEALTHY = {"entity": "api", "status": "healthy"}


def flip(document: Any, *, now: datetime = NOW) -> datetime | None:
    return next_flip(parse_condition(document), make_scope(), now=now)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "clock"),
    [
        ("true", None),
        ("trigger.payload.count > 3", None),
        (f"{SINCE} | older_than(5 | minutes)", None),
        (f"{SINCE} | older_than(30 | minutes)", "09:50:00"),
        (f"not ({SINCE} | older_than(trigger.payload.count | hours))", "12:20:00"),
        (f"{SINCE} | duration_since > 1200", "09:40:00"),
        (f"1200 <= ({SINCE} | duration_since)", "09:40:00"),
        (f"{SINCE} | duration_since / 60 > 5", "09:30:30"),
        (f"{SINCE} | older_than(gone)", None),
        ("gone | older_than(5)", None),
        ("'rubbish' | older_than(5)", None),
        (f"{SINCE} | older_than(1e300)", None),
        (f"{SINCE} | older_than(now | length)", "09:30:30"),
        ("now > '2026'", "09:30:30"),
        ({"state": HEALTHY}, None),
        ({"state": {**HEALTHY, "for": {"minutes": 15}}}, "09:35:00"),
        ({"state": {**HEALTHY, "for": {"template": "{{ 15 | minutes }}"}}}, "09:35:00"),
        ({"state": {**HEALTHY, "for": {"template": "{{ gone }}"}}}, None),
        ({"state": {**HEALTHY, "for": {"minutes": 5}}}, None),
        ({"state": {**HEALTHY, "status": "degraded", "for": {"minutes": 15}}}, None),
        ({"state": {**HEALTHY, "entity": "gone", "for": {"minutes": 15}}}, None),
        ({"numeric_state": {"value": 5, "above": 1}}, None),
        ({"numeric_state": {"value": "trigger.payload.count", "above": 1}}, None),
        ({"numeric_state": {"value": f"{SINCE} | duration_since", "above": 60, "below": 1200}}, "09:40:00"),
        ({"numeric_state": {"value": "now | duration_since", "above": 60}}, "09:30:30"),
        ({"time": {"after": "11:00", "before": "12:00"}}, "11:00:00"),
        ({"time": {"after": "09:00", "before": "12:00"}}, "12:00:00"),
        (
            {"and": ["true", {"not": {"time": {"before": "12:00"}}}, {"state": {**HEALTHY, "for": {"hours": 1}}}]},
            "10:20:00",
        ),
    ],
    ids=repr,
)
def test_the_next_flip_is_the_earliest_change_by_time_alone(document: Any, clock: str | None) -> None:
    assert flip(document) == (utc(f"2026-03-01T{clock}") if clock else None)


@pytest.mark.parametrize("source", ["{} > 1200", "{} >= 1200", "{} == 1200", "not {} < 1200", "not {} <= 1200"])
def test_following_the_flips_finds_every_change(source: str) -> None:
    document = source.format(f"({SINCE} | duration_since)")
    condition, moments = parse_condition(document), [NOW]
    while (after := next_flip(condition, make_scope(), now=moments[-1])) is not None:
        moments.append(after)
    values = [evaluate(condition, make_scope(), now=moment).value for moment in moments]
    assert len(moments) == 3
    assert not values[0]
    assert True in values[1:]


@pytest.mark.parametrize(
    ("window", "now", "change"),
    [
        ({"weekday": [0]}, "2026-03-01T09:00", "2026-03-02T00:00"),
        ({"weekday": [6]}, "2026-03-01T09:00", "2026-03-02T00:00"),
        ({"weekday": [5]}, "2026-03-01T09:00", "2026-03-07T00:00"),
        ({"weekday": [0, 1, 2, 3, 4, 5, 6]}, "2026-03-01T09:00", None),
        ({"after": "00:00"}, "2026-03-01T09:00", None),
        ({"after": "22:00", "before": "06:00", "weekday": [6]}, "2026-03-01T05:00", "2026-03-01T22:00"),
        ({"after": "22:00", "before": "06:00", "weekday": [6]}, "2026-03-01T23:00", "2026-03-02T06:00"),
        ({"after": "22:00", "before": "06:00", "weekday": [6]}, "2026-03-02T06:00", "2026-03-08T22:00"),
        # Berlin goes from +1 to +2 at 01:00 UTC on 29 March 2026: 02:30 does not exist, 03:00 is the first after it.
        ({"after": "02:30", "timezone": "Europe/Berlin"}, "2026-03-29T00:00", "2026-03-29T01:00"),
        ({"after": "09:00", "timezone": "Europe/Berlin"}, "2026-03-28T23:30", "2026-03-29T07:00"),
        # And back at 01:00 UTC on 25 October: 02:30 comes twice, and the clock falls behind it in between.
        ({"after": "02:30", "timezone": "Europe/Berlin"}, "2026-10-25T00:00", "2026-10-25T00:30"),
        ({"after": "02:30", "timezone": "Europe/Berlin"}, "2026-10-25T00:30", "2026-10-25T01:00"),
        ({"after": "02:30", "timezone": "Europe/Berlin"}, "2026-10-25T01:00", "2026-10-25T01:30"),
    ],
    ids=repr,
)
def test_the_next_boundary_of_a_window_is_in_its_time_zone(
    window: dict[str, Any], now: str, change: str | None
) -> None:
    assert next_change(TimeWindow.model_validate(window), utc(now)) == (utc(change) if change else None)


CLOCKS = st.none() | st.times().map(lambda clock: clock.strftime("%H:%M"))
WINDOWS = st.fixed_dictionaries(
    {
        "after": CLOCKS,
        "before": CLOCKS,
        "weekday": st.none() | st.lists(st.integers(0, 6), min_size=1, max_size=3),
        "timezone": st.sampled_from(
            ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
        ),
    }
).filter(
    lambda window: any(window[key] for key in ("after", "before", "weekday")) and window["after"] != window["before"]
)


@examples(60)
@given(WINDOWS, st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 15)))  # noqa: DTZ001 # made aware below
def test_a_window_changes_at_its_next_boundary_and_not_before(document: Any, naive: datetime) -> None:
    window, now = TimeWindow.model_validate(document), naive.replace(tzinfo=UTC)
    change = next_change(window, now)
    until = change or now + timedelta(days=8)
    present = is_within(window, now)
    step = (until - now) / 50
    assert all(is_within(window, now + step * count) is present for count in range(50))
    if change:
        assert is_within(window, change) is not present
        assert is_within(window, change - timedelta(microseconds=1)) is present
