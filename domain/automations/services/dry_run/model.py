"""The prediction of a dry run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.model.automation import AutomationRun, RunStep, SkipReason
from domain.model.change import ChangeAction


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunLimits:
    """Limits of a dry run; beyond them the prediction is truncated."""

    runs: int = 1_000
    #: Firings, those that led to no run included.
    firings: int = 20_000
    changes: int = 100_000
    #: Of a core's time.
    seconds: float = 10.0


class Truncation(StrEnum):
    """The limit that truncated a prediction."""

    RUNS = "runs"
    FIRINGS = "firings"
    CHANGES = "changes"
    SECONDS = "seconds"
    STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of an incident, before and after."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedChange:
    """One change that a run would have made to an incident."""

    change_id: str
    run_id: str | None
    action: ChangeAction
    occurred_at: datetime
    fields: tuple[FieldChange, ...]
    #: The timeline entries that came with it, as far as there were any.
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentDiff:
    """The changes that runs would have made to one incident."""

    incident_id: str
    title: str
    #: Whether the automation would have opened it; else it is one of the past.
    opened: bool
    resolved: bool
    changes: tuple[PredictedChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRun:
    """A predicted run, and its steps."""

    run: AutomationRun
    steps: tuple[RunStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something that was not simulated, with a count."""

    what: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The runs and changes that an automation would have made between two moments."""

    since: datetime
    #: The moment up to which the past was played: the end of the span, unless truncated.
    until: datetime
    #: The number of changes that were played.
    changes: int
    runs: tuple[PredictedRun, ...]
    incidents: tuple[IncidentDiff, ...]
    #: The number of firings that led to no run, by the reason.
    skips: Mapping[SkipReason, int] = field(default_factory=dict)
    omissions: tuple[Omission, ...] = ()
    truncated: Truncation | None = None
    seconds: float = 0.0
