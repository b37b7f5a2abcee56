"""The order of tests: more workers than cores, because tests wait a lot, and timing tests at the end, alone.

Those that wait most are spread among the others.
"""

import os
from pathlib import Path

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

#: The end of the names of files whose tests measure wall clock or CPU.
TIMING = "_timing.py"
#: Folders of tests that wait for processes, browsers and servers: beside each other they would leave the cores idle.
_WAITING = {"benchmarks", "docs", "e2e"}
#: The part of the whole run over which they are spread.
_SPREAD = 0.85


class TimingLast(LoadFileScheduling):  # type: ignore[misc] # the library has no types
    """A scheduler that gives each free worker the next file, and timing tests to one once the others have ended."""

    @override
    def _assign_work_unit(self, node: WorkerController) -> None:
        if self.nodes == [node] or not self._is_timing_next():
            super()._assign_work_unit(node)

    @override
    def _reschedule(self, node: WorkerController) -> None:
        others = [other for other in self.nodes if other is not node]
        if not self._is_timing_next() or not others:
            super()._reschedule(node)
        elif not all(other.shutting_down for other in others):
            # This worker ends after its present file; the remaining one runs the timing tests.
            node.shutdown()

    @override
    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        # After each test the library counts what is left of all the files that a worker has.
        units = self.assigned_work[node]
        file = self._split_scope(self.registered_collections[node][item_index])
        if all(units[file].values()):
            del units[file]

    @override
    def remove_node(self, node: WorkerController) -> str | None:
        crashed: str | None = super().remove_node(node)
        if self.workqueue and len(self.nodes) == 1:
            self._reschedule(self.nodes[0])
        return crashed

    def _is_timing_next(self) -> bool:
        return next(iter(self.workqueue), "").endswith(TIMING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TimingLast | None:
    """Return the scheduler above where tests are distributed by file."""
    return TimingLast(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Return the number of workers, unless the environment sets it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that mostly wait among those that compute, and move timing tests to the end."""
    files = list(dict.fromkeys(item.path for item in items))
    waiting = [file for file in files if _WAITING.intersection(file.parts)]
    # Those of the whole checkout are few and long: at the end, the other workers would wait for them.
    computing = sorted(
        (file for file in files if not _WAITING.intersection(file.parts)),
        key=lambda file: file.parent != Path(__file__).parent,
    )
    place = {file: number / len(computing) for number, file in enumerate(computing)}
    place |= {file: _SPREAD * number / len(waiting) for number, file in enumerate(waiting)}
    # Files are few, but a sort by their place alone could mix two of the same place.
    items.sort(key=lambda item: (item.path.name.endswith(TIMING), place[item.path], str(item.path)))
