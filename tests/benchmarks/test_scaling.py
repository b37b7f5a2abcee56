"""The simulation of scaling against formulas of queues, and the page against what it prints."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.benchmarks import scaling
from tests.benchmarks.queueing import Hold, Job, Simulation, Station, Use
from tests.benchmarks.scaling_model import Model, Outcome, Plan, needs
from tests.docs.blocks import ROOT

_SEED = 1


def one_station(rate: float, durations: Iterator[float], *, jobs: int, places: int = 1) -> Station:
    """Return a station that so many jobs came to at random, once all have left."""
    chance, station, sim, at = random.Random(_SEED), Station("station", places), Simulation(), 0.0

    def job(seconds: float) -> Job:
        yield Use(station, seconds)

    for _ in range(jobs):
        at += chance.expovariate(rate)
        sim.start(job(next(durations)), at)
    sim.run()
    return station


def same(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def exponential(mean: float) -> Iterator[float]:
    chance = random.Random(_SEED + 1)
    while True:
        yield chance.expovariate(1 / mean)


@pytest.mark.parametrize("load", [0.5])
def test_equal_jobs_wait_as_the_formula_of_m_d_1_says(load: float) -> None:
    station = one_station(load, same(1.0), jobs=4000)
    waited = station.stayed_seconds / station.ended - 1.0
    assert waited == pytest.approx(load / (2 * (1 - load)), rel=0.15)


@pytest.mark.parametrize("load", [0.5])
def test_random_jobs_stay_as_the_formula_of_m_m_1_says(load: float) -> None:
    station = one_station(load, exponential(1.0), jobs=4000)
    assert station.stayed_seconds / station.ended == pytest.approx(1 / (1 - load), rel=0.15)


@pytest.mark.parametrize("places", [1, 3])
def test_little_s_law_holds_for_what_is_used(places: int) -> None:
    station = one_station(0.8 * places, exponential(1.0), jobs=500, places=places)
    assert (station.ended, station.used) == (500, 0)
    # The number present, over time, is the rate of arrivals times the stay of each: both times the duration.
    assert station.present_seconds == pytest.approx(station.stayed_seconds)


def test_little_s_law_holds_for_what_is_held() -> None:
    sim, lock, held = Simulation(), Station("lock"), []

    def job() -> Job:
        asked = sim.now
        yield Hold(lock)
        held.append(sim.now)
        yield 2.0
        sim.let_go(lock, asked)

    for at in (0.0, 1.0, 7.0):
        sim.start(job(), at)
    sim.run()
    assert held == [0.0, 2.0, 7.0]
    assert lock.busy_seconds == 6.0
    assert lock.present_seconds == lock.stayed_seconds == 7.0


def plan(writes: float, **given: object) -> Plan:
    fields = {"name": "plan", "writes": writes, "sockets": 300, "queries": 10.0, "processes": 2, **given}
    return Plan(**fields)  # type: ignore[arg-type] # as named by the test


def outcome(planned: Plan, seconds: float = 2.0) -> Outcome:
    return Model(planned, seed=_SEED, seconds=seconds).run()


def mean(seconds: list[float]) -> float:
    return sum(seconds) / len(seconds)


def test_more_load_means_busier_queues_and_longer_waits() -> None:
    found = [outcome(plan(writes)) for writes in (4.0, 40.0, 120.0)]
    for less, more in pairwise(found):
        assert all(less.busy(name) < more.busy(name) for name in ("log", "loop", "database", "webhook"))
        assert mean(less.writes) < mean(more.writes)
        assert mean(less.events) < mean(more.events)


def test_a_queue_is_as_busy_as_calculated() -> None:
    planned = plan(30.0)
    found, needed = outcome(planned, 4.0), needs(planned)
    assert found.busy("webhook") == pytest.approx(needed["webhook"], rel=0.2)
    # Reads of the log that could have been one read come one by one while there is time for them.
    assert needed["loop"] < found.busy("loop") < 1.7 * needed["loop"]
    assert needed["log"] < found.busy("log") < 2 * needed["log"]


@pytest.mark.parametrize("way", [{"together": 32}, {"logs": 4, "processes": 4}, {"fsync": 0.0001}], ids=str)
def test_a_way_past_the_lock_shortens_writes(way: dict[str, object]) -> None:
    crowded = {"sockets": 10, "processes": 4, "database_cores": 16}
    assert needs(plan(220.0, **crowded))["log"] > 1 > needs(plan(220.0, **(crowded | way)))["log"]
    before, after = outcome(plan(220.0, **crowded), 1.0), outcome(plan(220.0, **(crowded | way)), 1.0)
    assert mean(after.writes) < mean(before.writes) / 2


def test_relays_take_sockets_off_the_servers() -> None:
    planned, relayed = plan(20.0, sockets=8000), plan(20.0, sockets=8000, relays=8)
    assert outcome(relayed).busy("loop") < outcome(planned).busy("loop") / 2
    assert outcome(relayed).busy("relay") == pytest.approx(needs(relayed)["relay"], rel=0.25)


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text()
    scaling.main(["--load", "1", "10", "--seed", "1"])
    assert capsys.readouterr().out in page
    # What is simulated of the largest takes too long here.
    largest = page.partition("100 x:")[2]
    for each in scaling.plans(100):
        line = next(line for line in largest.splitlines() if line.startswith(f"  {each.name}  "))
        assert all(f"({need * 100:.0f}" in line for need in needs(each).values())
