"""`python -m tests.benchmarks.fanout`: the cost of delivering an event to many sockets, beside other servers.

Everything runs on loopback, servers on core 0 and load on core 1, interleaved (A B C A B C); figures are medians.
The machine's other work moves latencies; the CPU of the server's process is what to compare, within one run.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.benchmarks.load import CHANGES, LIST, LONG_LIST, Load, compiled, run, started
from tests.benchmarks.servers import (
    ALL,
    INLINE,
    OURS,
    RAW,
    MissingError,
    Peer,
    Running,
    install_node_peers,
    raise_file_limit,
    running,
)

#: Ten per cent of our write and execution are 0.8 us of each of 1,000 messages: a few of them are too few to measure.
_ALONE = 75
_STALLED = Load(sockets=40, events=1500, fat_bytes=8000, seconds=60)
_MIXED_SOCKETS, _MIXED_RATE, _MIXED_SECONDS = 3000, 8, 8
_PROBE_PAUSE_SECONDS = 0.005

#: The first one is what the others are compared with.
_WATCHED = {"changes": CHANGES, "list of 1": LIST, "list of 100": LONG_LIST}

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.fanout", description=__doc__)
    parser.add_argument("--n", default="100,1000,5000", help="how many sockets subscribe")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--events", type=int, default=120)
    parser.add_argument("--only", default="", help="names, or parts of names, of servers; of subscriptions")
    parser.add_argument("--json", type=Path, help="append every single run to this file")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--stalled", action="store_true", help="10 of 40 sockets never read")
    modes.add_argument("--list", action="store_true", help="a live list against changes, with the same fields")
    modes.add_argument("--mixed", action="store_true", help="a small HTTP query beside 3,000 subscribers")
    options = parser.parse_args(arguments)
    sizes = [int(size) for size in options.n.split(",")]
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="incidentql-fanout-") as name:
        bench = Bench(Path(name), log=options.json)
        if options.stalled:
            bench.stalled(rounds=options.rounds)
        elif options.mixed:
            bench.mixed(rounds=options.rounds)
        elif options.list:
            bench.lists(options.only, sizes, events=options.events, rounds=options.rounds)
        else:
            bench.fan_out(_chosen(options.only), sizes, events=options.events, rounds=options.rounds)


class Bench:
    """The runs of the benchmark and the tables made of them."""

    def __init__(self, folder: Path, *, log: Path | None = None) -> None:
        self._folder = folder
        self._program = compiled(folder)
        self._log = log
        self._given_up: set[str] = set()

    def fan_out(self, peers: Sequence[Peer], sizes: Sequence[int], *, events: int, rounds: int) -> None:
        """Measure CPU, latency and memory by server and number of sockets."""
        if any(peer.script.endswith(".mjs") for peer in peers) and (reason := install_node_peers()):
            print(f"without the servers on Node: {reason}")
            peers = [peer for peer in peers if not peer.script.endswith(".mjs")]
        for size in sizes:
            results: dict[Peer, list[Result]] = defaultdict(list)
            for round_ in range(rounds):
                for peer in peers:
                    if round_ < peer.rounds and size <= peer.most_sockets:
                        count = max(3, min(events, peer.most_messages // size))
                        load = Load(sockets=size, events=count, alone=min(events, _ALONE))
                        results[peer] += self._measured(peer, load)
            _print_fan_out(size, results)

    def lists(self, only: str, sizes: Sequence[int], *, events: int, rounds: int) -> None:
        """Measure what a message of a live list costs against one of the changes."""
        watched = {name: text for name, text in _WATCHED.items() if not only or name in only.split(",")}
        for size in sizes:
            results: dict[str, list[Result]] = defaultdict(list)
            for _ in range(rounds):
                for name, subscribe in watched.items():
                    load = Load(sockets=size, events=events, alone=min(events, _ALONE), subscribe=subscribe)
                    results[name] += self._measured(OURS, load)
            _print_lists(size, {name: runs for name, runs in results.items() if runs})

    def stalled(self, *, rounds: int) -> None:
        """Measure the effect of stalled sockets on the others and on the server's memory."""
        results: dict[int, list[Result]] = defaultdict(list)
        for _ in range(rounds):
            for stalled in (0, 10):
                load = Load(**{**_fields(_STALLED), "stalled": stalled})
                results[stalled] += self._measured(OURS, load)
        print("\n40 sockets, 1,500 events of 8 KB, one at a time")
        print(f"{'never read':>12}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'idle MB':>9}{'end MB':>8}  dropped after")
        for stalled, runs in results.items():
            row = _median(runs)
            dropped = f"{row['dropped_after']:.1f} s" if row["dropped_after"] >= 0 else "never" if stalled else "-"
            print(
                f"{stalled:>12}{row['p50_ms']:>9.2f}{row['p99_ms']:>9.2f}{row['max_ms']:>9.1f}"
                f"{row['kb_idle'] / 1024:>9.1f}{row['kb_after'] / 1024:>8.1f}  {dropped}"
            )

    def mixed(self, *, rounds: int) -> None:
        """Measure the latency of a small query during fan-out."""
        cases = {"no subscribers": (OURS, 0), "in slices": (OURS, _MIXED_SOCKETS), "at once": (INLINE, _MIXED_SOCKETS)}
        queries: dict[str, list[float]] = defaultdict(list)
        events: dict[str, list[Result]] = defaultdict(list)
        for _ in range(rounds):
            for case, (peer, size) in cases.items():
                try:
                    with running(peer, self._folder) as server:
                        found, result = self._beside(server, size)
                except (MissingError, RuntimeError) as error:
                    print(f"without a run of {case!r}: {error}")
                    continue
                queries[case] += found
                events[case].append(result)
        print(f"\nA small HTTP query beside {_MIXED_RATE} events a second to {_MIXED_SOCKETS} sockets")
        print(f"{'delivery':>16}{'queries':>9}{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}  events' p50 and p99 ms")
        for case, found in queries.items():
            cuts = statistics.quantiles(found, n=100)
            row = _median(events[case])
            late = f"{row['p50_ms']:.1f} {row['p99_ms']:.1f}" if row["delivered"] else "-"
            print(f"{case:>16}{len(found):>9}{cuts[49]:>9.2f}{cuts[89]:>9.2f}{cuts[98]:>9.2f}  {late}")

    def _measured(self, peer: Peer, load: Load) -> list[Result]:
        """Return one run in a list, or an empty list where the server failed; it is not retried."""
        if peer.name in self._given_up:
            return []
        try:
            with running(peer, self._folder) as server:
                result = run(self._program, server, load, self._folder)
        except (MissingError, RuntimeError) as error:
            print(f"without {peer.name} from here on: {error}")
            self._given_up.add(peer.name)
            return []
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(json.dumps({"peer": peer.name, "sockets": load.sockets, **result}) + "\n")
        return [result]

    def _beside(self, server: Running, size: int) -> tuple[list[float], Result]:
        """Return the milliseconds of sequential queries during fan-out, and the load client's result."""
        load = Load(sockets=size, events=_MIXED_RATE * _MIXED_SECONDS, rate=_MIXED_RATE)
        client = started(self._program, server, load, self._folder)
        ending = threading.Event()
        found: list[tuple[float, float]] = []
        prober = threading.Thread(target=_probe, args=(server, ending, found))
        prober.start()
        try:
            output, complaints = client.communicate(timeout=load.seconds + 30)
        finally:
            ending.set()
            client.kill()
            prober.join()
        if client.returncode:
            raise RuntimeError(complaints[:300])
        result: Result = json.loads(output)
        # Only what was asked while events went out, not while thousands connected.
        since = time.monotonic() - result["seconds"]
        return [milliseconds for at, milliseconds in found if at >= since], result


