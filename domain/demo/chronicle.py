"""The changes that the steps of a story make, as the handle of incidents would record them.

A story's states are valid and its steps are known, so that nothing has to be checked and found out: that takes the
handle most of its time. A test holds both against each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domain.demo.history import Step
from domain.entities.incident import CREATED, INCIDENT, RESOLVED, UPDATED, to_payload
from domain.entities.transitions import transitions_of
from domain.ids import new_id
from domain.model.change import Change, ChangeAction, Transition
from domain.model.incident import Incident, Status

Recorded = tuple[Change, Sequence[Transition]]
_EVENTS = {ChangeAction.CREATED: CREATED, ChangeAction.UPDATED: UPDATED, ChangeAction.RESOLVED: RESOLVED}
Fields = Mapping[str, Any]


def changes_of(story: Sequence[Step]) -> Iterator[Recorded]:
    """Yield the change of each step, with its transitions."""
    state: Fields | None = None
    facts: Fields = {}
    for step in story:
        former, known = state, facts
        state, facts = _state_of(step.after), step.after.facts()
        change = _change(step, (former, known), (state, facts))
        yield change, transitions_of(change)


def _state_of(incident: Incident) -> Fields:
    """Return the reactive part as the log has it."""
    return {
        "status": incident.status.value,
        "severity": incident.severity.value,
        "system_ids": list(incident.system_ids),
    }


def _change(step: Step, before: tuple[Fields | None, Fields], after: tuple[Fields, Fields]) -> Change:
    (former, known), (state, facts) = before, after
    changed = sorted(name for name, value in state.items() if former is None or former[name] != value)
    described = sorted(
        name
        for name, value in facts.items()
        if former is not None and known[name] != value and name not in INCIDENT.derived_facts
    )
    action, payload = _action(former, state), dict[str, Any]()
    change = Change(
        id=new_id("chg"),
        kind=INCIDENT.name,
        entity_id=step.after.id,
        version=step.after.version,
        action=action,
        prev=former,
        next=state,
        changed_fields=tuple(changed),
        delta={name: state[name] for name in changed},
        described_fields=tuple(described),
        before=None if former is None else _picture(known, former, described),
        after={**facts, **state},
        touched=step.touched,
        events=(_EVENTS[action],) if changed else (),
        payload=payload if changed else None,
        actor=step.actor,
        occurred_at=step.at,
    )
    if changed:
        # It follows from the change, of which a copy would take as long as all the rest.
        payload |= to_payload(change)
    return change


def _picture(facts: Fields, state: Fields, described: Sequence[str]) -> Fields:
    """Return the state before a change, in which long facts are only where the change is one of them."""
    whole = {**facts, **state}
    for name in INCIDENT.long_facts:
        if name not in described:
            del whole[name]
    return whole


def _action(former: Fields | None, state: Fields) -> ChangeAction:
    if former is None:
        return ChangeAction.CREATED
    resolved = state["status"] == Status.RESOLVED.value != former["status"]
    return ChangeAction.RESOLVED if resolved else ChangeAction.UPDATED
