"""Automations as data: their definitions' versions, their runs, and the steps of those."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.ids import with_prefix
from domain.model.actor import Actor, Cause

GROUP_LENGTH = 120
#: The longest key of a firing, a value or a context.
KEY_LENGTH = 200


class Mode(StrEnum):
    """The policy for an automation that fires while runs of it are active."""

    SINGLE = "single"
    RESTART = "restart"
    QUEUED = "queued"
    PARALLEL = "parallel"


class ConcurrencyScope(StrEnum):
    """The active runs that a mode counts: all of the automation, or those for the same context key."""

    AUTOMATION = "automation"
    CONTEXT_KEY = "context_key"


class RunStatus(StrEnum):
    """The status of a run. A skipped one is a firing that led to no run, kept with its reason."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Return whether the status can no longer change."""
        return self not in ACTIVE


ACTIVE = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING)
#: The statuses of runs that are listed by default: skipped ones outnumber the rest by far.
SHOWN = tuple(status for status in RunStatus if status is not RunStatus.SKIPPED)


class StepStatus(StrEnum):
    """The status of a step."""

    RUNNING = "running"
    WAITING = "waiting"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Return whether the status can no longer change."""
        return self not in {StepStatus.RUNNING, StepStatus.WAITING}


class SkipReason(StrEnum):
    """The reason why a firing led to no run, or why its run ended before it started."""

    DEPTH = "depth"
    FILTER = "filter"
    WINDOW = "window"
    DWELL_ARMED = "dwell_armed"
    DWELL_BROKEN = "dwell_broken"
    CONDITION = "condition"
    ONCE = "once"
    ALREADY_RUNNING = "already_running"
    MAX_RUNS = "max_runs"
    QUEUE_FULL = "queue_full"
    RATE_LIMIT = "rate_limit"
    DISABLED = "disabled"
    ERROR = "error"


class WaitEnd(StrEnum):
    """The reason why a wait, and the run with it, ended without what it waited for."""

    INCIDENT_RESOLVED = "incident_resolved"
    INCIDENT_DELETED = "incident_deleted"
    SYSTEM_DELETED = "system_deleted"

    @property
    def message(self) -> str:
        """The reason as a sentence for people."""
        return _WAIT_ENDS[self]


_WAIT_ENDS = {
    WaitEnd.INCIDENT_RESOLVED: "The incident was resolved before what the run waited for came about.",
    WaitEnd.INCIDENT_DELETED: "The incident was deleted before what the run waited for came about.",
    WaitEnd.SYSTEM_DELETED: "The system was deleted before what the run waited for came about.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """One automation with its present definition; `number` counts its versions, from 1."""

    id: str
    name: str
    description: str | None
    group: str | None
    enabled: bool
    number: int
    definition: Mapping[str, Any]
    #: The source that it is synchronised with, such as `file:alerts.yaml`; None when people edit it.
    managed_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationVersion:
    """A present or former definition of an automation."""

    automation_id: str
    number: int
    definition: Mapping[str, Any]
    created_at: datetime
    created_by: Actor

    @property
    def id(self) -> str:
        """The id, such as `aut_...:3`."""
        return f"{self.automation_id}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One firing of an automation's trigger: its cause, its context and its payload."""

    event: str
    #: The key for deduplication: the change's id, the scheduled instant, or the caller's key.
    key: str
    payload: Mapping[str, Any]
    actor: Actor
    #: The id of the object it is about, such as a system or an incident.
    context_key: str | None
    change_id: str | None = None
    kind: str | None = None
    entity_id: str | None = None
    #: The length of the chain of causes that led to the firing.
    depth: int = 0
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationRun:
    """One run of one version of an automation, or a firing that led to none."""

    id: str
    automation_id: str
    number: int
    trigger_id: str
    firing: Firing
    #: The name of the group of runs that its mode counts together.
    bucket: str
    status: RunStatus
    reason: SkipReason | None = None
    #: The reason why it failed, was stopped or cancelled, for people.
    message: str | None = None
    version: int = 1
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def duration_seconds(self) -> float | None:
        """The seconds from its first step to its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def cause(self) -> Cause:
        """The cause that its writes record."""
        return Cause(change_id=self.firing.change_id, run_id=self.id, depth=self.firing.depth + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """One visited node of a definition; the path names the node and the iterations that led to it."""

    run_id: str
    path: str
    #: The place in the order in which the run reached its steps, from 1.
    position: int
    kind: str
    #: The provider action, for steps that have one.
    action: str | None = None
    action_id: str | None = None
    status: StepStatus
    attempts: int = 1
    input: Any = None
    output: Any = None
    #: The request of a step in progress to another server, secrets sealed, so that a retry sends the same.
    request: str | None = None
    error: str | None = None
    started_at: datetime
    finished_at: datetime | None = None
    #: The end of its wait, for steps that wait.
    due_at: datetime | None = None

    @property
    def id(self) -> str:
        """The id, such as `stp_...:actions[1]`: the run's id with another prefix, and the path."""
        return f"{with_prefix(self.run_id, 'stp')}:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An output of an action, such as the incident that it opened."""

    id: str
    automation_id: str
    run_id: str
    path: str
    #: The id that the definition gives the action.
    action_id: str
    type: str
    data: Mapping[str, Any]
    #: Whether the automation made or took over the object, and so may resolve it.
    owned: bool
    context_key: str | None
    created_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """A firing that counts only if its state holds for long enough."""

    id: str
    automation_id: str
    trigger_id: str
    firing: Firing
    #: The entity's reactive state when it was armed.
    state: Mapping[str, Any]
    armed_at: datetime
    fire_at: datetime


def bounded_key(text: str) -> str:
    """Return a text that is short enough for a key as it is, and the digest of a longer one."""
    return text if len(text) <= KEY_LENGTH else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
