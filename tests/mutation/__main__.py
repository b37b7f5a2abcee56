"""A command that runs the tests of some modules on a sample of their mutants and lists the survivors."""

import argparse
import json
import os
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, sampled
from tests.mutation.processes import Mutation

_ROOT = Path(__file__).parents[2]
_SECTIONS = Path(__file__).with_name("sections.toml")
_EQUIVALENT = Path(__file__).with_name("equivalent.toml")
_QUIET = ["-q", "-n0", "-p", "no:cacheprovider", "--no-header"]


def main() -> None:
    """Run the named sections, or all."""
    sections: Mapping[str, Mapping[str, Sequence[str]]] = tomllib.loads(_SECTIONS.read_text())
    options = _options(list(sections))
    os.chdir(_ROOT)
    options.out.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + options.seconds
    for name in options.sections or sections:
        _run(name, sections[name], options, ends)
    for name in sections:
        _report(name, options)


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"one of {', '.join(names)}")
    parser.add_argument("--only", default="*", metavar="GLOB", help="the modules of those sections that match, by name")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each module; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further mutant after so long")
    parser.add_argument("--again", action="store_true", help="after new tests: try those again that were not killed")
    parser.add_argument(
        "--out", type=Path, default=_ROOT / ".mutants", help="where outcomes are kept; a run goes on there"
    )
    return parser.parse_args()


def _run(name: str, section: Mapping[str, Sequence[str]], options: argparse.Namespace, ends: float) -> None:
    settled = {"killed", "late"} if options.again else None
    known = {key for key, row in _outcomes(name, options).items() if settled is None or row["outcome"] in settled}
    paths = {path for pattern in section["sources"] for path in Path().glob(pattern)}
    sources = sorted(str(path) for path in paths if fnmatch(path.stem, options.only))
    found = [each for source in sources for each in sampled(_ROOT, source, count=options.sample, seed=options.seed)]
    mutants = [mutant for mutant in found if mutant.name not in known]
    if not mutants or time.monotonic() > ends:
        return
    needs = section.get("needs", ())
    plugin = Mutation(_ROOT, mutants, partial(_keep, name, options), needs=needs, ends=ends)
    # In a process of its own: each section begins with nothing imported.
    child = os.fork()
    if child == 0:
        os._exit(pytest.main([*_QUIET, *section["tests"]], plugins=[plugin]))
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit(f"the mutants of {name} could not be run")


def _kept(name: str, options: argparse.Namespace) -> Path:
    path: Path = options.out / f"{name}.jsonl"
    return path


def _outcomes(name: str, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    path = _kept(name, options)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {row["name"]: row for row in rows}


def _keep(name: str, options: argparse.Namespace, mutant: Mutant, ended: str, by: str | None) -> None:
    row = {"name": mutant.name, "path": mutant.path, "line": mutant.line, "outcome": ended, "by": by}
    with _kept(name, options).open("a") as file:
        file.write(json.dumps(row | {"before": mutant.before, "after": mutant.after}) + "\n")


def _report(name: str, options: argparse.Namespace) -> None:
    equivalent: Mapping[str, Mapping[str, str]] = tomllib.loads(_EQUIVALENT.read_text())
    rows = list(_outcomes(name, options).values())
    for row in rows:
        if row["outcome"] == "survived" and f"{row['before']} -> {row['after']}" in equivalent.get(row["path"], {}):
            row["outcome"] = "equivalent"
    for path in sorted({row["path"] for row in rows}):
        counted = Counter(row["outcome"] for row in rows if row["path"] == path)
        killed = counted["killed"] + counted["late"]
        tried = counted.total() - counted["not tried"] - counted["equivalent"]
        share = f"{killed / tried:.0%}" if tried else "-"
        others = ", ".join(f"{counted[each]} {each}" for each in ("late", "equivalent", "not tried"))
        print(f"{path}: {killed} of {tried} killed ({share}), {others}")
    for row in rows:
        if row["outcome"] in {"survived", "untested", "unclear"}:
            print(f"  {row['outcome']}: {row['path']}:{row['line']}\n    - {row['before']}\n    + {row['after']}")


if __name__ == "__main__":
    main()
