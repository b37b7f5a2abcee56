"""Subjects of waits: a wait ends with its incident or system, so that a new outage finds it over.

An incident is the run's own from the step that opened or reused it until the run has resolved it or has seen it
resolved; later waits of the run do not end with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.automations.actions.incidents import ARTIFACT
from domain.automations.conditions.certainty import is_ruled_out
from domain.automations.conditions.model import Condition
from domain.automations.engine.wakes import reference
from domain.automations.running.frame import Frame
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.model.automation import RunStep, StepStatus, WaitEnd
from domain.model.change import Change
from domain.model.incident import Incident, Status
from domain.persistence.unit_of_work import ReadSession

#: The key under which a wait that ends with its incident names the incident in its input.
FOR_INCIDENT = "incidentId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The incident of a run, and the system that it is about, if there are any."""

    incident_id: str | None
    system: str | None

    @property
    def references(self) -> set[str]:
        """The references by which changes of the subject wake a wait."""
        names = ((INCIDENT.name, self.incident_id), (HEALTH.name, self.system))
        return {reference(kind, name) for kind, name in names if name is not None}

    async def incident(self, session: ReadSession) -> Incident | None:
        """Return the incident as it is now."""
        if self.incident_id is None:
            return None
        return (await session.incidents.get_many([self.incident_id])).get(self.incident_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The state of a wait's subject when the condition or event had not come about."""

    subject: Subject
    incident: Incident | None
    #: The scope of expressions.
    scope: Mapping[str, Any]
    #: The references of the wait.
    references: Collection[str]

    @property
    def is_resolved(self) -> bool:
        """True if the incident exists and is resolved."""
        return self.incident is not None and not self.incident.is_open

    @property
    def is_over(self) -> bool:
        """True if the incident is resolved and the wait does not read incidents.

        The condition may hold by now, but the steps after it are for incidents that are open.
        """
        return self.is_resolved and not looks_at_incidents(self.references)

    def is_over_before(self, event: Change) -> bool:
        """Return whether the incident was resolved before an event that is not its own."""
        resolved_at = None if self.incident is None else self.incident.resolved_at
        return event.kind != INCIDENT.name and resolved_at is not None and resolved_at <= event.occurred_at

    def end_of(self, condition: Condition, *, flip: datetime | None, now: datetime) -> WaitEnd | None:
        """Return the reason to end a wait for a condition that does not hold; None to go on waiting.

        A condition that reads incidents itself may need more than this one's resolution: the wait goes on as long as
        time, or any change but the incident's, could still make it hold.
        """
        if self.subject.incident_id is not None and self.incident is None:
            return WaitEnd.INCIDENT_DELETED
        if self._system_is_gone():
            return WaitEnd.SYSTEM_DELETED
        if self.is_over or (flip is None and self._is_ruled_out(condition, now)):
            return WaitEnd.INCIDENT_RESOLVED
        if flip is None and self._looks_only_at_deleted():
            return WaitEnd.INCIDENT_DELETED
        return None

    def _is_ruled_out(self, condition: Condition, now: datetime) -> bool:
        """Return whether the condition cannot hold while the incident stays resolved."""
        if self.incident is None or self.incident.is_open:
            return False
        states = self.scope.get("state", {}).get(INCIDENT.name, {})
        alone = {INCIDENT.name: {name: state for name, state in states.items() if name == self.incident.id}}
        # All that cannot change any more, and this incident.
        known = {**{name: value for name, value in self.scope.items() if name != HEALTH.name}, "state": alone}
        return is_ruled_out(condition, known, now=now)

    def _system_is_gone(self) -> bool:
        systems = self.scope.get(HEALTH.name, {}).get("systems", {})
        own = self.subject.system
        if own is not None and reference(HEALTH.name, own) in self.references and own not in systems:
            return True
        looks_at_health = any(name.startswith(f"{HEALTH.name}:") for name in self.references)
        # An incident loses its systems only by their deletion.
        return looks_at_health and self.incident is not None and not self.incident.system_ids

    def _looks_only_at_deleted(self) -> bool:
        prefix, there = f"{INCIDENT.name}:", self.scope.get("state", {}).get(INCIDENT.name, {})
        named = [name.removeprefix(prefix) for name in self.references if name.startswith(prefix)]
        return (
            bool(named)
            and len(named) == len(self.references)
            and not any(name == "*" or name in there for name in named)
        )


def looks_at_incidents(references: Collection[str]) -> bool:
    """Return whether any of these references is to incidents."""
    return any(name.startswith(f"{INCIDENT.name}:") for name in references)


def in_branch(step: RunStep) -> bool:
    """Return whether the step is in a branch of a parallel: other branches may have more to do."""
    return ".parallel[" in step.path


def subject_of(frame: Frame, system: str | None) -> Subject:
    """Return the subject of a wait that begins now."""
    produced = frame.latest.get(ARTIFACT)
    identifier = produced.data.get("incidentId") if produced is not None else None
    own = identifier if isinstance(identifier, str) and identifier not in frame.concluded else None
    return Subject(incident_id=own, system=system)


def concluded_by(step: RunStep) -> str | None:
    """Return the incident that an action of the run left resolved."""
    if step.status is not StepStatus.SUCCESS or step.action is None:
        return None
    given, output = step.input or {}, step.output or {}
    if step.action == "incident.resolve":
        return None if output.get("skipped") == "not_owner" else output.get("externalId")
    moved = [given.get(name) for name in ("status", "statusChange", "status_change")]
    return output.get("incidentId") if Status.RESOLVED in moved else None
