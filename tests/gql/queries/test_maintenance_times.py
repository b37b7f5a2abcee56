"""The times of a maintenance that is not scheduled yet."""

from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.moment import iso
from tests.client import Api
from tests.factories import make_maintenance, make_system

TIMES = """
query Q($start: DateTime!, $end: DateTime!, $rule: String, $zone: String! = "UTC", $first: Int! = 5) {
  maintenanceTimes(startsAt: $start, endsAt: $end, recurrence: $rule, timeZone: $zone, first: $first)
}
"""


async def test_the_times_are_those_that_scheduling_stores(api: Api, domain: Domain) -> None:
    system = await make_system(domain, "payments")
    rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR,SA,SU"
    made = await make_maintenance(domain, system.id, recurrence=rule, time_zone="Europe/Berlin")
    stored = await api.anonymous.read("{ maintenances { nodes { instances(first: 5) { nodes { startsAt } } } } }")
    asked = {"start": iso(made.starts_at), "end": iso(made.ends_at), "rule": rule, "zone": "Europe/Berlin"}
    times = (await api.responder.read(TIMES, **asked))["maintenanceTimes"]
    assert len(times) == 5
    assert times == [each["startsAt"] for each in stored["maintenances"]["nodes"][0]["instances"]["nodes"]]


async def test_without_a_rule_it_is_once(api: Api, domain: Domain) -> None:
    begins = (domain.clock.now() + timedelta(hours=1)).replace(microsecond=0)
    asked = {"start": iso(begins), "end": iso(begins + timedelta(hours=1))}
    assert (await api.responder.read(TIMES, **asked))["maintenanceTimes"] == [iso(begins)]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"rule": "FREQ=HOURLY"}, "recurrence"),
        ({"rule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "recurrence"),
        ({"zone": "Atlantis"}, "timeZone"),
        ({"end": "2000-01-01T00:00:00Z"}, "endsAt"),
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
    ],
)
async def test_what_scheduling_refuses_is_refused_at_the_same_field(
    api: Api, domain: Domain, wrong: dict[str, object], field: str
) -> None:
    begins = (domain.clock.now() + timedelta(hours=1)).replace(microsecond=0)
    asked = {"start": iso(begins), "end": iso(begins + timedelta(hours=1))} | wrong
    error = await api.responder.error(TIMES, **asked)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", [field])


async def test_whoever_may_not_schedule_is_told_no_times(api: Api, domain: Domain) -> None:
    begins = domain.clock.now() + timedelta(hours=1)
    asked = {"start": iso(begins), "end": iso(begins + timedelta(hours=1))}
    assert (await api.anonymous.error(TIMES, **asked))["code"] == "UNAUTHENTICATED"
