"""`python -m tests.benchmarks.http`: what requests cost this server, beside other servers on the same data.

CPU is that of the server's processes, in us a request; ratios are to the server written by hand. Servers run on core 0
and the load client on core 1, in turns. The other servers know neither tokens nor limits, and keep no history.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.http.data import CACHE, SIZES, copied, dropped, filled, migrated, smallest_first
from tests.benchmarks.http.documents import ROWS, Row
from tests.benchmarks.http.growth import growth_of
from tests.benchmarks.http.instructions import counted
from tests.benchmarks.http.measuring import CONNECTIONS, Figures, Subject, check_alike, measured, settle
from tests.benchmarks.http.samples import samples_of
from tests.benchmarks.http.servers import ALL, EVERYTHING, HAND_WRITTEN, OURS, PUBLIC, TOKEN, Server, running
from tests.benchmarks.servers import CLIENT_CORE, ROOT, MissingError

Named = TypeVar("Named", Row, Server)
Table = dict[str, dict[str, Figures]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.instructions:
        try:
            _print_instructions(SIZES[options.size[0]], _chosen(ROWS, options.ops), options.against)
        except MissingError as error:
            raise SystemExit(str(error)) from None
        return
    os.sched_setaffinity(0, {min(CLIENT_CORE, (os.cpu_count() or 1) - 1)})
    rows = [row for row in _chosen(ROWS, options.ops) if not (row.writes and options.anonymous)]
    servers = [server for server in _chosen(ALL, options.only) if server.runs_on(options.database)]
    if options.against is not None:
        servers.append(Server(name="against", root=options.against))
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="incidentql-http-", dir=CACHE) as name, ExitStack() as stack:
        # All sizes at once, so that what else this machine does meets them alike.
        started = {size: _started(servers, options, rows, size, Path(name), stack) for size in options.size}
        settle([subject for subjects in started.values() for subject in subjects])
        tables = _measured(started, rows, options)
    for size, subjects in started.items():
        print(f"\n{size} incidents", end="")
        _print_summary(tables[size], rows, [one.name for one in subjects])
    if len(tables) > 1:
        print("", *growth_of(tables, rows), sep="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.http", description=__doc__)
    parser.add_argument("--size", default=["10k"], type=_sizes, help=f"incidents there are: of {', '.join(SIZES)}")
    parser.add_argument("--database", default="sqlite", choices=("sqlite", "postgresql"))
    callers = parser.add_mutually_exclusive_group()
    callers.add_argument("--token", action="store_true", help="ours is called with an admin's token; the default")
    callers.add_argument("--anonymous", action="store_true", help="ours is called without one; reads only")
    parser.add_argument("--only", default="", help=f"names of servers: {', '.join(one.name for one in ALL)}")
    parser.add_argument("--ops", default="", help=f"names of rows: {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--instructions", action="store_true", help="count those of one request, by callgrind")
    parser.add_argument("--shared", action="store_true", help="all on one copy: those of a million take 14 GB each")
    parser.add_argument("--against", type=_folder, help="another checkout of this project; it fills the database")
    return parser


def _sizes(names: str) -> list[str]:
    """Several of them print how costs grow from the smallest to the largest."""
    sizes = names.lower().split(",")
    if unknown := set(sizes) - SIZES.keys():
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return smallest_first(sizes)


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
    servers: Sequence[Server],
    options: argparse.Namespace,
    rows: Sequence[Row],
    size: str,
    folder: Path,
    stack: ExitStack,
) -> list[Subject]:
    """All servers, each on its own copy of the data; those that this machine cannot run are left out."""
    source = filled(SIZES[size], options.database, options.against or ROOT)
    samples = samples_of(source)
    subjects, shared = [], ""
    for server in servers:
        if not any(server.answers(row, options.database) for row in rows):
            continue
        url = shared or copied(source, f"{size}_{server.name}", folder)
        if not shared:
            stack.callback(dropped, url)
        if options.shared:
            shared = url
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


def _measured(
    started: Mapping[str, Sequence[Subject]], rows: Sequence[Row], options: argparse.Namespace
) -> dict[str, Table]:
    """The figures of each size, by row and by server."""
    for row in (row for row in rows if not row.writes):
        for subjects in started.values():
            check_alike([one for one in subjects if one.has(row)], row)
    print(
        f"{', '.join(started)} incidents, {options.database}, {'anonymous' if options.anonymous else 'with a token'}, "
        f"{CONNECTIONS} connections, medians of {options.rounds} rounds of {options.seconds:g} s; all reads are alike"
    )
    tables: dict[str, Table] = {size: {} for size in started}
    for row in rows:
        asked = [(size, one) for size, subjects in started.items() for one in subjects if one.has(row)]
        figures = measured([one for _, one in asked], row, rounds=options.rounds, seconds=options.seconds)
        for size in started:
            names = [(one.name, place) for place, (of, one) in enumerate(asked) if of == size]
            tables[size][row.name] = {name: figures[place] for name, place in names}
            print_row(row, tables[size][row.name], size=size)
    return tables


def print_row(row: Row, figures: Mapping[str, Figures], *, size: str) -> None:
    """Print what one row costs each server."""
    print(f"\n{row.title}, {size}")
    print(f"{'server':<14}{'CPU us':>9}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}{'a second':>10}  failed")
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


def _print_instructions(size: int, rows: Sequence[Row], against: Path | None) -> None:
    """Print what one request costs ours, and the server written by hand or another checkout of ours."""
    source = filled(size, "sqlite", against or ROOT)
    counts = {}
    for server in (HAND_WRITTEN if against is None else Server(name="against", root=against), OURS):
        with tempfile.TemporaryDirectory(prefix="incidentql-http-", dir=CACHE) as folder:
            url = copied(source, server.name, Path(folder))
            if against is not None and server is OURS:
                migrated(url)
            counts[server.name] = counted(server, url, rows)
    print(f"{'thousand instructions':<24}{''.join(f'{name:>16}' for name in counts)}{'ratio':>8}")
    base, ours = counts.values()
    for name, count in base.items():
        print(f"{name:<24}{count / 1000:>16.0f}{ours[name] / 1000:>16.0f}{ours[name] / count:>8.2f}")


def _ratio(figures: Mapping[str, Figures], name: str) -> str:
    base = figures.get(HAND_WRITTEN.name)
    return f"{figures[name].cpu_micros / base.cpu_micros:.2f}" if base and base.cpu_micros else "-"


if __name__ == "__main__":
    main()
