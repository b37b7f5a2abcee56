"""The program as queues: writes under the log's lock, tails, groups of sockets, relays, readers and webhooks."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.benchmarks import scaling_costs as costs
from tests.benchmarks.queueing import Hold, Job, Simulation, Station, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An installation and its load, each a second."""

    name: str
    writes: float
    #: The sockets that an event reaches, over all processes or relays.
    sockets: int
    queries: float
    processes: int = 1
    database_cores: int = 2
    sqlite: bool = False
    #: How many logs there are, each with a lock and an order of its own.
    logs: int = 1
    #: How many works share a commit at most.
    together: int = 1
    #: How many processes do nothing but hand events to sockets; 0 where the servers do it.
    relays: int = 0
    #: Queries are answered by other databases, which this one's cores do not see.
    replicas: bool = False
    fsync: float = costs.FSYNC

    @property
    def changes(self) -> float:
        """The changes a second, those of automations included."""
        return self.writes * (1 + costs.RUNS * costs.RUN_CHANGES)

    @property
    def homes(self) -> int:
        """The sets of processes that each follow logs of their own; 1 where all processes follow all."""
        return min(self.logs, self.processes)

    @property
    def receivers(self) -> int:
        """The number of sockets, or relays, that servers hand an event to."""
        return self.relays // self.homes if self.relays else self.sockets

    @property
    def locked(self) -> float:
        """The seconds under the log's lock for each change, when nothing else is waited for and groups are full."""
        if self.sqlite:
            return costs.WRITE_SQLITE + self.fsync / self.together
        once = 2 * costs.ROUND_TRIP + self.fsync
        each = costs.LOCKED_PART * costs.WRITE + (costs.ROUND_TRIP if self.together == 1 else 0)
        return once / self.together + each + (costs.APPEND_MORE if self.together > 1 else 0)


@dataclass(slots=True)
class Outcome:
    """The outcome of a simulated installation."""

    seconds: float
    stations: list[Station]
    writes: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)

    def busy(self, name: str) -> float:
        """Return how busy the busiest station of a kind was, from 0 to 1."""
        found = [each for each in self.stations if each.name == name]
        return max((each.busy_seconds / each.places / self.seconds for each in found), default=0.0)


