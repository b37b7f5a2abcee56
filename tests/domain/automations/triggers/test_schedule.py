"""The next firings of time triggers."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import ValidationError

from domain.automations.definitions.definition import TriggerPart
from domain.automations.triggers.schedule import CronConfig, next_firing

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def cron(expression: str, zone: str = "UTC") -> TriggerPart:
    return TriggerPart(event="time.cron", config={"cron": expression, "timezone": zone})


def interval(seconds: float) -> TriggerPart:
    return TriggerPart(event="time.interval", config={"seconds": seconds})


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("*/5 * * * *", "UTC", "2026-03-01T09:05:00+00:00"),
        ("0 9 * * *", "UTC", "2026-03-02T09:00:00+00:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-03-02T08:00:00+00:00"),
        ("30 9 * * 1", "America/New_York", "2026-03-02T14:30:00+00:00"),
        ("0 0 1 * *", "Asia/Kolkata", "2026-03-31T18:30:00+00:00"),
    ],
)
def test_a_cron_expression_is_read_in_its_time_zone(expression: str, zone: str, expected: str) -> None:
    assert next_firing(cron(expression, zone), after=START) == datetime.fromisoformat(expected)


def test_nine_in_the_morning_stays_nine_when_the_clocks_change() -> None:
    moment, fired = datetime(2026, 3, 27, 12, tzinfo=UTC), []
    for _ in range(3):
        following = next_firing(cron("0 9 * * *", "Europe/Berlin"), after=moment)
        assert following is not None
        fired.append(following.isoformat())
        moment = following
    assert fired == ["2026-03-28T08:00:00+00:00", "2026-03-29T07:00:00+00:00", "2026-03-30T07:00:00+00:00"]


@pytest.mark.parametrize(
    ("day", "expression"), [("2026-03-28", "30 2 * * *"), ("2026-10-24", "30 2 * * *"), ("2026-10-24", "0 * * * *")]
)
def test_a_schedule_goes_on_through_the_change_of_the_clocks(day: str, expression: str) -> None:
    moment = begin = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    fired = []
    while moment < begin + timedelta(days=4):
        following = next_firing(cron(expression, "Europe/Berlin"), after=moment)
        assert following is not None
        assert following > moment
        moment = following
        fired.append(moment)
    assert max(after - before for before, after in pairwise(fired)) <= timedelta(hours=26)


def test_an_interval_fires_first_after_its_length() -> None:
    assert next_firing(interval(90), after=START) == START + timedelta(seconds=90)


def test_an_interval_keeps_its_beat_when_it_fires_late() -> None:
    late = START + timedelta(seconds=3)
    assert next_firing(interval(60), after=late, was=START) == START + timedelta(seconds=60)


def test_an_interval_skips_missed_instants() -> None:
    late = START + timedelta(seconds=200)
    assert next_firing(interval(60), after=late, was=START) == START + timedelta(seconds=240)


def test_a_trigger_that_time_does_not_fire_has_no_next_time() -> None:
    assert next_firing(TriggerPart(event="incident.created"), after=START) is None


@pytest.mark.parametrize(
    "cron", ["R * * * *", "0 R(1-5) * * *", "0 0 r/2 * *", "* * * * 1,R", "1," * 250 + "1 * * * *"]
)
def test_a_random_or_overlong_schedule_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError):
        CronConfig(cron=cron)


@pytest.mark.parametrize("cron", ["0 9 * MAR,apr MON-fri", "*/5 * L * *"])
def test_names_of_months_and_days_are_accepted(cron: str) -> None:
    assert CronConfig(cron=cron).cron == cron
