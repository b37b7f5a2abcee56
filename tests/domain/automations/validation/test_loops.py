"""Automations that set themselves off again, and those that only seem to."""

from typing import Any

import pytest

from tests.domain.automations.validation.definitions import OPEN, STOP, told

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
        pytest.param("incident.resolved", [NEW, RESOLVE], id="a new one is resolved"),
    ],
)
def test_an_automation_that_sets_itself_off_again_is_refused(event: str, steps: list[Any]) -> None:
    assert list(told(*steps, triggers=[{"event": event}])) == ["triggers[0].event"]


@pytest.mark.parametrize(
    ("trigger", "steps"),
    [
        pytest.param({}, [OPEN], id="it uses what is open"),
        pytest.param({"filter": "trigger.payload.severity == 'critical'"}, [NEW], id="filtered"),
        pytest.param({"for": {"minutes": 5}}, [NEW], id="after a time"),
        pytest.param({}, [{**NEW, "enabled": False}], id="switched off"),
        pytest.param({}, [{"condition": "trigger.payload.severity == 'minor'"}, NEW], id="on a condition"),
        pytest.param({}, [STOP, NEW], id="never"),
        pytest.param({"event": "incident.updated"}, [moved("identified")], id="no change the second time"),
        pytest.param({"event": "incident.resolved"}, [moved("identified")], id="another event"),
    ],
)
def test_an_automation_that_comes_to_an_end_is_accepted(trigger: Any, steps: list[Any]) -> None:
    assert told(*steps, triggers=[{"event": "incident.created", **trigger}]) == {}


def test_a_condition_of_the_automation_is_a_gate() -> None:
    assert told(NEW, triggers=[{"event": "incident.created"}], conditions=["trigger.actor.type == 'user'"]) == {}
