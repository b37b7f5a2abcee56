"""Automations whose every run triggers them again: refused, as far as their text proves it.

It is proven for a trigger without filter, duration or window in a definition without conditions and once_for, when
steps that every run reaches fire the same event again:

- `incident.created`: an `incident.create` that never reuses an open incident.
- `incident.updated` and `incident.resolved`: steps with literal statuses that move an incident so that every run fires
  the event. The incident is a new one, or that of the trigger, which the next run finds as this one left it. A single
  step that sets the status of the trigger's incident changes nothing the second time.

The search ends at a step that may keep a run from its further steps: a choice, a loop, a parallel, a condition, a wait,
a stop. Loops that are not found are cut off at run time by the limit on chains of causes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from domain.automations.definitions.definition import ActionNode, Definition, SequenceNode, StepNode, VariablesNode
from domain.automations.validation.problems import Problem
from domain.entities.incident import CREATED, RESOLVED, UPDATED
from domain.model.incident import Status

_OWN_INCIDENT = re.compile(r"\{\{\s*trigger\.payload\.incidentId\s*\}\}")
_FIRST = Status.INVESTIGATING.value
_RESOLVED = Status.RESOLVED.value


def loop_problems(definition: Definition) -> Iterator[Problem]:
    """Yield a problem for each trigger that every run fires again."""
    if definition.conditions or definition.once_for is not None:
        return
    events = _certain_events(_always(definition.actions))
    for index, trigger in enumerate(definition.triggers):
        gated = trigger.filter is not None or trigger.for_ is not None or trigger.window is not None
        if trigger.event in events and not gated:
            message = f"Every run brings about {trigger.event} again, without end; give the trigger a filter."
            yield Problem(path=f"triggers[{index}].event", message=message)


def _always(nodes: Sequence[StepNode]) -> list[ActionNode]:
    """Return the actions that every run reaches, up to the first step that may stop it."""
    found: list[ActionNode] = []
    waiting = list(nodes)[::-1]
    while waiting:
        node = waiting.pop()
        if isinstance(node, SequenceNode) and node.enabled:
            waiting += node.sequence[::-1]
        elif isinstance(node, ActionNode) and node.enabled:
            found.append(node)
        elif node.enabled and not isinstance(node, VariablesNode):
            break
    return found


def _certain_events(nodes: Sequence[ActionNode]) -> set[str]:
    created = [node for node in nodes if node.action == "incident.create" and _is_always_new(node.config)]
    events = {CREATED} if created else set()
    own = [status for node in nodes if _is_about_own(node) and (status := _status_of(node)) is not None]
    # The next run finds the incident as this one left it.
    events |= _moves([*own[-1:], *own])
    if created and not any(node.action == "incident.create" for node in nodes if node is not created[0]):
        following = nodes[nodes.index(created[0]) + 1 :]
        new = [status for node in following if _is_implicit(node) and (status := _status_of(node)) is not None]
        events |= _moves([_FIRST, *new])
    return events


def _moves(statuses: Sequence[str]) -> set[str]:
    return {RESOLVED if after == _RESOLVED else UPDATED for before, after in pairwise(statuses) if before != after}


def _is_always_new(config: Mapping[str, Any]) -> bool:
    reuses = ("dedupeOpenForSystem", "dedupe_open_for_system", "dedupeKey", "dedupe_key")
    return not any(config.get(key) for key in reuses)


def _is_about_own(node: ActionNode) -> bool:
    target = _target(node)
    return isinstance(target, str) and _OWN_INCIDENT.fullmatch(target.strip()) is not None


def _is_implicit(node: ActionNode) -> bool:
    target = _target(node)
    return target is None or (isinstance(target, str) and not target.strip())


def _target(node: ActionNode) -> Any:
    return node.config.get("incidentId", node.config.get("incident_id"))


def _status_of(node: ActionNode) -> str | None:
    """Return the status that the step literally gives an incident."""
    match node.action:
        case "incident.resolve":
            return _RESOLVED
        case "incident.update_status":
            status = node.config.get("status")
        case "incident.add_update":
            status = node.config.get("statusChange", node.config.get("status_change"))
        case _:
            return None
    return status if isinstance(status, str) and "{{" not in status else None
