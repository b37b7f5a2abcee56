"""A pytest plugin that runs all tests once, and then for each mutant, in a process, the tests that reach it."""

import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

from tests.mutation.changing import CannotBeImportedError, change
from tests.mutation.mutants import Mutant

#: Tests that need another database or program, or a machine at rest.
_LEFT_OUT = ("postgres", "node", "chromium", "timing")
_HANGING_SECONDS = 10
#: A failure after less was no deadline that ran out on a busy machine.
_PROMPT_SECONDS = 2
_ATTEMPTS = 3
_KILLED, _SURVIVED, _NOT_TRIED = 1, 0, 70
_OUTCOMES = {None: "late", _SURVIVED: "survived", _NOT_TRIED: "not tried"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """The end of a fork: its code, None where it was stopped, the number of passed tests, the seconds since then."""

    code: int | None
    passed: int
    seconds: float


class Mutation:
    """A plugin that tries mutants one after the other and passes each outcome on."""

    def __init__(
        self,
        root: Path,
        mutants: Sequence[Mutant],
        keep: Callable[[Mutant, str, str | None], None],
        *,
        needs: Sequence[str],
        ends: float,
    ) -> None:
        self._root = root
        self._mutants = mutants
        self._keep = keep
        self._ends = ends
        self._left_out = [marker for marker in _LEFT_OUT if marker not in needs]
        self._seconds: dict[str, float] = {}
        self._measures = True
        files = sorted({str(root / mutant.path) for mutant in mutants})
        # The fastest tracer knows no greenlets, in which all of the database layer runs.
        self._coverage = coverage.Coverage(
            data_file=None, include=files, concurrency=["thread", "greenlet"], config_file=False
        )

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        # What a fixture does for the first test of a file may be what the others rest on.
        self._enter(str(item.path))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        self._enter(item.nodeid)

    def _enter(self, context: str) -> None:
        if self._measures:
            self._coverage.switch_context(context)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in self._left_out)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        unsteady: list[pytest.Item] = []
        for item, following in _in_order(session, session.items):
            failed = session.testsfailed
            started = time.monotonic()
            _run(item, following)
            self._seconds[item.nodeid] = time.monotonic() - started
            if session.testsfailed > failed:
                unsteady.append(item)
        self._measures = False
        self._coverage.stop()
        # A test that fails without any mutant cannot judge mutants.
        session.items[:] = [item for item in session.items if item not in unsteady]
        session.testsfailed = 0
        tests = self._tests()
        for mutant in self._mutants:
            if time.monotonic() > self._ends:
                break
            self._keep(mutant, *self._try(session, mutant, tests))
        return True

    def _tests(self) -> dict[str, dict[int, list[str]]]:
        """Return the tests that ran each line of each module, and the files whose fixtures did."""
        data = self._coverage.get_data()
        return {file: data.contexts_by_lineno(file) for file in data.measured_files()}

    def _try(
        self, session: pytest.Session, mutant: Mutant, tests: dict[str, dict[int, list[str]]]
    ) -> tuple[str, str | None]:
        """Return what became of a mutant, and the test that killed it."""
        file = self._root / mutant.path
        reached = set(self._seconds)
        if mutant.first is not None and mutant.last is not None:
            lines = tests.get(str(file), {})
            reached = {test for line in range(mutant.first, mutant.last + 1) for test in lines.get(line, ())}
        items = self._quickest_first(
            [item for item in session.items if item.nodeid in reached or str(item.path) in reached]
        )
        if not items:
            # The context of no test is that of importing, which is over.
            return "not tried" if "" in reached else "untested", None
        seconds = 4 * max(self._seconds[item.nodeid] for item in items) + _HANGING_SECONDS
        for attempt in range(_ATTEMPTS):
            end = _forked(
                lambda sign: _run_all(session, items, sign, lambda: change(file, mutant.source)),
                seconds=seconds * 2**attempt,
            )
            outcome = _OUTCOMES.get(end.code, "killed")
            if outcome not in {"killed", "late"}:
                return outcome, None
            if _is_due_to_the_mutant(session, items, end):
                return outcome, items[end.passed].nodeid
        return "unclear", None

    def _quickest_first(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Return tests by the seconds that their files take; those of one file in their order, for what they share."""
        seconds: dict[Path, float] = {}
        for item in items:
            seconds[item.path] = seconds.get(item.path, 0) + self._seconds[item.nodeid]
        return sorted(items, key=lambda item: (seconds[item.path], item.path))


def _in_order(
    session: pytest.Session, items: Sequence[pytest.Item]
) -> Iterator[tuple[pytest.Item, pytest.Item | pytest.Session]]:
    """Return each item with the next one, and the last with the session, which keeps shared fixtures."""
    return zip(items, [*items[1:], session], strict=True)


def _run(item: pytest.Item, following: pytest.Item | pytest.Session) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _is_due_to_the_mutant(session: pytest.Session, items: Sequence[pytest.Item], end: _End) -> bool:
    """Return whether the failed test passes at this very moment without the mutant, however busy the machine is."""
    if end.code is not None and end.seconds < _PROMPT_SECONDS:
        return True
    failed = items[end.passed]
    # What comes before it in its file may be what it rests on.
    same = [item for item in items[: end.passed + 1] if item.path == failed.path]
    # Less than a fourth of the time: what is only slow is no hang.
    seconds = end.seconds / 4 if end.code is None else end.seconds + _HANGING_SECONDS
    return _forked(lambda sign: _run_all(session, same, sign), seconds=seconds).code == _SURVIVED


def _run_all(
    session: pytest.Session,
    items: Sequence[pytest.Item],
    after_each: Callable[[], None],
    begin: Callable[[], bool] = lambda: True,
) -> int:
    try:
        if not begin():
            return _NOT_TRIED
    except CannotBeImportedError:
        return _KILLED
    for item, following in _in_order(session, items):
        item._initrequest()  # type: ignore[attr-defined]  # as plugins do that run a test again
        _run(item, following)
        if session.testsfailed:
            return _KILLED
        after_each()
    return _SURVIVED


def _forked(work: Callable[[Callable[[], None]], int], *, seconds: float) -> _End:
    """Run work in a process of its own, and stop it where no heartbeat came for so long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = _NOT_TRIED
        try:
            os.setpgid(0, 0)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            code = work(lambda: _give_sign(writing))
        except BaseException:  # noqa: BLE001 - no caller above this catches errors
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    alive, passed, since = True, 0, time.monotonic()
    while alive and select.select([reading], [], [], max(0.0, since + seconds - time.monotonic()))[0]:
        alive = bool(os.read(reading, 1))
        if alive:
            passed, since = passed + 1, time.monotonic()
    took = time.monotonic() - since
    os.close(reading)
    if alive:
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return _End(code=None if code == -signal.SIGKILL else code, passed=passed, seconds=took)


def _give_sign(pipe: int) -> None:
    os.write(pipe, b".")
