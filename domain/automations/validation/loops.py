"""Automations that set themselves off again with every run: refused, as far as that is certain from their text.

Certain it is for a trigger without filter, duration or window in a definition without conditions and once_for, when
steps that every run comes to bring about that very event again:

- `incident.created`: an `incident.create` that never uses an incident which is open already.
- `incident.updated` and `incident.resolved`: steps that move an incident from status to status, literally, so that the
  event is among the moves of every run: of a new incident, or of that of the trigger, which the next run finds where
  this one left it. One step alone that gives the trigger's incident a status changes nothing the second time.

Whatever can keep a run from its further steps ends the search: a choice, a loop, a parallel, a condition, a wait, a
stop. Loops that are not found are cut off by the longest chain of causes when they run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from domain.automations.definitions.definition import ActionNode, Definition, Node, SequenceNode, VariablesNode
from domain.automations.validation.problems import Problem
from domain.entities.incident import CREATED, RESOLVED, UPDATED
from domain.model.incident import Status

_OWN_INCIDENT = re.compile(r"\{\{\s*trigger\.payload\.incidentId\s*\}\}")
_FIRST = Status.INVESTIGATING.value
_RESOLVED = Status.RESOLVED.value


def loop_problems(definition: Definition) -> Iterator[Problem]:
    """The triggers that every run sets off again."""
    if definition.conditions or definition.once_for is not None:
        return
    events = _certain_events(_always(definition.actions))
    for index, trigger in enumerate(definition.triggers):
        gated = trigger.filter is not None or trigger.for_ is not None or trigger.window is not None
        if trigger.event in events and not gated:
            message = f"Every run brings about {trigger.event} again, without end; give the trigger a filter."
            yield Problem(path=f"triggers[{index}].event", message=message)


def _always(nodes: Sequence[Node]) -> list[ActionNode]:
    """The actions that every run comes to, up to the first step that may keep it from going on."""
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
    # Where one run leaves the incident, the next one finds it.
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
    """The status that the step literally gives an incident."""
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
