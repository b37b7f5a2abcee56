"""Incidents as reactive entities."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from domain.entities.incident import (
    CREATED,
    RESOLVED,
    UPDATED,
    CreatedPayload,
    IncidentState,
    ResolvedPayload,
    UpdatedPayload,
    derive,
    project,
    to_payload,
)
from domain.model.incident import Incident, Severity, Status
from tests.domain.entities.changes import NOON, a_change, an_incident

OPEN = an_incident()
RESOLVED_ONE = OPEN.with_status(Status.RESOLVED, at=NOON)


def test_an_incident_that_was_not_there_before_is_created() -> None:
    assert derive(a_change(prev=None, following=OPEN)) == (CREATED,)


def test_an_open_incident_that_is_resolved_fires_resolved_alone() -> None:
    assert derive(a_change(prev=OPEN, following=RESOLVED_ONE)) == (RESOLVED,)


@pytest.mark.parametrize(
    "following",
    [
        pytest.param(an_incident(severity=Severity.CRITICAL), id="severity"),
        pytest.param(an_incident(system_ids=("sys_a",)), id="systems"),
        pytest.param(an_incident(status=Status.MONITORING), id="status"),
    ],
)
def test_a_change_other_than_being_resolved_is_an_update(following: Incident) -> None:
    assert derive(a_change(prev=OPEN, following=following)) == (UPDATED,)


def test_reopening_is_an_update() -> None:
    assert derive(a_change(prev=RESOLVED_ONE, following=OPEN)) == (UPDATED,)


def test_a_deletion_fires_nothing() -> None:
    assert derive(a_change(prev=OPEN, following=None)) == ()


def test_the_payload_of_a_creation_fits_its_schema() -> None:
    change = a_change(prev=None, following=OPEN, changed=("severity", "status", "system_ids"))

    payload = CreatedPayload.model_validate(to_payload(change))

    assert (payload.incident_id, payload.title, payload.reference) == (OPEN.id, "Checkout fails", "INC-7")
    assert (payload.system_ids, payload.severity, payload.created_at) == (["sys_a", "sys_b"], Severity.MAJOR, NOON)


def test_the_payload_of_a_new_status_fits_its_schema_and_names_the_status() -> None:
    following = OPEN.with_status(Status.FIXING, at=NOON)

    payload = UpdatedPayload.model_validate(to_payload(a_change(prev=OPEN, following=following, changed=("status",))))

    assert (payload.status, payload.status_change) == (Status.FIXING, Status.FIXING)
    assert payload.previous == {"status": "investigating"}


def test_the_payload_of_a_resolution_fits_its_schema() -> None:
    change = a_change(prev=OPEN, following=RESOLVED_ONE, changed=("status",))

    payload = ResolvedPayload.model_validate(to_payload(change))

    assert (payload.incident_id, payload.resolved_at, payload.change_id) == (OPEN.id, NOON, change.id)


def test_a_payload_names_no_new_status_when_the_status_is_the_same() -> None:
    following = an_incident(severity=Severity.CRITICAL)

    payload = to_payload(a_change(prev=OPEN, following=following, changed=("severity",)))

    assert "statusChange" not in payload
    assert payload["previous"] == {"severity": "major"}


def test_a_payload_of_systems_that_are_no_list_has_none() -> None:
    change = a_change(prev=None, following=OPEN)

    masked = replace(change, next={**project(OPEN), "system_ids": "****"})

    assert to_payload(masked)["systemIds"] == []


def test_the_schema_takes_the_reactive_part_and_drops_the_rest() -> None:
    state = IncidentState.model_validate({**project(OPEN), "title": "Checkout fails"})

    assert state.model_dump(mode="json") == {
        "status": "investigating",
        "severity": "major",
        "system_ids": ["sys_a", "sys_b"],
    }


def test_the_schema_sorts_the_systems() -> None:
    state = IncidentState.model_validate({**project(OPEN), "system_ids": ["b", "a", "b"]})

    assert state.system_ids == ["a", "b"]


@pytest.mark.parametrize(
    "wrong",
    [{"status": "closed"}, {"severity": "huge"}, {"system_ids": None}],
    ids=["status", "severity", "systems"],
)
def test_the_schema_refuses_values_that_do_not_exist(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IncidentState.model_validate({**project(OPEN), **wrong})


def test_the_projection_of_an_incident_is_status_severity_and_systems() -> None:
    assert project(OPEN) == {
        "status": Status.INVESTIGATING,
        "severity": Severity.MAJOR,
        "system_ids": ["sys_a", "sys_b"],
    }