def _probe(server: Running, ending: threading.Event, found: list[tuple[float, float]]) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = json.dumps({"query": "{ __typename }"})
    while not ending.wait(_PROBE_PAUSE_SECONDS):
        begun = time.monotonic()
        connection.request("POST", "/graphql", body, {"content-type": "application/json"})
        connection.getresponse().read()
        found.append((begun, (time.monotonic() - begun) * 1000))
    connection.close()


def _print_fan_out(size: int, results: dict[Peer, list[Result]]) -> None:
    rows = {peer: _median(runs) for peer, runs in results.items() if runs}
    raw = _delivery_micros(rows[RAW]) if RAW in rows else None
    print(
        f"\n{size} sockets; CPU in us: a write alone, an event to one socket, each message beyond that, and all in all"
    )
    print(
        f"{'server':<18}{'events':>7}{'bytes':>6}{'write':>8}{'event':>8}{'message':>9}{'of raw':>8}{'all':>9}"
        f"{'messages/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'KB/socket':>11}"
    )
    for peer, row in rows.items():
        micros = _delivery_micros(row)
        share = f"{raw / micros:.2f}" if raw and micros > 0 else "-"
        print(
            f"{peer.name:<18}{row['events']:>7.0f}{row['bytes']:>6.0f}{row['write_cpu_seconds'] * 1e6:>8.0f}"
            f"{row['event_cpu_seconds'] * 1e6:>8.0f}{micros:>9.1f}{share:>8}"
            f"{row['cpu_seconds'] / row['delivered'] * 1e6:>9.1f}"
            f"{row['delivered'] / row['seconds']:>12.0f}{row['p50_ms']:>9.1f}{row['p99_ms']:>9.1f}"
            f"{(row['kb_idle'] - row['kb_before']) / (size - 1):>11.1f}",
            flush=True,
        )


