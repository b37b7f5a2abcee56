"""Signals: what a monitor says of one alert, whatever the format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

#: The longest key of an alert; those of PagerDuty have as many characters.
KEY_LENGTH = 255
_NOTHING: Mapping[str, Any] = {}


class SignalAction(StrEnum):
    """The action that a signal asks for."""

    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSignal:
    """One alert as a monitor describes it; texts are as they came."""

    key: str
    action: SignalAction
    #: When it began to fire, of a trigger; None where the monitor does not say so.
    starts_at: datetime | None = None
    #: When it ended, of a resolve.
    ends_at: datetime | None = None
    #: Whether each repeat of a firing has the same `starts_at`, and no other firing has.
    repeats_start: bool = False
    title: str | None = None
    description: str | None = None
    severity: str | None = None
    #: The names of its system, the first of which counts that is there.
    systems: tuple[str, ...] = ()
    #: Labels and addresses of pages about it.
    links: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    #: The values that expressions of its integration see.
    scope: Mapping[str, Any] = field(default_factory=dict)
