"""Measures servers side by side: first that they answer alike, then what each request costs them."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.http.client import Outcome, drive, framed, percentile
from tests.benchmarks.http.documents import Row, place_of
from tests.benchmarks.http.samples import Samples
from tests.benchmarks.http.servers import Server
from tests.benchmarks.servers import Running

CONNECTIONS = 16
_WARM_UP, _ALIKE = 64, 3
#: What a server that waits for requests uses of a second.
_IDLE, _SETTLE_SECONDS = 0.1, 30
_TICKS = os.sysconf("SC_CLK_TCK")


class DifferentError(Exception):
    """Two servers answer the same request differently."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians over the rounds of one row on one server."""

    cpu_micros: float
    p50_millis: float
    p99_millis: float
    per_second: float
    failures: int
    complaint: str


class Subject:
    """One server under load; it gets the requests of a row in the same order as every other."""

    def __init__(self, server: Server, process: Running, samples: Samples, *, token: str | None, dialect: str) -> None:
        self.name = server.name
        self._server = server
        self._dialect = dialect
        self.port, self._pid = process.port, process.pid
        is_ours = server.root is not None
        self._token = token if is_ours else None
        cursors = [self._place_of(moment) for moment, _ in samples.positions] if is_ours else samples.peers_cursors()
        self._samples = samples.with_cursors(cursors)
        self._requests: dict[str, Iterator[bytes]] = {}

    def has(self, row: Row) -> bool:
        """Return whether the server answers this row."""
        return self._server.answers(row, self._dialect)

    def ask(self, body: bytes) -> Any:
        """The answer to one request."""
        answers: list[bytes] = []
        outcome = drive(self.port, lambda: self._framed(body), connections=1, seconds=0, most=1, keep=answers)
        if outcome.failures:
            raise RuntimeError(f"{self.name} fails: {outcome.complaint!r}")
        return json.loads(answers[0])["data"]

    def answers(self, row: Row) -> list[Any]:
        """Return the answers to the first requests of a row, without the server's own spelling of cursors."""
        bodies = row.bodies(self._samples)
        return [_normalised(self.ask(next(bodies))) for _ in range(_ALIKE)]

    def warm_up(self, row: Row, *, requests: int) -> Outcome:
        """A few requests that are not counted."""
        return drive(self.port, self._next_of(row), connections=CONNECTIONS, seconds=60, most=requests)

    def measure(self, row: Row, *, seconds: float) -> tuple[float, Outcome]:
        """CPU seconds of its processes, and what came of the requests."""
        before = self.used_seconds()
        outcome = drive(self.port, self._next_of(row), connections=CONNECTIONS, seconds=seconds)
        return self.used_seconds() - before, outcome

    def used_seconds(self) -> float:
        """The CPU that its processes have used so far."""
        return cpu_seconds(self._pid)

    def _next_of(self, row: Row) -> Callable[[], bytes]:
        if row.name not in self._requests:
            self._requests[row.name] = map(self._framed, row.bodies(self._samples))
        return self._requests[row.name].__next__

    def _place_of(self, moment: Any) -> str:
        return str(self.ask(place_of(moment))["incidents"]["pageInfo"]["endCursor"])

    def _framed(self, body: bytes) -> bytes:
        return framed(body, token=self._token)


def settle(subjects: Sequence[Subject]) -> None:
    """Wait until no server has work left from its start, for half a minute at most."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        before = [subject.used_seconds() for subject in subjects]
        time.sleep(1)
        if all(subject.used_seconds() - used < _IDLE for subject, used in zip(subjects, before, strict=True)):
            return


def check_alike(subjects: Sequence[Subject], row: Row) -> None:
    """Let the run go on when all answer this row alike.

    Raises:
        DifferentError: one of them does not.
    """
    expected = subjects[0].answers(row)
    for subject in subjects[1:]:
        for ours, theirs in zip(expected, subject.answers(row), strict=True):
            if ours != theirs:
                raise DifferentError(
                    f"{row.name}: {subjects[0].name} and {subject.name} differ:\n{_excerpt(ours)}\n{_excerpt(theirs)}"
                )


def measured(
    subjects: Sequence[Subject], row: Row, *, rounds: int, seconds: float, warm_up: int = _WARM_UP
) -> list[Figures]:
    """The figures of one row for each of these servers, which take turns in every round."""
    for subject in subjects:
        subject.warm_up(row, requests=warm_up)
    runs = [[subject.measure(row, seconds=seconds) for subject in subjects] for _ in range(rounds)]
    return [_figures(results) for results in zip(*runs, strict=True)]


def cpu_seconds(pid: int) -> float:
    """The CPU that a process and its children have used, in user and system mode."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        fields = Path(f"/proc/{one}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
        waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii").split())
    return total / _TICKS


def _figures(results: Sequence[tuple[float, Outcome]]) -> Figures:
    outcomes = [outcome for _, outcome in results]
    return Figures(
        cpu_micros=statistics.median(cpu / len(outcome.latencies) * 1e6 for cpu, outcome in results),
        p50_millis=statistics.median(percentile(outcome.latencies, 0.5) for outcome in outcomes) * 1000,
        p99_millis=statistics.median(percentile(outcome.latencies, 0.99) for outcome in outcomes) * 1000,
        per_second=statistics.median(len(outcome.latencies) / outcome.seconds for outcome in outcomes),
        failures=sum(outcome.failures for outcome in outcomes),
        complaint=next((outcome.complaint.decode() for outcome in outcomes if outcome.failures), ""),
    )


def _normalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "*" if name in {"cursor", "endCursor"} else _normalised(one) for name, one in value.items()}
    return [_normalised(one) for one in value] if isinstance(value, list) else value


def _excerpt(value: Any) -> str:
    return json.dumps(value)[:1500]
