"""The queries for figures about incidents."""

from datetime import timedelta
from typing import Any

from domain.bootstrap import Domain
from domain.model.commands import SetIncidentLabels
from domain.model.incident import Severity, Status
from domain.model.moment import iso
from tests.client import Api
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, make_incident, make_system, set_status

COUNTS = """
query Q($filter: IncidentFilter, $groupBy: [IncidentGrouping!]) {
  incidentCounts(filter: $filter, groupBy: $groupBy) { count severity status openedBy { id } system { key } }
}
"""


async def test_incidents_are_counted_as_the_list_shows_them(api: Api, domain: Domain) -> None:
    over = await make_incident(domain)
    await domain.incidents.resolve(ADMIN, over.id)
    await make_incident(domain, severity=Severity.CRITICAL)
    empty = {"severity": None, "status": None, "openedBy": None, "system": None}
    for filter, count in ((None, 1), ({"includeResolved": True}, 2), ({"open": False}, 1), ({"text": "nothing"}, 0)):
        counts = (await api.anonymous.read(COUNTS, filter=filter))["incidentCounts"]
        assert counts == [{"count": count, **empty}], filter
    by_severity = await api.anonymous.read(COUNTS, filter={"includeResolved": True}, groupBy=["SEVERITY"])
    assert [(each["severity"], each["count"]) for each in by_severity["incidentCounts"]] == [
        ("CRITICAL", 1),
        ("MAJOR", 1),
    ]


async def test_an_incident_counts_for_each_of_its_systems(api: Api, domain: Domain) -> None:
    await make_system(domain, "api")
    await make_system(domain, "web")
    await make_incident(domain, "api", "web")
    await make_incident(domain, "web")
    counts = (await api.anonymous.read(COUNTS, groupBy=["SYSTEM"]))["incidentCounts"]
    assert {each["system"]["key"]: each["count"] for each in counts} == {"api": 1, "web": 2}


async def test_who_opened_incidents_is_counted_for_responders_alone(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    [counted] = (await api.responder.read(COUNTS, groupBy=["OPENED_BY"]))["incidentCounts"]
    assert (counted["openedBy"], counted["count"]) == ({"id": ADMIN.actor.id}, 1)
    for caller in (api.anonymous, api.viewer):
        refusal = await caller.error(COUNTS, groupBy=["SEVERITY", "OPENED_BY"])
        assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["groupBy"])


async def test_incidents_are_counted_by_the_labels_of_a_key(api: Api, domain: Domain) -> None:
    for team in ("core", "core", None):
        incident = await make_incident(domain)
        labels = [("region", "eu"), *([("team", team)] if team else [])]
        await domain.labels.set(ADMIN, SetIncidentLabels(id=incident.id, labels=labels))
    document = '{ incidentCounts(groupBy: [LABEL], labelKey: "team") { label { key value } count } }'
    assert (await api.anonymous.read(document))["incidentCounts"] == [
        {"label": {"key": "team", "value": "core"}, "count": 2},
        {"label": None, "count": 1},
    ]
    refusal = await api.anonymous.error(document.replace("LABEL", "STATUS"))
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", ["labelKey"])


async def test_counts_are_one_statement_and_their_systems_another(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    for number in range(3):
        await make_incident(domain, (await make_system(domain, f"system-{number}")).key)
    with count_statements() as sent:
        await api.anonymous.read("{ incidentCounts(groupBy: [STATUS, SEVERITY]) { count severity } }")
    assert len(sent) == 1, sent
    with count_statements() as sent:
        await api.anonymous.read(COUNTS, groupBy=["SYSTEM", "SEVERITY"])
    assert len(sent) == 2, sent


METRICS = """
query Q($from: DateTime!, $to: DateTime!, $bucket: TimeBucket, $groupBy: [IncidentGrouping!], $filter: IncidentFilter) {
  incidentMetrics(from: $from, to: $to, bucket: $bucket, groupBy: $groupBy, filter: $filter) {
    severity system { key } openedBy { name }
    points {
      start end opened resolved reopened openAtEnd
      timeToIdentify { count } timeToResolve { count meanSeconds p50Seconds p90Seconds }
    }
  }
}
"""


async def test_metrics_follow_the_dates_of_timelines(api: Api, domain: Domain, clock: SteppingClock) -> None:
    start = clock.moment - timedelta(days=2)
    incident = await make_incident(domain, occurred_at=start + timedelta(hours=1))
    await domain.incidents.resolve(ADMIN, incident.id, resolved_at=start + timedelta(hours=3))
    await set_status(domain, incident, Status.IDENTIFIED)
    asked = {"from": iso(start), "to": iso(start + timedelta(days=3)), "bucket": "DAY"}
    [metrics] = (await api.anonymous.read(METRICS, **asked))["incidentMetrics"]
    counted = [(each["opened"], each["resolved"], each["reopened"], each["openAtEnd"]) for each in metrics["points"]]
    # The days of the calendar: the first from nine in the morning on, the last until then.
    assert counted == [(1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 1, 1), (0, 0, 0, 1)]
    assert [each["timeToIdentify"] for each in metrics["points"]] == [None, None, {"count": 1}, None]
    assert [each["timeToResolve"] for each in metrics["points"]] == [None] * 4


async def test_a_time_to_resolve_is_shown_in_seconds(api: Api, domain: Domain, clock: SteppingClock) -> None:
    start = clock.moment - timedelta(days=1)
    for hours in (1, 2, 6):
        incident = await make_incident(domain, occurred_at=start)
        await domain.incidents.resolve(ADMIN, incident.id, resolved_at=start + timedelta(hours=hours))
    [metrics] = (await api.anonymous.read(METRICS, **{"from": iso(start), "to": iso(clock.moment)}))["incidentMetrics"]
    [point] = metrics["points"]
    expected = {"count": 3, "meanSeconds": 10_800.0, "p50Seconds": 7_200.0, "p90Seconds": 21_600.0}
    assert point["timeToResolve"] == expected


async def test_bad_times_buckets_and_groupings_of_metrics_are_refused(api: Api) -> None:
    asked: dict[str, Any] = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        (asked | {"to": asked["from"]}, "BAD_USER_INPUT", ["from"]),
        (asked | {"to": "2030-01-01T00:00:00Z", "bucket": "HOUR"}, "BAD_USER_INPUT", ["bucket"]),
        (asked | {"groupBy": ["OPENED_BY"]}, "FORBIDDEN", ["groupBy"]),
        (asked | {"filter": {"openedBy": {"in": ["tok_admin"]}}}, "FORBIDDEN", ["filter", "openedBy"]),
    ]
    for variables, code, field in cases:
        refusal = await api.viewer.error(METRICS, **variables)
        assert (refusal["code"], refusal["field"]) == (code, field)


async def test_metrics_are_one_statement_and_their_systems_another(
    api: Api, domain: Domain, clock: SteppingClock, count_statements: CountStatements
) -> None:
    start = clock.moment
    for number in range(3):
        await make_incident(domain, (await make_system(domain, f"system-{number}")).key)
    asked = {"from": iso(start), "to": iso(clock.moment), "bucket": "HOUR"}
    with count_statements() as sent:
        await api.responder.read(METRICS, **asked, groupBy=["SYSTEM", "OPENED_BY"])
    assert len(sent) == 2, sent
