"""The rules of incidents that depend on nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.model.actor import SYSTEM
from domain.model.incident import Incident, Severity, Status, canonical_systems

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INCIDENT = Incident(
    id="inc_1",
    number=42,
    title="Checkout fails",
    description=None,
    status=Status.INVESTIGATING,
    severity=Severity.MAJOR,
    suppress_notifications=False,
    health_override=None,
    dedupe_key="",
    system_ids=("sys_1",),
    version=1,
    opened_by=SYSTEM,
    occurred_at=NOON,
    created_at=NOON,
    updated_at=NOON,
)


def test_severities_rank_from_minor_to_critical() -> None:
    assert [severity.rank for severity in Severity] == [1, 2, 3]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RESOLVED])
def test_an_incident_is_open_in_every_status_but_resolved(status: Status) -> None:
    assert replace(INCIDENT, status=status).is_open


def test_a_resolved_incident_is_not_open() -> None:
    assert not INCIDENT.with_status(Status.RESOLVED, at=NOON).is_open


def test_an_incidents_reference_is_inc_and_the_number() -> None:
    assert INCIDENT.reference == "INC-42"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (Status.IDENTIFIED, "identified_at"),
        (Status.FIXING, "fixing_at"),
        (Status.MONITORING, "monitoring_at"),
        (Status.RESOLVED, "resolved_at"),
    ],
)
def test_a_status_sets_its_time(status: Status, name: str) -> None:
    at = NOON + timedelta(minutes=5)
    after = INCIDENT.with_status(status, at=at)
    assert (after.status, getattr(after, name)) == (status, at)


def test_the_present_status_again_changes_nothing() -> None:
    assert INCIDENT.with_status(Status.INVESTIGATING, at=NOON) is INCIDENT


def test_reopening_clears_the_time_of_the_resolution_and_keeps_others() -> None:
    identified = INCIDENT.with_status(Status.IDENTIFIED, at=NOON)
    resolved = identified.with_status(Status.RESOLVED, at=NOON + timedelta(hours=1))
    reopened = resolved.with_status(Status.MONITORING, at=NOON + timedelta(hours=2))
    assert (reopened.resolved_at, reopened.identified_at) == (None, NOON)


def test_the_time_to_resolve_counts_from_the_occurrence() -> None:
    occurred = replace(INCIDENT, occurred_at=NOON - timedelta(minutes=10))
    assert occurred.time_to_resolve_seconds is None
    assert occurred.with_status(Status.RESOLVED, at=NOON).time_to_resolve_seconds == 600


def test_facts_are_json_and_moments_are_texts() -> None:
    facts = INCIDENT.with_status(Status.RESOLVED, at=NOON).facts()
    assert facts["resolved_at"] == facts["created_at"] == "2026-03-01T12:00:00.000Z"
    assert INCIDENT.facts()["resolved_at"] is None


def test_systems_are_sorted_and_unique() -> None:
    assert canonical_systems(["b", "a", "b"]) == ("a", "b")
