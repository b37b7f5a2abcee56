"""The ready-made automations that notify a channel of incidents."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from domain.automations.definitions.parameters import Parameters, filter_of, literal_of, plain_text
from domain.model.incident import Severity

_CHANNEL = "The channel to notify, by name or id."


class CriticalParameters(Parameters):
    """The channel of the template `notify_critical`."""

    channel: str = Field(min_length=1, max_length=200, description=_CHANNEL)


class StatusParameters(CriticalParameters):
    """The channel of the template `notify_status`, and the severity that counts."""

    at_least: Severity = Field(default=Severity.MINOR, description="The severity that the incidents have at least.")


def critical(given: CriticalParameters) -> Mapping[str, Any]:
    """Return a definition that notifies a channel of incidents that are opened as critical, or become so."""
    became = "trigger.payload.severity == 'critical'"
    raised = "trigger.payload.previous.severity != 'critical'"
    return {
        "triggers": [
            {"id": "opened", "event": "incident.created", **filter_of(given, became)},
            {
                "id": "raised",
                "event": "incident.updated",
                **filter_of(given, became, "trigger.payload.previous.severity is defined", raised),
            },
        ],
        "actions": [
            _notify(
                given,
                "{{ trigger.payload.reference }} is critical: {{ trigger.payload.title }}",
                "{{ trigger.payload.description | default('It has no description.') }}",
            )
        ],
        "mode": "parallel",
    }


def statuses(given: StatusParameters) -> Mapping[str, Any]:
    """Return a definition that notifies a channel of every status of incidents, the first one included."""
    wanted = []
    if given.at_least is not Severity.MINOR:
        worse = [each.value for each in Severity if each.rank >= given.at_least.rank]
        wanted.append(f"trigger.payload.severity in {literal_of(worse)}")
    changed = "trigger.payload.statusChange is not none"
    return {
        "triggers": [
            {"id": "opened", "event": "incident.created", **filter_of(given, *wanted)},
            {"id": "moved", "event": "incident.updated", **filter_of(given, changed, *wanted)},
            {"id": "resolved", "event": "incident.resolved", **filter_of(given, *wanted)},
        ],
        "actions": [
            _notify(
                given,
                "{{ trigger.payload.reference }} is {{ trigger.payload.status }}: {{ trigger.payload.title }}",
                "{{ trigger.payload.reference }} ({{ trigger.payload.severity }}) is now {{ trigger.payload.status }}.",
            )
        ],
        "mode": "queued",
        "concurrency_scope": "context_key",
    }


def _notify(given: CriticalParameters, title: str, body: str) -> Mapping[str, Any]:
    config = {"channel": plain_text(given.channel), "title": title, "body": body, "about": "incident"}
    return {"id": "notify", "action": "notify", "config": config}