class _Process:
    """A server: its loop, its tail, and the changes that its writes share a commit with."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.loop = Station("loop")
        self.waiting: list[deque[tuple[float, bool]]] = [deque() for _ in range(plan.logs)]
        self.committing = [False] * plan.logs
        self.unread: deque[tuple[float, int, int]] = deque()
        self.undelivered: deque[float] = deque()
        self.is_reading = self.is_delivering = False
        self.number, self.home = number, number % plan.homes
        self.neighbours = len(range(self.home, plan.processes, plan.homes))
        self.share = len(range(number // plan.homes, plan.receivers, self.neighbours))


class Model:
    """One run of a plan, for so many simulated seconds."""

    def __init__(self, plan: Plan, *, seed: int, seconds: float) -> None:
        self._plan = plan
        self._chance = random.Random(seed)
        self._sim = Simulation()
        self._seconds = seconds
        self._database = Station("database", plan.database_cores)
        self._locks = [Station("log") for _ in range(plan.logs)]
        self._webhook = Station("webhook", costs.AT_ONCE * plan.processes)
        self._reader = Station("reader")
        self._unhandled = 0
        self._is_handling = False
        self._processes = [_Process(number, plan) for number in range(plan.processes)]
        self._relays = [Station("relay") for _ in range(plan.relays)]
        loops = [each.loop for each in self._processes]
        shared = [self._database, *self._locks, self._webhook, self._reader]
        self._outcome = Outcome(seconds, [*shared, *loops, *self._relays])

    def run(self) -> Outcome:
        """Simulate the plan."""
        self._sim.start(self._arrivals(self._plan.writes, self._write))
        self._sim.start(self._arrivals(self._plan.queries, self._query))
        self._sim.run(until=self._seconds)
        for station in self._outcome.stations:
            station.note(self._seconds)
        return self._outcome

    def _arrivals(self, rate: float, make: Callable[[_Process], Job]) -> Job:
        """Start what comes at random moments, so many a second."""
        while True:
            yield self._chance.expovariate(rate)
            self._sim.start(make(self._chance.choice(self._processes)))

    def _query(self, process: _Process) -> Job:
        yield Use(process.loop, costs.QUERY)
        if not (self._plan.replicas or self._plan.sqlite):
            yield Use(self._database, costs.QUERY_ROWS)

    def _write(self, process: _Process, *, is_run: bool = False) -> Job:
        """Make a write up to the moment at which it wants to append."""
        came = self._sim.now
        if is_run:
            later = costs.WRITE_SQLITE if self._plan.sqlite else costs.LOCKED_PART * costs.WRITE
            yield Use(process.loop, costs.RUN / costs.RUN_CHANGES - later)
        elif not self._plan.sqlite:
            yield Use(process.loop, costs.WRITE * (1 - costs.LOCKED_PART))
        if not self._plan.sqlite:
            before = costs.RUN_STATEMENTS / costs.RUN_CHANGES - 3 if is_run else 2
            yield Use(self._database, before * costs.ROUND_TRIP)
        log = self._chance.randrange(self._plan.logs)
        process.waiting[log].append((came, is_run))
        if self._plan.together == 1 or not process.committing[log]:
            process.committing[log] = True
            self._sim.start(self._commits(process, log))

    def _commits(self, process: _Process, log: int) -> Job:
        """Append and commit what waits, until nothing does; without shared commits, one write."""
        lock, plan = self._locks[log], self._plan
        while process.waiting[log]:
            asked = self._sim.now
            yield Hold(lock)
            works = [process.waiting[log].popleft() for _ in range(min(plan.together, len(process.waiting[log])))]
            yield from self._appends(process, len(works))
            self._sim.let_go(lock, asked)
            self._committed(process, works, log)
            if plan.together == 1:
                return
        process.committing[log] = False

    def _appends(self, process: _Process, works: int) -> Job:
        if self._plan.sqlite:
            yield Use(process.loop, costs.WRITE_SQLITE * works)
        else:
            more = costs.APPEND_MORE * (works - 1)
            yield Use(self._database, costs.ROUND_TRIP + more)
            yield Use(process.loop, costs.LOCKED_PART * costs.WRITE * works)
            yield Use(self._database, 2 * costs.ROUND_TRIP)
        yield self._plan.fsync

    def _committed(self, process: _Process, works: list[tuple[float, bool]], log: int) -> None:
        now = self._sim.now
        self._outcome.writes += [now - came for came, is_run in works if not is_run]
        shown = sum(not is_run for _, is_run in works)
        for each in self._processes[log % self._plan.homes :: self._plan.homes]:
            hop = 0.0 if each is process else costs.HOP
            self._sim.start(self._wakes(each, (now, len(works), shown)), now + hop)
        self._unhandled += len(works)
        if not self._is_handling:
            self._is_handling = True
            self._sim.start(self._handles())
        for _, is_run in works:
            if not is_run:
                self._sim.start(self._sends(self._chance.choice(self._processes)))
                if self._chance.random() < costs.RUNS:
                    self._sim.start(self._runs(self._chance.choice(self._processes)))

    def _runs(self, process: _Process) -> Job:
        for _ in range(costs.RUN_CHANGES):
            yield from self._write(process, is_run=True)
            # The engine's own commits of a step.
            yield costs.ENGINE_COMMITS * self._plan.fsync

    def _sends(self, process: _Process) -> Job:
        """Deliver a change to a webhook, of whose queues each process works off a few at a time."""
        yield Use(process.loop, costs.DELIVERY)
        yield Use(self._webhook, costs.RECEIVER)
        if not self._plan.sqlite:
            yield Use(self._database, 4 * costs.ROUND_TRIP)

    def _handles(self) -> Job:
        """Read the log as a durable reader does: in one process at a time, several changes in one transaction."""
        while self._unhandled:
            together = min(costs.TOGETHER, self._unhandled)
            self._unhandled -= together
            yield Use(self._reader, costs.READER_ROW * together + self._plan.fsync)
        self._is_handling = False

    def _wakes(self, process: _Process, committed: tuple[float, int, int]) -> Job:
        """Read the log in a process, all that came meanwhile at once."""
        process.unread.append(committed)
        if process.is_reading:
            return
        process.is_reading = True
        while process.unread:
            found = list(process.unread)
            process.unread.clear()
            rows = sum(changes for _, changes, _ in found)
            if not self._plan.sqlite:
                yield Use(self._database, costs.ROUND_TRIP + costs.TAIL_ROW * rows)
                yield Use(process.loop, costs.TAIL_READ + costs.TAIL_CHANGE * rows)
            process.undelivered.extend(moment for moment, _, shown in found for _ in range(shown))
            if not process.is_delivering:
                process.is_delivering = True
                self._sim.start(self._delivers(process))
        process.is_reading = False

    def _delivers(self, process: _Process) -> Job:
        """Hand events to the sockets of a process, or to its relays, one event after another."""
        first = process.home + process.number // self._plan.homes * self._plan.homes
        step = process.neighbours * self._plan.homes
        while process.undelivered:
            committed = process.undelivered.popleft()
            yield Use(process.loop, costs.EVENT)
            if not self._plan.sqlite:
                yield Use(self._database, costs.EVENT_STATEMENTS * costs.ROUND_TRIP)
            for part in _slices(process.share):
                yield Use(process.loop, part)
                if not self._relays:
                    self._outcome.events.append(self._sim.now - committed)
            for relay in range(first, len(self._relays), step):
                self._sim.start(self._relayed(relay, committed), self._sim.now + costs.HOP)
        process.is_delivering = False

    def _relayed(self, relay: int, committed: float) -> Job:
        sockets = -(-self._plan.sockets // self._plan.receivers)
        yield Use(self._relays[relay], costs.RELAY_FRAME)
        for part in _slices(sockets):
            yield Use(self._relays[relay], part)
            self._outcome.events.append(self._sim.now - committed)


def _slices(sockets: int) -> Iterator[float]:
    """Yield the parts of handing an event to so many sockets, between which others have their turn."""
    left = sockets * costs.MESSAGE
    while left > 0:
        yield min(left, costs.SLICE)
        left -= costs.SLICE


def needs(plan: Plan) -> dict[str, float]:
    """Return the load of each queue by calculation: above 1, it is more than the queue can carry, and grows."""
    cpu = (costs.WRITE_SQLITE if plan.sqlite else costs.WRITE) + costs.RUNS * costs.RUN + costs.DELIVERY
    home = plan.processes / plan.homes
    handed = plan.receivers / home * costs.MESSAGE
    # A busy tail reads several changes at once: what it can be brought to, not what it takes while it has time.
    read = 0.0 if plan.sqlite else plan.changes * costs.TAIL_CHANGE
    found = {
        "log": plan.changes * plan.locked / plan.logs,
        "loop": (plan.writes * cpu + plan.queries * costs.QUERY) / plan.processes
        + (plan.writes * (costs.EVENT + handed) + read) / plan.homes,
        "webhook": plan.writes * costs.RECEIVER / (costs.AT_ONCE * plan.processes),
        "reader": plan.changes * (costs.READER_ROW + plan.fsync / costs.TOGETHER),
    }
    if not plan.sqlite:
        # Five for a write, four for a delivery, and those of runs.
        statements = plan.writes * (9 + costs.RUNS * costs.RUN_STATEMENTS) * costs.ROUND_TRIP
        event = costs.EVENT_STATEMENTS * costs.ROUND_TRIP
        reads = home * (plan.changes * costs.TAIL_ROW + plan.writes * event)
        rows = 0.0 if plan.replicas else plan.queries * costs.QUERY_ROWS
        found["database"] = (statements + reads + rows) / plan.database_cores
    if plan.relays:
        each = costs.RELAY_FRAME + plan.sockets / plan.receivers * costs.MESSAGE
        found["relay"] = plan.writes / plan.homes * each
    return found
