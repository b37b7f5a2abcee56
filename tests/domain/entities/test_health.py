"""The health of systems as a reactive entity."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.entities.health import (
    CHANGED,
    DEGRADED,
    HEALTH,
    HEALTHY,
    HealthPayload,
    HealthState,
    derive,
    snapshot_of,
    to_payload,
)
from domain.entities.kind import Picture
from domain.ids import new_id
from domain.model.actor import SYSTEM
from domain.model.change import Change, ChangeAction
from domain.model.health import SystemHealth
from domain.model.incident import Health
from tests.domain.entities.changes import NOON


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param(None, Health.HEALTHY, (), id="first report, healthy"),
        pytest.param(None, Health.DEGRADED, (DEGRADED, CHANGED), id="first report, degraded"),
        pytest.param(None, Health.UNHEALTHY, (DEGRADED, CHANGED), id="first report, unhealthy"),
        pytest.param(Health.HEALTHY, Health.DEGRADED, (DEGRADED, CHANGED), id="worse"),
        pytest.param(Health.HEALTHY, Health.UNHEALTHY, (DEGRADED, CHANGED), id="much worse"),
        pytest.param(Health.DEGRADED, Health.UNHEALTHY, (CHANGED,), id="worse still"),
        pytest.param(Health.UNHEALTHY, Health.DEGRADED, (CHANGED,), id="better"),
        pytest.param(Health.DEGRADED, Health.HEALTHY, (HEALTHY, CHANGED), id="recovered from degraded"),
        pytest.param(Health.UNHEALTHY, Health.HEALTHY, (HEALTHY, CHANGED), id="recovered from unhealthy"),
        pytest.param(Health.HEALTHY, Health.HEALTHY, (), id="still healthy"),
        pytest.param(Health.DEGRADED, Health.DEGRADED, (), id="still degraded"),
        pytest.param(Health.UNHEALTHY, None, (), id="removed"),
    ],
)
def test_a_change_of_health_fires_events_by_both_statuses(
    before: Health | None, after: Health | None, events: tuple[str, ...]
) -> None:
    assert derive(_change(before, after)) == events


@pytest.mark.parametrize(
    ("before", "previous"), [(None, "healthy"), (Health.UNHEALTHY, "unhealthy")], ids=["first", "later"]
)
def test_the_payload_fits_its_schema_and_says_both_statuses(before: Health | None, previous: str) -> None:
    change = _change(before, Health.DEGRADED)

    payload = to_payload(change)

    assert payload == {
        "systemId": "sys_a",
        "systemKey": "payments",
        "systemName": "Payments",
        "previousStatus": previous,
        "newStatus": "degraded",
        "message": "Slow",
        "underMaintenance": False,
        "observedAt": "2026-03-01T12:00:00.000Z",
        "timestamp": "2026-03-01T12:00:00.000Z",
        "changeId": change.id,
    }
    assert HealthPayload.model_validate(payload).new_status is Health.DEGRADED


def test_the_schema_takes_the_status_alone() -> None:
    state = HealthState.model_validate({"status": "degraded", "message": "Slow"})
    assert state.model_dump(mode="json") == {"status": "degraded"}
    with pytest.raises(ValidationError):
        HealthState.model_validate({"status": "dead"})


def test_systems_have_three_triggers_with_the_system_as_context() -> None:
    assert [(trigger.id, trigger.display_name) for trigger in HEALTH.triggers] == [
        ("system.health_changed", "System Health Changed"),
        ("system.degraded", "System Degraded"),
        ("system.healthy", "System Healthy"),
    ]
    assert {(trigger.category, trigger.context_key) for trigger in HEALTH.triggers} == {("Systems", "systemId")}
    for trigger in HEALTH.triggers:
        assert set(trigger.payload_schema["required"]) == set(to_payload(_change(None, Health.DEGRADED))) - {"message"}


def test_a_picture_shows_the_whole_report() -> None:
    health = replace(_health(Health.DEGRADED), version=4, reported_at=NOON + timedelta(minutes=1))
    snapshot = snapshot_of(health)
    assert (snapshot.version, snapshot.systems, snapshot.facts) == (4, ("sys_a",), {"message": "Slow"})
    assert HEALTH.past is not None
    picture = Picture(entity_id="sys_a", version=4, at=health.reported_at, whole=HEALTH.picture(snapshot))
    assert HEALTH.past.snapshot_of(picture) == snapshot
    without = replace(picture, whole={**picture.whole, "message": None})
    assert HEALTH.past.snapshot_of(without).entity == replace(health, message=None)


def _health(status: Health) -> SystemHealth:
    return SystemHealth(
        system_id="sys_a",
        system_key="payments",
        system_name="Payments",
        status=status,
        message="Slow",
        observed_at=NOON,
        reported_at=NOON,
        version=1,
    )


def _change(before: Health | None, after: Health | None) -> Change:
    snapshot = snapshot_of(_health(after)) if after else None
    picture = HEALTH.picture(snapshot) if snapshot else None
    return Change(
        id=new_id("chg"),
        kind="health",
        entity_id="sys_a",
        version=1,
        action=ChangeAction.UPDATED,
        prev={"status": before.value} if before else None,
        next={"status": after.value} if after else None,
        changed_fields=("status",),
        delta={},
        after=picture,
        actor=SYSTEM,
        occurred_at=NOON,
    )
