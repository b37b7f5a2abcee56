"""Starts of processes that are not like the others: with a clock of their own, or with the code of a former commit.

Both begin as any other and are replaced in place, so that they keep their id, their output and who waits for them.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import gql.cli.commands
from tests.faults.outputs import FORMER, PRESENT
from tests.faults.patches import prepare

_ROOT = Path(__file__).parents[2]
_CLOCK = Path(__file__).with_name("clock.c")


def build_clock(folder: Path) -> Path | None:
    """Return the library that gives processes a clock of their own; None where there is no compiler."""
    library = folder / "clock.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_CLOCK), "-ldl"]
    with suppress(FileNotFoundError):
        subprocess.run(command, check=True)
        return library
    return None


def start(orders: Path, bug: str | None) -> None:
    """Prepare a process of the present code."""
    print(PRESENT, file=sys.stderr, flush=True)
    prepare(orders, bug)


def start_skewed(orders: Path, bug: str | None, library: Path, clock: Path) -> None:
    """Replace a process by one whose clock differs by the seconds that a file says."""
    environment = {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(clock), "PYTHONPATH": str(_ROOT)}
    _replace(environment, "-m", __name__, str(orders), bug or "")


def start_former(tree: Path) -> None:
    """Replace a process by one of the code in another folder, which takes no orders."""
    print(FORMER, file=sys.stderr, flush=True)
    _replace({"PYTHONPATH": str(tree)}, "-c", "from gql.cli.commands import main; main()")


def _replace(environment: Mapping[str, str], *arguments: str) -> None:
    python = [sys.executable, *arguments, *sys.argv[1:]]
    os.execve(sys.executable, python, {**os.environ, **environment})


def write_former(revision: str, folder: Path) -> bool:
    """Write the code of a commit into a folder, and return whether there is one."""
    with suppress(OSError, subprocess.CalledProcessError):
        archive = ["git", "-C", str(_ROOT), "archive", revision, "domain", "gql"]
        code = subprocess.run(archive, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=code)
        return True
    return False


if __name__ == "__main__":
    start(Path(sys.argv[1]), sys.argv[2] or None)
    del sys.argv[1:3]
    gql.cli.commands.main()
