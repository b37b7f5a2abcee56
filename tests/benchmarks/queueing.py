"""Queues in simulated time: what is used in turn, what is held, how busy each is and how long its users wait."""

import heapq
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any


@dataclass(slots=True)
class Station:
    """Something that so many jobs may use or hold at a time, the others in the order in which they came."""

    name: str
    places: int = 1
    used: int = 0
    #: How many have ended a use of it.
    ended: int = 0
    #: The sums over time of the number of its users, and of these and those that wait.
    busy_seconds: float = 0.0
    present_seconds: float = 0.0
    #: The sum of all durations from asking to leaving.
    stayed_seconds: float = 0.0
    _since: float = 0.0
    _waiting: "deque[tuple[Job, float | None, float]]" = field(default_factory=deque)

    def note(self, now: float) -> None:
        """Add the time since the last note to the sums."""
        passed = now - self._since
        self.busy_seconds += self.used * passed
        self.present_seconds += (self.used + len(self._waiting)) * passed
        self._since = now


@dataclass(frozen=True, slots=True)
class Use:
    """A wish to use a station for so long, and to leave it then."""

    station: Station
    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A wish to hold a station until it is let go of."""

    station: Station


#: What a job wants next: to use or hold a station, or to let so many seconds pass.
Job = Generator[Use | Hold | float, None, None]


class Simulation:
    """Jobs in simulated time, one event after another."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Job, Station | None, float]] = []

    def start(self, job: Job, at: float | None = None) -> None:
        """Start a job, now or at a moment."""
        self._at(self.now if at is None else at, job)

    def run(self, until: float = inf) -> None:
        """Run until no job is left, or to a moment."""
        while self._due and self._due[0][0] <= until:
            self.now, _, job, station, came = heapq.heappop(self._due)
            if station is not None:
                self._leave(station, came)
            self._go_on(job)

    def let_go(self, station: Station, came: float) -> None:
        """Let go of a station that was asked for at a moment."""
        self._leave(station, came)

    def _at(self, moment: float, job: Job, station: Station | None = None, came: float = 0.0) -> None:
        heapq.heappush(self._due, (moment, next(self._order), job, station, came))

    def _go_on(self, job: Job) -> None:
        wish: Any = next(job, None)
        if wish is None:
            return
        if isinstance(wish, float):
            self._at(self.now + wish, job)
            return
        station, seconds = wish.station, wish.seconds if isinstance(wish, Use) else None
        station.note(self.now)
        if station.used < station.places:
            station.used += 1
            self._begin(job, station, seconds, self.now)
        else:
            station._waiting.append((job, seconds, self.now))

    def _begin(self, job: Job, station: Station, seconds: float | None, came: float) -> None:
        if seconds is None:
            self._at(self.now, job)
        else:
            self._at(self.now + seconds, job, station, came)

    def _leave(self, station: Station, came: float) -> None:
        station.note(self.now)
        station.ended += 1
        station.stayed_seconds += self.now - came
        if station._waiting:
            job, seconds, asked = station._waiting.popleft()
            self._begin(job, station, seconds, asked)
        else:
            station.used -= 1
