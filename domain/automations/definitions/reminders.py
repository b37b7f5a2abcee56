"""The ready-made automation that reminds of open incidents without an acknowledgement."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from pydantic import Field, model_validator

from domain.automations.definitions.parameters import Parameters, duration_text, filter_of, literal_of, plain_text
from domain.automations.expressions.durations import Minutes
from domain.model.incident import Severity
from domain.model.viewer import Visibility

_INCIDENT = "state.incident[trigger.payload.incidentId]"
_UNSEEN = {"and": [f"{_INCIDENT}.status != 'resolved'", f"{_INCIDENT}.acknowledgedAt is none"]}
#: An incident that was deleted has no state: of it, nothing holds.
_OVER = {"not": _UNSEEN}
_AWAKE = f"{_INCIDENT}.snoozedUntil | default(trigger.occurredAt) | older_than(0)"
_REOPENED = "trigger.payload.previous.status == 'resolved'"
_TARGET = {"incidentId": "{{ trigger.payload.incidentId }}"}


class Reminding(StrEnum):
    """The means of reminding."""

    UPDATE = "update"
    SEVERITY = "severity"
    LOG = "log"
    NOTIFY = "notify"


class UnacknowledgedParameters(Parameters):
    """The times of the template `unacknowledged`, and how it reminds."""

    at_least: Severity = Field(
        default=Severity.MINOR, description="The severity that an incident has at least when it is opened."
    )
    after_minutes: Minutes = Field(
        default=15, gt=0, le=1440, description="After how many minutes without an acknowledgement it reminds."
    )
    every_minutes: Minutes = Field(default=30, gt=0, le=1440, description="After how many minutes it does so again.")
    times: int = Field(default=5, ge=1, le=100, description="How often it reminds of one incident at most.")
    remind: Reminding = Field(
        default=Reminding.UPDATE,
        description=(
            "How it reminds: `update` adds an entry to the timeline for responders, `severity` raises the severity by "
            "one step as well, `log` writes a warning to the server's log, `notify` sends a message to the channel."
        ),
    )
    channel: str | None = Field(
        default=None, min_length=1, max_length=200, description="The channel of `notify`, by name or id."
    )

    @model_validator(mode="after")
    def _has_channel(self) -> Self:
        if (self.remind is Reminding.NOTIFY) is (self.channel is None):
            raise ValueError("`channel` belongs to `notify`, which needs one")
        return self


def unacknowledged(given: UnacknowledgedParameters) -> Mapping[str, Any]:
    """Return a definition that reminds of an open incident until it is acknowledged, and not while it is snoozed."""
    waits = [
        [{"id": name, "wait_until": {"condition": _OVER, "timeout_seconds": minutes * 60}}]
        for name, minutes in (("await_first", given.after_minutes), ("await_next", given.every_minutes))
    ]
    rounds = [
        {"if": "repeat.first", "then": waits[0], "else": waits[1]},
        {"id": "await_snooze", "wait_until": {"condition": {"or": [_OVER, _AWAKE]}}},
        {"id": "unseen", "condition": _UNSEEN},
        *_reminder(given),
    ]
    return {
        "triggers": [
            {"id": "opened", "event": "incident.created", **_filter(given)},
            {"id": "reopened", "event": "incident.updated", **_filter(given, _REOPENED)},
        ],
        "actions": [{"id": "reminders", "repeat": {"count": given.times, "sequence": rounds}}],
        "mode": "single",
        "concurrency_scope": "context_key",
    }


def _reminder(given: UnacknowledgedParameters) -> Sequence[Mapping[str, Any]]:
    text = (
        f"Nobody has acknowledged {{{{ trigger.payload.reference }}}} for {duration_text(given.after_minutes * 60)} or "
        f"more: reminder {{{{ repeat.index + 1 }}}} of {given.times}."
    )
    if given.remind is Reminding.LOG:
        return [{"id": "remind", "action": "log", "config": {"message": text, "level": "warning"}}]
    if given.remind is Reminding.NOTIFY:
        title = "{{ trigger.payload.reference }} is not acknowledged: {{ trigger.payload.title }}"
        message = {"channel": plain_text(str(given.channel)), "title": title, "body": text, "about": "reminder"}
        return [{"id": "remind", "action": "notify", "config": message}]
    config = {**_TARGET, "message": text, "visibility": Visibility.INTERNAL.value}
    entry = {"id": "remind", "action": "incident.add_update", "config": config}
    return [entry] if given.remind is Reminding.UPDATE else [entry, _raise()]


def _raise() -> Mapping[str, Any]:
    steps = list(Severity)
    branches = [
        {
            "when": f"{_INCIDENT}.severity == '{now.value}'",
            "sequence": [{"action": "incident.update", "config": {**_TARGET, "severity": worse.value}}],
        }
        for now, worse in pairwise(steps)
    ]
    return {"id": "raise", "choose": branches}


def _filter(given: UnacknowledgedParameters, *conditions: str) -> Mapping[str, Any]:
    wanted = list(conditions)
    if given.at_least is not Severity.MINOR:
        worse = [each.value for each in Severity if each.rank >= given.at_least.rank]
        wanted.append(f"trigger.payload.severity in {literal_of(worse)}")
    return filter_of(given, *wanted)
