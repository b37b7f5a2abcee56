"""Problems of definitions of the right form: events, actions, settings, ids."""

from typing import Any

import pytest

from tests.domain.automations.validation.definitions import OPEN, RESOLVE, STOP, choose, log, messages_of, repeat


def test_an_unknown_trigger_is_a_problem_that_lists_the_known_ones() -> None:
    problems = messages_of(triggers=[{"event": "system.degraded"}, {"event": "no.such"}])
    assert problems["triggers[1].event"].startswith("There is no trigger 'no.such'; there are incident.created")


def test_the_settings_of_a_time_trigger_are_required() -> None:
    assert messages_of(triggers=[{"event": "time.cron"}]) == {"triggers[0].config.cron": "This is missing."}


@pytest.mark.parametrize(
    ("trigger", "path"),
    [
        pytest.param({"event": "time.cron", "config": {"cron": "* * *"}}, "config.cron", id="no cron"),
        pytest.param({"event": "time.cron", "config": {"cron": "0 0 31 2 *"}}, "config.cron", id="never"),
        pytest.param({"event": "time.interval", "config": {"seconds": 0}}, "config.seconds", id="too small"),
        pytest.param({"event": "time.interval", "config": {"seconds": 1, "x": 1}}, "config.x", id="unknown key"),
        pytest.param({"event": "incident.created", "config": {"x": 1}}, "config", id="no settings"),
        pytest.param({"event": "manual", "for": {"minutes": 1}}, "for", id="dwell of nothing"),
        pytest.param({"event": "manual", "window": {"count": 2, "minutes": 1}}, "window", id="window by hand"),
        pytest.param({"event": "manual", "filter": "true"}, "filter", id="filter by hand"),
    ],
)
def test_a_part_that_a_trigger_cannot_have_is_a_problem(trigger: Any, path: str) -> None:
    assert list(messages_of(triggers=[trigger])) == [f"triggers[0].{path}"]


NESTED = [
    pytest.param(lambda step: choose(("true", [step])), "choose[0].sequence[0]", id="choose"),
    pytest.param(lambda step: choose(("true", [STOP]), otherwise=[step]), "else[0]", id="else"),
    pytest.param(lambda step: {"parallel": [step]}, "parallel[0]", id="parallel"),
    pytest.param(lambda step: repeat(step, count=2), "repeat.sequence[0]", id="repeat"),
    pytest.param(lambda step: {"sequence": [step]}, "sequence[0]", id="sequence"),
]


@pytest.mark.parametrize(("around", "path"), NESTED)
def test_an_unknown_action_is_a_problem_at_any_depth(around: Any, path: str) -> None:
    problems = messages_of(around({"action": "no.such"}))
    assert list(problems) == [f"actions[0].{path}.action"]


@pytest.mark.parametrize(("around", "path"), NESTED)
def test_settings_are_checked_at_any_depth(around: Any, path: str) -> None:
    problems = messages_of(around({"action": "log", "config": {"message": "x", "level": "loud"}}))
    assert list(problems) == [f"actions[0].{path}.config.level"]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        pytest.param({"severity": "grave"}, "severity", id="enum"),
        pytest.param({"systemIds": []}, "systemIds", id="too few"),
        pytest.param({"headline": "x"}, "headline", id="unknown key"),
        pytest.param({"title": "{{ 1 + }}"}, "title", id="template"),
        pytest.param({"systemIds": ["a", "{{ x( }}"]}, "systemIds[1]", id="template in a list"),
    ],
)
def test_invalid_settings_are_problems(config: Any, field: str) -> None:
    assert list(messages_of({**OPEN, "config": {**OPEN["config"], **config}})) == [f"actions[0].config.{field}"]


def test_missing_settings_are_problems() -> None:
    problems = messages_of({"id": "open", "action": "incident.create"})
    assert problems == {f"actions[0].config.{name}": "This is missing." for name in ("title", "severity", "systemIds")}


@pytest.mark.parametrize("value", ["{{ trigger.payload.severity }}", "${{ secrets.SEVERITY }}"])
def test_a_typed_field_with_a_template_is_validated_once_rendered(value: str) -> None:
    created = [{"event": "incident.updated"}]
    assert messages_of({**OPEN, "config": {**OPEN["config"], "severity": value}}, triggers=created) == {}


def test_a_typed_field_with_a_template_hides_no_other_problem() -> None:
    config = {"url": "https://x.example", "timeout_seconds": "{{ trigger.payload.message }}", "method": "FETCH"}
    assert list(messages_of({"action": "http.request", "config": config})) == ["actions[0].config.method"]


def test_a_faulty_template_has_line_and_column() -> None:
    assert messages_of(log("ab {{ 1 + }}"))["actions[0].config.message"].endswith("(line 1, column 13)")


def test_a_fault_after_a_secret_has_its_right_place() -> None:
    assert messages_of(log("${{ secrets.A }} {{ foo }}"))["actions[0].config.message"].endswith("(line 1, column 21)")


def test_templates_of_delays_and_keys_are_checked() -> None:
    wait = {"event": "incident.resolved", "context_key": "{{ foo }}"}
    problems = messages_of({"delay": {"template": "{{ foo }}"}}, {"wait_for_trigger": wait})
    assert list(problems) == ["actions[0].delay.template", "actions[1].wait_for_trigger.context_key"]


@pytest.mark.parametrize("event", ["no.such", "manual", "time.cron"])
def test_only_events_of_entities_are_waited_for(event: str) -> None:
    assert list(messages_of({"wait_for_trigger": {"event": event}})) == ["actions[0].wait_for_trigger.event"]


def test_an_id_is_unique_in_the_whole_tree() -> None:
    problems = messages_of({"id": "a", **STOP}, choose(("true", [{"id": "a", **STOP}])))
    path = "actions[1].choose[0].sequence[0].id"
    assert problems == {path: "The id 'a' is that of actions[0] already."}


def test_an_action_that_produces_an_artifact_needs_an_id() -> None:
    problems = messages_of({"action": "incident.create", "config": OPEN["config"]})
    assert problems == {"actions[0].id": "incident.create produces an artifact, so that it needs an id."}


@pytest.mark.parametrize("config", [{}, {"incidentId": "  "}])
def test_an_action_without_a_target_needs_a_step_that_produces_one(config: Any) -> None:
    assert messages_of({**RESOLVE, "config": config})["actions[0].config"].startswith("No incidentId was given")


@pytest.mark.parametrize("key", ["incidentId", "incident_id"])
def test_an_action_with_a_target_needs_no_other_step(key: str) -> None:
    created = [{"event": "incident.created"}]
    assert messages_of({**RESOLVE, "config": {key: "{{ trigger.payload.incidentId }}"}}, triggers=created) == {}


def test_an_artifact_of_an_earlier_run_serves_as_a_target() -> None:
    degraded = "trigger.event == 'system.degraded'"
    assert messages_of(choose((degraded, [OPEN]), otherwise=[RESOLVE])) == {}
