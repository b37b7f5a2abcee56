"""Processes of the command line, forked from one that has imported it, which takes a tenth of a fresh start."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import gql.cli.commands

EXIT_SECONDS = 60

# The children have their own memory, files and signals, so `kill -9` and exit codes are what they are anywhere.
_context = multiprocessing.get_context("forkserver")
# Servers need them all; imported once, here, they take no time of each.
_context.set_forkserver_preload(["gql.cli.commands", "tests.e2e.preloaded"])
#: On a busy machine, any operation may be slow; what tests look for in the log are faults.
_QUIET = {"INCIDENTQL_SLOW_OPERATION_MILLIS": "0"}


def process_of(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Return a process that calls a function of a module once it is started."""
    return _context.Process(target=target, args=arguments, daemon=True)


def cpu_seconds_of(process: int) -> float:
    """Return the CPU seconds of all threads of a process."""
    # The name, which may hold spaces, ends with the last bracket (proc_pid_stat(5)).
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


class Command:
    """A running `incidentql ...` with its output in two files; `prepare` is called first, in its process."""

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._stdout, self._stderr = folder / "stdout.log", folder / "stderr.log"
        for file in (self._stdout, self._stderr):
            file.touch()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INCIDENTQL_")}
        settings = inherited | _QUIET | dict(environment or {})
        self._process = process_of(_main, arguments, settings, str(self._stdout), str(self._stderr), prepare)
        self._process.start()

    @property
    def stdout(self) -> str:
        """The standard output of all commands in this folder."""
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        """The standard error of all commands in this folder."""
        return self._stderr.read_text()

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """The CPU seconds of all its threads."""
        return cpu_seconds_of(self.pid)

    @property
    def resident_megabytes(self) -> float:
        """The memory that it has, without what is swapped."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000

    @property
    def _state(self) -> str:
        """The state that the kernel shows: a killed process may be held by a profiler that traces it."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return ", ".join(line for line in lines if line.startswith(("State:", "TracerPid:")))

    @property
    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._process.kill()

    def freeze(self) -> None:
        """Suspend it with SIGSTOP."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it with SIGCONT."""
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self._process.terminate()

    def interrupt(self) -> None:
        """Send it SIGINT, as Ctrl-C does."""
        os.kill(self._process.pid or 0, signal.SIGINT)

    async def ended(self, *, seconds: float = EXIT_SECONDS) -> int:
        """Wait for its end and return the exit code, negative after a signal."""
        # Waited for in a thread, but read here: starting a process also reads the codes of all others, and
        # of two threads that read at once one finds no code and reports 255.
        await asyncio.to_thread(connection.wait, [self._process.sentinel], seconds)
        code = self._process.exitcode
        assert code is not None, f"still running after {seconds} s, {self._state}:\n{self.stderr}"
        return code

    async def close(self) -> None:
        """Kill it if it still runs."""
        with suppress(ValueError):
            self._process.kill()
            await self.ended()
            self._process.close()


def children_of(parent: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def is_running(process: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def run_command(
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
) -> tuple[int, str, str]:
    """Run a command that ends by itself and return its exit code, stdout and stderr."""
    command = Command(*arguments, folder=folder, environment=environment, prepare=prepare)
    try:
        return await command.ended(), command.stdout, command.stderr
    finally:
        await command.close()


def _main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    stdout: str,
    stderr: str,
    prepare: Callable[[], None] | None,
) -> None:
    for path, stream in ((stdout, sys.stdout), (stderr, sys.stderr)):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(file, stream.fileno())
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["incidentql", *arguments]
    # A script that runs the tests in the background makes all their children ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if prepare is not None:
        prepare()
    gql.cli.commands.main()
