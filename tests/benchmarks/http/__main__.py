"""`python -m tests.benchmarks.http`: what requests cost this server, beside other servers on the same data.

CPU is that of the server's processes, in us a request; ratios are to the server written by hand. Servers run on core 0
and the load client on core 1, in turns. The other servers know neither tokens nor limits, and keep no history.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.http.data import copied, dropped, filled, migrated
from tests.benchmarks.http.documents import ROWS, Row
from tests.benchmarks.http.instructions import SUBJECTS, counted
from tests.benchmarks.http.measuring import CONNECTIONS, Figures, Subject, check_alike, measured, settle
from tests.benchmarks.http.samples import samples_of
from tests.benchmarks.http.servers import ALL, EVERYTHING, HAND_WRITTEN, PUBLIC, TOKEN, Server, running
from tests.benchmarks.servers import CLIENT_CORE, ROOT, MissingError

_SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
Named = TypeVar("Named", Row, Server)
Table = dict[str, dict[str, Figures]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.instructions:
        _print_instructions(_SIZES[options.size])
        return
    os.sched_setaffinity(0, {min(CLIENT_CORE, (os.cpu_count() or 1) - 1)})
    rows = [row for row in _chosen(ROWS, options.ops) if not (row.writes and options.anonymous)]
    servers = [server for server in _chosen(ALL, options.only) if server.runs_on(options.database)]
    if options.against is not None:
        servers.append(Server(name="against", root=options.against))
    with tempfile.TemporaryDirectory(prefix="incidentql-http-") as name, ExitStack() as stack:
        subjects = _started(servers, options, rows, Path(name), stack)
        settle(subjects)
        table = _measured(subjects, rows, options)
    _print_summary(table, rows, [one.name for one in subjects])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.http", description=__doc__)
    parser.add_argument("--size", default="10k", choices=_SIZES, help="how many incidents there are")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    callers = parser.add_mutually_exclusive_group()
    callers.add_argument("--token", action="store_true", help="ours is called with an admin's token; the default")
    callers.add_argument("--anonymous", action="store_true", help="ours is called without one; reads only")
    parser.add_argument("--only", default="", help=f"names of servers: {', '.join(one.name for one in ALL)}")
    parser.add_argument("--ops", default="", help=f"names of rows: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--instructions", action="store_true", help="count them instead, in process, by callgrind")
    parser.add_argument("--against", type=_folder, help="another checkout of this project; it fills the database")
    return parser


def _folder(name: str) -> Path:
    return Path(name).resolve(strict=True)


def _chosen(known: Sequence[Named], names: str) -> list[Named]:
    """Those of these names, or all.

    Raises:
        SystemExit: nothing has one of the names.
    """
    wanted = set(filter(None, names.split(",")))
    if unknown := wanted - {one.name for one in known}:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    return [one for one in known if not wanted or one.name in wanted]


def _started(
    servers: Sequence[Server], options: argparse.Namespace, rows: Sequence[Row], folder: Path, stack: ExitStack
) -> list[Subject]:
    """All servers, each on its own copy of the data; those that this machine cannot run are left out."""
    source = filled(_SIZES[options.size], options.database, options.against or ROOT)
    samples = samples_of(source)
    subjects = []
    for server in servers:
        if not any(server.answers(row, options.database) for row in rows):
            continue
        url = copied(source, server.name, folder)
        stack.callback(dropped, url)
        if options.against is not None and server.root is None:
            migrated(url)
        visibilities = PUBLIC if options.anonymous else EVERYTHING
        try:
            process = stack.enter_context(running(server, url, folder, visibilities=visibilities))
        except MissingError as error:
            print(f"without {server.name}: {error}")
            continue
        token = None if options.anonymous else TOKEN
        subject = Subject(server, process, samples, token=token, dialect=options.database)
        subjects.append(subject)
    return subjects


def _measured(subjects: Sequence[Subject], rows: Sequence[Row], options: argparse.Namespace) -> Table:
    asked = {row.name: [one for one in subjects if one.has(row)] for row in rows}
    for row in rows:
        if not row.writes:
            check_alike(asked[row.name], row)
    print(
        f"{options.size} incidents, {options.database}, {'anonymous' if options.anonymous else 'with a token'}, "
        f"{CONNECTIONS} connections, medians of {options.rounds} rounds of {options.seconds:g} s; all reads are alike"
    )
    table: Table = {}
    for row in rows:
        table[row.name] = measured(asked[row.name], row, rounds=options.rounds, seconds=options.seconds)
        print_row(row, table[row.name])
    return table


def print_row(row: Row, figures: dict[str, Figures]) -> None:
    """Print what one row costs each server."""
    print(f"\n{row.title}\n{'server':<14}{'CPU us':>9}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}{'a second':>10}  failed")
    for name, one in figures.items():
        print(
            f"{name:<14}{one.cpu_micros:>9.0f}{_ratio(figures, name):>8}{one.p50_millis:>9.1f}{one.p99_millis:>9.1f}"
            f"{one.per_second:>10.0f}  {one.failures or ''} {one.complaint}".rstrip(),
            flush=True,
        )


def _print_summary(table: Table, rows: Sequence[Row], names: Sequence[str]) -> None:
    print(f"\n{'CPU us (ratio)':<38}{''.join(f'{name:>18}' for name in names)}")
    for row in rows:
        figures = table[row.name]
        cells = [
            f"{figures[name].cpu_micros:.0f} ({_ratio(figures, name)})" if name in figures else "-" for name in names
        ]
        print(f"{row.title:<38}{''.join(f'{cell:>18}' for cell in cells)}")


def _print_instructions(size: int) -> None:
    source = filled(size, "sqlite", ROOT)
    counts = {}
    for server in SUBJECTS:
        with tempfile.TemporaryDirectory(prefix="incidentql-http-") as folder:
            counts[server.name] = counted(server, copied(source, server.name, Path(folder)))
    print(f"{'thousand instructions':<24}{''.join(f'{name:>16}' for name in counts)}{'ratio':>8}")
    by_hand, ours = counts.values()
    for name, count in by_hand.items():
        print(f"{name:<24}{count / 1000:>16.0f}{ours[name] / 1000:>16.0f}{ours[name] / count:>8.2f}")


def _ratio(figures: dict[str, Figures], name: str) -> str:
    base = figures.get(HAND_WRITTEN.name)
    return f"{figures[name].cpu_micros / base.cpu_micros:.2f}" if base and base.cpu_micros else "-"


if __name__ == "__main__":
    main()
