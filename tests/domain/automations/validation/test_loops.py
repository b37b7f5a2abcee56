"""Automations that trigger themselves, and those that only seem to."""

from typing import Any

import pytest

from tests.domain.automations.validation.definitions import OPEN, STOP, messages_of

NEW = {**OPEN, "config": {"title": "Again", "severity": "minor", "systemIds": ["api"]}}
RESOLVE = {"action": "incident.resolve"}


def moved(status: str) -> dict[str, Any]:
    config = {"incidentId": "{{ trigger.payload.incidentId }}", "status": status}
    return {"action": "incident.update_status", "config": config}


@pytest.mark.parametrize(
    ("event", "steps"),
    [
        pytest.param("incident.created", [{"sequence": [NEW]}], id="each incident opens another"),
        pytest.param("incident.updated", [moved("identified"), moved("monitoring")], id="to and fro"),
        pytest.param("incident.resolved", [moved("investigating"), moved("resolved")], id="reopened and resolved"),
        pytest.param("incident.resolved", [NEW, RESOLVE], id="a new incident is resolved"),
    ],
)
def test_an_automation_that_triggers_itself_is_refused(event: str, steps: list[Any]) -> None:
    assert list(messages_of(*steps, triggers=[{"event": event}])) == ["triggers[0].event"]


@pytest.mark.parametrize(
    ("trigger", "steps"),
    [
        pytest.param({}, [OPEN], id="an open incident is reused"),
        pytest.param({"filter": "trigger.payload.severity == 'critical'"}, [NEW], id="filtered"),
        pytest.param({"for": {"minutes": 5}}, [NEW], id="after a time"),
        pytest.param({}, [{**NEW, "enabled": False}], id="switched off"),
        pytest.param({}, [{"condition": "trigger.payload.severity == 'minor'"}, NEW], id="after a condition"),
        pytest.param({}, [STOP, NEW], id="never"),
        pytest.param({"event": "incident.updated"}, [moved("identified")], id="no change the second time"),
        pytest.param({"event": "incident.resolved"}, [moved("identified")], id="another event"),
    ],
)
def test_an_automation_whose_loop_ends_is_accepted(trigger: Any, steps: list[Any]) -> None:
    assert messages_of(*steps, triggers=[{"event": "incident.created", **trigger}]) == {}


def test_a_condition_makes_a_loop_acceptable() -> None:
    assert messages_of(NEW, triggers=[{"event": "incident.created"}], conditions=["trigger.actor.type == 'user'"]) == {}