def _print_lists(size: int, results: dict[str, list[Result]]) -> None:
    print(f"\n{size} sockets; CPU in us: an event to one socket, each message beyond, all but the writes, and all")
    heads = f"{'subscription':<14}{'bytes':>6}{'event':>8}{'message':>9}{'unwritten':>11}{'all':>8}"
    print(f"{heads}  of the first one: unwritten, all, all of each round")
    first = next(iter(results.values()))
    for name, runs in results.items():
        row, base = _median(runs), _median(first)
        ratios = sorted(run["cpu_seconds"] / other["cpu_seconds"] for run, other in zip(runs, first, strict=False))
        print(
            f"{name:<14}{row['bytes']:>6.0f}{row['event_cpu_seconds'] * 1e6:>8.0f}{_delivery_micros(row):>9.1f}"
            f"{_unwritten_micros(row):>11.1f}{row['cpu_seconds'] / row['delivered'] * 1e6:>8.1f}"
            f"{_unwritten_micros(row) / _unwritten_micros(base):>8.2f}{statistics.median(ratios):>6.2f}  "
            f"{' '.join(f'{ratio:.2f}' for ratio in ratios)}",
            flush=True,
        )


def _unwritten_micros(row: Result) -> float:
    """Return the CPU per message without that of the writes."""
    return float((row["cpu_seconds"] - row["events"] * row["write_cpu_seconds"]) / row["delivered"] * 1e6)


def _delivery_micros(row: Result) -> float:
    """Return the CPU per message after the first, which excludes the write and the execution of the event."""
    delivery = float(row["cpu_seconds"] - row["events"] * row["event_cpu_seconds"])
    return delivery / float(row["delivered"] - row["events"]) * 1e6


def _median(runs: Sequence[Result]) -> Result:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _fields(load: Load) -> dict[str, Any]:
    return {name: getattr(load, name) for name in load.__dataclass_fields__}


def _chosen(only: str) -> list[Peer]:
    names = [name for name in only.split(",") if name]
    return [peer for peer in ALL if not names or any(name in peer.name for name in names)]


if __name__ == "__main__":
    main()
