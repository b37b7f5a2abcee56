"""The results of a run's steps that later ones see."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson

from domain.automations.actions.registry import Produced
from domain.automations.definitions.definition import StepNode, WaitForTriggerNode, WaitUntilNode
from domain.model.automation import RunStep, StepStatus

T = TypeVar("T")

#: From here on a float has an exponent as text, and no fraction.
_WRITTEN_OUT = 1e16


@dataclass(slots=True, kw_only=True)
class Frame:
    """The results of earlier steps that later ones see."""

    variables: dict[str, Any] = field(default_factory=dict)
    #: Data by the id of the action and the local name of its type.
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The newest artifact of each type.
    latest: dict[str, Produced] = field(default_factory=dict)
    #: The incidents that the run resolved itself, or saw resolved and went on.
    concluded: set[str] = field(default_factory=set)
    #: The outcomes of steps that are over, by their ids.
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeat: Mapping[str, Any] | None = None
    resume: Mapping[str, Any] | None = None
    #: How the last wait ended.
    wait: Mapping[str, Any] | None = None

    def leave(self, node: StepNode, step: RunStep | None, *, error: str | None = None) -> None:
        """Keep the outcome of a step that is over: as recorded, so that a resume sees the same."""
        if node.id is not None:
            self.steps[node.id] = _outcome_of(step, error)
        if step is not None and isinstance(node, WaitUntilNode | WaitForTriggerNode):
            self.wait = _wait_of(step.output or {}, failed=error is not None)

    def fork(self) -> "Frame":
        """Return a copy for a branch that runs beside others."""
        return replace(
            self,
            variables=dict(self.variables),
            artifacts={name: dict(value) for name, value in self.artifacts.items()},
            latest=dict(self.latest),
            steps=dict(self.steps),
            concluded=set(self.concluded),
        )

    def join(self, branches: "Sequence[Frame]") -> None:
        """Merge the results of forked branches; where several set a value, the last branch wins."""
        # Compared with the fork: a value that a branch did not set is not merged.
        before = self.fork()
        for branch in branches:
            self.variables |= _added(before.variables, branch.variables)
            self.latest |= _added(before.latest, branch.latest)
            self.steps |= _added(before.steps, branch.steps)
            self.concluded |= branch.concluded
            for name, value in branch.artifacts.items():
                self.artifacts.setdefault(name, {}).update(_added(before.artifacts.get(name, {}), value))


def _outcome_of(step: RunStep | None, error: str | None) -> dict[str, Any]:
    """Return what `steps.<id>` is: the same from the record itself and, on a resume, from the database."""
    status = StepStatus.SUCCESS if error is None else StepStatus.FAILED
    outcome: dict[str, Any] = {"status": status.value, "error": error}
    if step is not None and step.output is not None:
        text = orjson.dumps(step.output, option=orjson.OPT_SORT_KEYS)
        outcome["output"] = json.loads(text, parse_float=_number)
    return outcome


def _number(text: str) -> float:
    """Return a number as it is on a resume: PostgreSQL writes 1e17 out, and knows no -0.0."""
    value = float(text) + 0.0
    return int(value) if abs(value) >= _WRITTEN_OUT and -(2**63) <= value < 2**64 else value


def _wait_of(output: Mapping[str, Any], *, failed: bool) -> dict[str, Any]:
    """Return what `wait` is after a wait: whether what it waited for came about, and the event."""
    completed = not failed and not output.get("timedOut")
    event = {name: output[name] for name in ("event", "payload", "changeId")} if "event" in output else None
    return {"completed": completed, "trigger": event}


def _added(before: Mapping[str, T], after: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in after.items() if name not in before or before[name] is not value}
