"""Rules of maintenance: their moments by the clocks of a zone, and the rules that are refused."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.model.maintenance import HORIZON
from domain.model.recurrence import checked_rule, plan_of
from tests.examples import examples

BERLIN, HOUR = ZoneInfo("Europe/Berlin"), timedelta(hours=1)
DAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=3, unique=True)
RULES = st.one_of(
    st.builds("FREQ=DAILY;INTERVAL={}".format, st.integers(1, 40)),
    st.builds(lambda n, days: f"FREQ=WEEKLY;INTERVAL={n};BYDAY={','.join(days)}", st.integers(1, 9), DAYS),
    st.builds(lambda n, days: f"FREQ=MONTHLY;BYDAY={','.join(f'{n}{day}' for day in days)}", st.integers(1, 4), DAYS),
    st.builds("FREQ=MONTHLY;BYMONTHDAY={};COUNT={}".format, st.integers(1, 31), st.integers(1, 20)),
    st.builds("FREQ=YEARLY;BYMONTH={};BYMONTHDAY=3;UNTIL=20290101T000000Z".format, st.integers(1, 12)),
)


@given(rule=RULES, day=st.integers(0, 1000), hour=st.integers(0, 23), waits=st.integers(0, 900))
@examples(60)
def test_a_plan_has_the_moments_of_the_rule_by_local_clocks(rule: str, day: int, hour: int, waits: int) -> None:
    begins = datetime.fromisoformat("2024-01-01T00:30:00") + timedelta(days=day, hours=hour)
    until = datetime(2029, 1, 1, tzinfo=UTC) if "UNTIL" in rule else datetime.max.replace(tzinfo=UTC)
    local = list(islice(rrulestr(rule.split(";UNTIL", maxsplit=1)[0], dtstart=begins), 2_000))
    moments = [moment.replace(tzinfo=BERLIN).astimezone(UTC) for moment in local]
    first = moments[0]
    # A window cannot begin at a time that the clocks skip.
    assume(first.astimezone(BERLIN).replace(tzinfo=None) == local[0])
    now = first + timedelta(days=waits)
    expected = [moment for moment in moments if moment + HOUR > now and moment <= until]
    within = [moment for moment in expected if moment <= now + HORIZON]
    plan = plan_of(checked_rule(rule, first=first, zone=BERLIN), first=first, duration=HOUR, zone=BERLIN, now=now)
    assert list(plan.starts) == (within or expected[:1])


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "weekly",
        "FREQ=HOURLY",
        "FREQ=SECONDLY;COUNT=3",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=1001",
        "FREQ=DAILY;INTERVAL=9999999999",
        "FREQ=DAILY;COUNT=2;UNTIL=20300101",
        "FREQ=DAILY;UNTIL=20301399",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTHDAY=99",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYEASTER=0",
        f"FREQ=MONTHLY;BYMONTHDAY={','.join(['1'] * 300)}",
    ],
)
def test_a_rule_that_is_unknown_too_frequent_or_never_true_is_refused(rule: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_rule(rule, first=datetime(2026, 1, 1, tzinfo=UTC), zone=BERLIN)
    assert refused.value.field == ["recurrence"]


@pytest.mark.parametrize("until", ["99991231T235959Z", "99991231T235959", "24000229", "24000301T000000Z"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_rule_may_end_in_a_far_future(until: str, zone: str) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    rule = checked_rule(f"FREQ=DAILY;UNTIL={until}", first=first, zone=ZoneInfo(zone))
    assert plan_of(rule, first=first, duration=HOUR, zone=ZoneInfo(zone), now=first).until == first + HORIZON


def test_a_beginning_beside_the_rule_is_refused_with_the_first_one() -> None:
    with pytest.raises(InvalidInputError, match=r"2026-01-04T01:00:00\+0100") as refused:
        checked_rule("FREQ=WEEKLY;BYDAY=SU", first=datetime(2026, 1, 1, tzinfo=UTC), zone=BERLIN)
    assert refused.value.field == ["startsAt"]


def test_a_rule_whose_next_time_is_years_away_has_that_one() -> None:
    first = datetime(2024, 2, 29, 1, tzinfo=UTC)
    rule = checked_rule("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", first=first, zone=ZoneInfo("UTC"))
    plan = plan_of(rule, first=first, duration=HOUR, zone=ZoneInfo("UTC"), now=datetime(2025, 1, 1, tzinfo=UTC))
    assert plan.starts == (first.replace(year=2028),)
    assert plan.until == first.replace(year=2028)
