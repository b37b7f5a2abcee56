"""Processes of the command line, forked from one that has imported it: a start takes a tenth of what it takes anew."""

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
_context.set_forkserver_preload(["gql.cli.commands", "gql.cli.serving", "gql.cli.work", "gql.cli.automation_work"])


def process_of(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A process that will call a function of a module once it is started."""
    return _context.Process(target=target, args=arguments, daemon=True)


class Command:
    """One running `incidentql ...`, its output in two files; `prepare` is called in the process before it begins."""

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
        settings = inherited | dict(environment or {})
        self._process = process_of(_main, arguments, settings, str(self._stdout), str(self._stderr), prepare)
        self._process.start()

    @property
    def stdout(self) -> str:
        """What it and those before it in this folder printed."""
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        """What it and those before it in this folder complained of."""
        return self._stderr.read_text()

    @property
    def cpu_seconds(self) -> float:
        """How much CPU it has used, all its threads together."""
        # The name, which may hold spaces, ends with the last bracket (proc_pid_stat(5)).
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()

    def freeze(self) -> None:
        """Stop it where it is, as a machine does that is suspended."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self._process.pid or 0, signal.SIGINT)

    async def ended(self, *, seconds: float = EXIT_SECONDS) -> int:
        """Its exit code, once it is over; negative after a signal."""
        # Waited for in a thread, but read here: whoever starts a process reads the codes of all others as well, and of
        # two threads that read at once one finds nothing, which it takes for 255.
        await asyncio.to_thread(connection.wait, [self._process.sentinel], seconds)
        code = self._process.exitcode
        assert code is not None, f"still running after {seconds} s:\n{self.stderr}"
        return code

    async def close(self) -> None:
        """Leave nothing running."""
        with suppress(ValueError):
            self._process.kill()
            await self.ended()
            self._process.close()


async def run_command(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that ends by itself."""
    command = Command(*arguments, folder=folder, environment=environment)
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
    # Whoever runs the tests in the background of a script has Ctrl-C ignored in all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if prepare is not None:
        prepare()
    gql.cli.commands.main()
