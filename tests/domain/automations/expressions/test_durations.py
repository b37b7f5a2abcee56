"""Durations in all the forms that people write, in each field that takes one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.automations.definitions.definition import Definition
from domain.automations.definitions.templates import definition_from
from domain.automations.expressions.durations import FORMS, seconds_of
from domain.automations.triggers.schedule import IntervalConfig
from domain.errors import InvalidInputError
from tests.domain.automations.validation.definitions import messages_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIVE_MINUTES: tuple[Any, ...] = (
    300,
    300.0,
    "300",
    "5m",
    "5 m",
    "0h5m",
    "4m60s",
    "00:05:00",
    {"minutes": 5},
    {"minutes": 4, "seconds": 60},
)
WRONG: tuple[Any, ...] = (
    "5 parsecs",
    "",
    "m",
    "5m5h",
    "-5m",
    "00:05",
    "1:60:00",
    True,
    [],
    {},
    {"weeks": 1},
    {"minutes": "5"},
    "9" * 99,
    "5m" + 90 * " " + "or not",
)


@pytest.mark.parametrize("value", FIVE_MINUTES, ids=repr)
def test_each_form_of_five_minutes_is_equal(value: Any) -> None:
    assert seconds_of(value) == 300


@pytest.mark.parametrize(
    ("value", "seconds"), [("1h30m", 5400), ("1d", 86_400), ("1.5h", 5400), ("90", 90), ("36:00:00", 129_600), (0, 0)]
)
def test_days_hours_and_seconds_have_each_form(value: Any, seconds: float) -> None:
    assert seconds_of(value) == seconds


def a_definition(value: Any) -> dict[str, Any]:
    return {
        "triggers": [
            {"event": "system.degraded", "for": value, "window": {"count": 2, "minutes": value}},
        ],
        "conditions": [{"state": {"entity": "api", "status": "healthy", "for": value}}],
        "state_window_minutes": value,
        "actions": [
            {"delay": value},
            {"wait_until": {"condition": "1 > 2", "timeout_seconds": value}},
            {"wait_for_trigger": {"event": "system.healthy", "timeout_seconds": value}},
            {
                "action": "log",
                "config": {"message": "x"},
                "timeout_seconds": value,
                "retry": {"attempts": 2, "delay_seconds": value},
            },
        ],
    }


PLACES = [
    "triggers[0].for",
    "triggers[0].window.minutes",
    "conditions[0].state.for",
    "actions[0].delay",
    "actions[1].wait_until.timeout_seconds",
    "actions[2].wait_for_trigger.timeout_seconds",
    "actions[3].retry.delay_seconds",
    "actions[3].timeout_seconds",
    "state_window_minutes",
]


@pytest.mark.parametrize("value", ["5m", "00:05:00", {"minutes": 5}], ids=repr)
def test_each_duration_of_a_definition_takes_each_form(value: Any) -> None:
    definition = Definition.model_validate(a_definition(value))
    trigger, (delay, until, event, action) = definition.triggers[0], definition.actions
    assert trigger.for_ is not None
    assert trigger.for_.seconds_in({}, now=NOW) == 300
    assert trigger.window is not None
    assert (trigger.window.minutes, definition.state_window_minutes) == (5, 5)
    assert delay.delay.seconds == 300  # type: ignore[union-attr] # see above for what it is
    assert until.wait_until.timeout_seconds == 300  # type: ignore[union-attr]
    assert event.wait_for_trigger.timeout_seconds == 300  # type: ignore[union-attr]
    assert (action.timeout_seconds, action.retry.delay_seconds) == (300, 300)  # type: ignore[union-attr]


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_wrong_duration_is_refused_with_the_forms(value: Any) -> None:
    definition = a_definition(value)
    problems = messages_of(*definition.pop("actions"), **definition)
    assert sorted(problems) == sorted(PLACES)
    for path, message in problems.items():
        forms = FORMS.replace("seconds", "minutes") if path.endswith("minutes") else FORMS
        assert message == f"This is no duration: write {forms}.", path


@pytest.mark.parametrize("value", ["31d", "800:00:00", {"days": 30, "seconds": 1}], ids=repr)
def test_a_duration_that_is_too_long_is_refused(value: Any) -> None:
    assert "triggers[0].for" in "".join(messages_of(triggers=[{"event": "system.degraded", "for": value}]))


@pytest.mark.parametrize("value", ["{{ 5 * 60 }}", "{{ '5m' }}", {"template": "{{ '00:05:00' }}"}])
def test_a_template_may_render_to_any_form_of_a_duration(value: Any) -> None:
    definition = Definition.model_validate({"triggers": [{"event": "system.degraded", "for": value}]})
    assert definition.triggers[0].for_ is not None
    assert definition.triggers[0].for_.seconds_in({}, now=NOW) == 300


def test_template_parameters_and_trigger_settings_take_each_form() -> None:
    sustained: Mapping[str, Any] = definition_from("sustained", {"degradedSeconds": "5m", "healthySeconds": "00:10:00"})
    assert sustained["triggers"][0]["for"] == {"seconds": 300}
    flapping = definition_from("flapping", {"withinMinutes": "1h30m"})
    assert flapping["triggers"][0]["window"]["minutes"] == 90
    assert IntervalConfig.model_validate({"seconds": {"hours": 1}}).seconds == 3600
    with pytest.raises(InvalidInputError, match="degradedSeconds: This is no duration: write 5m"):
        definition_from("sustained", {"degradedSeconds": "soon"})
