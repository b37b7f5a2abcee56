"""`python -m tests.benchmarks.scaling`: what an installation does at so many times the measured load, simulated.

Costs are those of `tests/benchmarks/scaling_costs.py`, measured or guessed; the rest is arithmetic and a seed.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace

from tests.benchmarks import scaling_costs as costs
from tests.benchmarks.scaling_model import Model, Outcome, Plan, needs

#: The measured load: 8 events a second to 3,000 sockets of one process. The rate of queries beside them is a guess.
_WRITES, _SOCKETS, _QUERIES = 8.0, 3000, 20.0
#: Simulated writes of a plan, and the bounds of its simulated seconds.
_SAMPLE, _LEAST_SECONDS, _MOST_SECONDS = 400, 1.0, 60.0
_DAY = 86400


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    parser.add_argument("--load", type=float, nargs="*", default=[1, 10, 100], help="times the measured load")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reach", choices=("same", "all"), default="same", help=_REACH)
    parser.add_argument("--fsync", type=float, default=costs.FSYNC * 1000, help="ms that a commit waits for the disk")
    parser.add_argument("--writes", type=int, default=_SAMPLE, help="how many writes of a plan are simulated")
    options = parser.parse_args(arguments)
    for load in options.load:
        print(f"{load:g} x: {_WRITES * load:g} writes/s, GB a day: {_growth(load)}")
        print(f"  {'p50 / p99 in ms':<22}{'write':>12}{'event':>14}  % busy, simulated (calculated; ! from 100 on)")
        for plan in plans(load, is_reaching_all=options.reach == "all"):
            chosen = replace(plan, fsync=options.fsync / 1000)
            seconds = min(max(options.writes / chosen.writes, _LEAST_SECONDS), _MOST_SECONDS)
            print(_line(chosen, Model(chosen, seed=options.seed, seconds=seconds).run()))


_REACH = "sockets that an event reaches: the same number (more teams), or all (one that grows)"


def plans(load: float, *, is_reaching_all: bool = False) -> list[Plan]:
    """Return the installations to compare at so many times the measured load, each with what those before it have."""
    sockets = int(_SOCKETS * (load if is_reaching_all else 1))
    start = Plan(name="one process", writes=_WRITES * load, sockets=sockets, queries=_QUERIES * load)
    if load <= 1:
        return [replace(start, name="one process, SQLite", sqlite=True, together=costs.GROUP), start]
    many = replace(start, name=f"{_some(load, 0.4)} processes", processes=_some(load, 0.4))
    relayed = replace(many, name=f"+ {_some(load, 0.8)} relays", relays=_some(load, 0.8))
    shared = replace(relayed, name="+ shared commits", together=costs.GROUP)
    logs = min(_some(load, 0.2), shared.processes)
    parted = replace(shared, name=f"+ {logs} logs", logs=logs)
    return [
        replace(start, name="one process, SQLite", sqlite=True, together=costs.GROUP),
        start,
        many,
        relayed,
        shared,
        parted,
        replace(parted, name="+ replicas, 4 cores", replicas=True, database_cores=4),
    ]


def _some(load: float, part: float) -> int:
    return max(2, math.ceil(load * part))


def _growth(load: float) -> str:
    changes = Plan(name="", writes=_WRITES * load, sockets=0, queries=0).changes * _DAY / 1e9
    log, search = changes * costs.LOG_BYTES, changes * costs.SEARCH_BYTES
    return f"log {log:,.1f}, search {search:,.1f}, all {changes * costs.ALL_BYTES:,.1f}"


def _line(plan: Plan, outcome: Outcome) -> str:
    needed = needs(plan)
    parts = [
        f"{name} {outcome.busy(name) * 100:.0f} ({need * 100:.0f}{'!' if need >= 1 else ''})"
        for name, need in needed.items()
    ]
    grown = f"; waits grow, shown after {outcome.seconds:.1f} s" if max(needed.values()) >= 1 else ""
    return f"  {plan.name:<22}{_shown(outcome.writes):>12}{_shown(outcome.events):>14}  {', '.join(parts)}{grown}"


def _shown(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    return " / ".join(f"{ordered[int(len(ordered) * part)] * 1000:.0f}" for part in (0.5, 0.99))


if __name__ == "__main__":
    main()
