"""Validation of `steps.<id>`: whether that step is over there, and whether it has an output."""

from collections.abc import Collection, Set

from domain.automations.expressions.references import Reference
from domain.automations.validation.places import Facts, Place
from domain.automations.validation.problems import ProblemSeverity

Fault = tuple[str, ProblemSeverity]


def outcome_fault(
    reference: Reference,
    place: Place,
    facts: Facts,
    *,
    ids: Collection[str],
    tolerated: Set[str],
    compared: Set[str],
) -> Fault | None:
    """Return the problem of a path that begins with `steps`, if it has one.

    A condition that reads what is missing does not hold, which may be meant: there it is a warning. A template fails.
    """
    step = reference.parts[0] if reference.parts else None
    if not isinstance(step, str | int):
        return None
    step = str(step)
    if step not in ids:
        there = f"there are {', '.join(sorted(ids))[:200]}" if ids else "no step has an id"
        return f"There is no step {step!r:.80}; {there}.", ProblemSeverity.ERROR
    if facts.unreachable:
        return None
    if step in facts.over:
        return _output_fault(reference, step, place, facts, checked=tolerated | compared)
    return _flow_fault(step, place, facts, tolerated)


def _flow_fault(step: str, place: Place, facts: Facts, tolerated: Set[str]) -> Fault | None:
    """Return the problem of a step that is not over on every path."""
    if step not in facts.perhaps_over:
        return f"The step {step!r} does not run before this.", ProblemSeverity.ERROR
    if step in tolerated:
        return None
    message = f"The step {step!r} may not have run before this; check `steps.{step} is defined` first."
    return message, ProblemSeverity.WARNING if place is Place.CONDITION else ProblemSeverity.ERROR


def _output_fault(reference: Reference, step: str, place: Place, facts: Facts, *, checked: Set[str]) -> Fault | None:
    if reference.parts[1:2] != ("output",) or step in facts.succeeded | checked or place is Place.CONDITION:
        return None
    message = f"Where the step {step!r} fails, it has no output; check `steps.{step}.status == 'success'` first."
    return message, ProblemSeverity.WARNING
