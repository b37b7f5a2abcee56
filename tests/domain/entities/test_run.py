"""Runs of automations as reactive entities."""

import pytest
from pydantic import ValidationError

from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.run import RUN, RunState, snapshot_of
from domain.model.actor import SYSTEM
from domain.model.automation import AutomationRun, Firing, RunStatus, SkipReason
from tests.domain.entities.changes import NOON


def test_the_state_of_a_run_is_its_status_with_the_reason_and_facts_describe_it() -> None:
    firing = Firing(event="system.healthy", key="k", payload={}, actor=SYSTEM, context_key=None, occurred_at=NOON)
    run = AutomationRun(
        id="run_1",
        automation_id="aut_1",
        number=2,
        trigger_id="trigger",
        firing=firing,
        bucket="",
        status=RunStatus.SKIPPED,
        reason=SkipReason.ALREADY_RUNNING,
        message="Another one runs.",
        version=3,
        created_at=NOON,
    )
    snapshot = snapshot_of(run)
    assert (snapshot.entity, snapshot.version) == (run, 3)
    assert RUN.picture(snapshot) == {
        "status": RunStatus.SKIPPED,
        "reason": SkipReason.ALREADY_RUNNING,
        "automation_id": "aut_1",
        "trigger_id": "trigger",
        "message": "Another one runs.",
    }


def test_the_schema_of_a_run_drops_the_rest_and_refuses_other_statuses() -> None:
    state = RunState.model_validate({"status": "success", "message": "Done"})
    assert state.model_dump(mode="json") == {"status": "success", "reason": None}
    with pytest.raises(ValidationError):
        RunState.model_validate({"status": "lost"})


def test_changes_of_incidents_and_of_health_trigger_automations_and_runs_do_not() -> None:
    assert (INCIDENT.is_routed, HEALTH.is_routed, RUN.is_routed) == (True, True, False)
