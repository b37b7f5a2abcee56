"""Fields and values of payloads, artifacts, health and state: existing ones, and others."""

from typing import Any

import pytest

from tests.domain.automations.validation.definitions import OPEN, log, messages_of

CREATED = [{"event": "incident.created"}]
OWN = "state.incident[artifacts.open.incident.incidentId]"


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"triggers": [{"event": "incident.created", "filter": "trigger.payload.nope == 1"}]}, "triggers[0].filter"),
        ({"triggers": [{"event": "system.degraded", "filter": "trigger.payload.title == 'x'"}]}, "triggers[0].filter"),
        (
            {"triggers": [{"event": "system.degraded", "for": {"template": "{{ trigger.payload.nope }}"}}]},
            "triggers[0].for.template",
        ),
        (
            {
                "triggers": [
                    {
                        "event": "system.degraded",
                        "window": {"count": 2, "minutes": 5, "partition_by": "trigger.payload.incidentId"},
                    }
                ]
            },
            "triggers[0].window.partition_by",
        ),
        ({"conditions": [{"or": ["trigger.payload.nope is none"]}]}, "conditions[0].or[0]"),
        ({"once_for": "trigger.payload.nope"}, "once_for"),
        ({"actions": [log("{{ trigger.payload.nope }}")]}, "actions[0].config.message"),
        ({"actions": [log("{{ trigger.paylaod.systemId }}")]}, "actions[0].config.message"),
        ({"actions": [log("{{ trigger.actor.kind }}")]}, "actions[0].config.message"),
        ({"actions": [log("{{ run.name }}")]}, "actions[0].config.message"),
        ({"actions": [log("{{ health.system.state }}")]}, "actions[0].config.message"),
        ({"actions": [log("{{ health.systems['api'].state }}")]}, "actions[0].config.message"),
        ({"actions": [OPEN, log("{{ artifacts.open.incident.id }}")]}, "actions[1].config.message"),
        ({"actions": [OPEN, {"condition": f"{OWN}.sttaus == 'resolved'"}]}, "actions[1].condition"),
        (
            {
                "triggers": CREATED,
                "actions": [
                    {"wait_for_trigger": {"event": "system.healthy", "filter": "trigger.payload.severity == 'minor'"}}
                ],
            },
            "actions[0].wait_for_trigger.filter",
        ),
    ],
)
def test_an_unknown_field_is_a_problem_that_lists_the_known_ones(parts: dict[str, Any], path: str) -> None:
    problems = messages_of(**parts) if "actions" not in parts else messages_of(*parts.pop("actions"), **parts)
    assert list(problems) == [path]
    assert problems[path].startswith("There is no `")
    assert "; there is " in problems[path]


@pytest.mark.parametrize(
    ("expression", "event"),
    [
        ("trigger.payload.severity == 'hgih'", "incident.created"),
        ("'CRITICAL' == trigger.payload.severity", "incident.updated"),
        ("trigger.payload['status'] != 'closed'", "incident.updated"),
        ("trigger.payload.severity in ['major', 'critcal']", "incident.created"),
        ("trigger.payload.severity not in ('majro',)", "incident.created"),
        ("trigger.payload.severity is in ['majro']", "incident.created"),
        ("trigger.payload.newStatus == 'down'", "system.health_changed"),
        ("trigger.payload.statusChange == 'done' or true", "incident.updated"),
        ("health.system.status == 'ok'", "system.health_changed"),
        ("state.incident['inc_1'].status == 'closed'", "incident.created"),
    ],
)
def test_an_impossible_value_is_a_problem_that_lists_the_possible_ones(expression: str, event: str) -> None:
    problems = messages_of(triggers=[{"event": event, "filter": expression}])
    assert "it is one of" in problems["triggers[0].filter"]


@pytest.mark.parametrize(
    "expression",
    [
        "trigger.payload.nope | default('x') == 'x'",
        "trigger.payload.nope is defined and trigger.payload.nope == 1",
        "trigger.payload.previous.anything == 'x'",
        "trigger.payload.severity | upper == 'MAJOR'",
        "trigger.payload.severity == trigger.payload.title",
        "trigger.payload.statusChange == none",
        "trigger.payload[trigger.payload.title] == 'x'",
        "'major' in trigger.payload.title",
        "trigger.payload.severity == 'critical' and trigger.payload.systemIds[0] == 'sys_1'",
        "trigger.payload.resolvedAt is none and trigger.payload.status == 'fixing'",
        "state.incident['inc_1'].resolvedAt | older_than(60)",
        "health.systems['api'].status in ['degraded', 'unhealthy']",
    ],
)
def test_a_field_that_may_exist_is_no_problem(expression: str) -> None:
    assert messages_of(triggers=[{"event": "incident.updated", "filter": expression}]) == {}


def test_the_fields_and_values_of_any_trigger_are_known() -> None:
    triggers = [{"event": "incident.created"}, {"event": "system.degraded"}]
    either = log("{{ trigger.payload.title if trigger.event == 'incident.created' else trigger.payload.systemName }}")
    assert messages_of(either, triggers=triggers) == {}
    assert list(messages_of(log("{{ trigger.payload.nope }}"), triggers=triggers)) == ["actions[0].config.message"]
    assert messages_of(log("{{ trigger.payload.nope }}"), triggers=[*triggers, {"event": "manual"}]) == {}


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("/hook", False),
        ("hooks.example.com/x", False),
        ("ftp://example.com/x", False),
        ("/hook/{{ trigger.payload.systemId }}", False),
        ("//example.com/${{ secrets.KEY }}", False),
        ("https://", False),
        ("https://example.com/x", True),
        ("https://example.com/{{ trigger.payload.systemId }}", True),
        ("https://${{ secrets.HOST }}/x", True),
        ("${{ secrets.URL }}", True),
        ("http{{ 's' }}://example.com", True),
        ("{{ trigger.payload.message }}", True),
    ],
)
@pytest.mark.parametrize("action", ["http.request", "webhook.send"])
def test_an_address_that_is_not_absolute_is_a_problem(action: str, url: str, is_fine: bool) -> None:
    config = {"url": url}
    if action == "webhook.send":
        config |= {"secret": "${{ secrets.SIGN }}", "type": "x"}
    problems = messages_of({"action": action, "config": config})
    assert problems == ({} if is_fine else {"actions[0].config.url": "URL must be an absolute http or https address."})
