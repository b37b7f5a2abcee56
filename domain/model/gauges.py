"""Numbers of what is open and what waits in the whole database, for metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.model.automation import RunStatus
from domain.model.incident import Severity, Status


@dataclass(frozen=True, slots=True)
class Queue:
    """The number of things that wait, and since when the first of them does."""

    pending: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """The numbers of one moment."""

    open: Mapping[tuple[Severity, Status], int]
    head: int
    floor: int
    runs: Mapping[RunStatus, int]
    queues: Mapping[str, Queue]
