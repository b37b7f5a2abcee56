"""Differences that runs made to incidents, derived from their changes."""

from collections.abc import Mapping, Sequence

from domain.automations.services.dry_run.model import FieldChange, IncidentDiff, PredictedChange
from domain.model.change import Change, ChangeAction, TouchKind

#: The fields that a diff shows.
_TOLD = (
    "title",
    "description",
    "status",
    "severity",
    "system_ids",
    "suppress_notifications",
    "health_override",
    "occurred_at",
    "resolved_at",
)


def diffs_of(changes: Sequence[Change], messages: Mapping[str, str]) -> tuple[IncidentDiff, ...]:
    """Return the incidents' changes grouped by incident, in the order in which each was first written."""
    by_incident: dict[str, list[Change]] = {}
    for change in changes:
        by_incident.setdefault(change.entity_id, []).append(change)
    return tuple(_diff(incident_id, made, messages) for incident_id, made in by_incident.items())


def _diff(incident_id: str, made: Sequence[Change], messages: Mapping[str, str]) -> IncidentDiff:
    actions = {change.action for change in made}
    return IncidentDiff(
        incident_id=incident_id,
        title=str((made[-1].after or {}).get("title", "")),
        opened=ChangeAction.CREATED in actions,
        resolved=ChangeAction.RESOLVED in actions,
        changes=tuple(_predicted(change, messages) for change in made),
    )


def _predicted(change: Change, messages: Mapping[str, str]) -> PredictedChange:
    before, after = change.before or {}, change.after or {}
    # A picture before leaves a description out that did not change.
    fields = [
        FieldChange(name=name, before=before.get(name), after=after.get(name))
        for name in _TOLD
        if (name in before or change.before is None) and before.get(name) != after.get(name)
    ]
    added = [part.id for part in change.touched if part.part == "updates" and part.kind is TouchKind.ADDED]
    return PredictedChange(
        change_id=change.id,
        run_id=change.cause.run_id,
        action=change.action,
        occurred_at=change.occurred_at,
        fields=tuple(fields),
        messages=tuple(messages[identifier] for identifier in added if identifier in messages),
    )
