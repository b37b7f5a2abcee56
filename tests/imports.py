"""Imports of all tests, begun in each worker at another file: what one has compiled, the others need not compile.

On a clean checkout, all workers would compile the same file at the same time, one after another.
"""

from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Import the tests before they are collected in order, where one worker of several collects them."""
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        files = list(_files(session.config))
        number, count = int(worker["workerid"].removeprefix("gw")), int(worker["workercount"])
        first = len(files) * number // count
        for file in files[first:] + files[:first]:
            # What cannot be imported is reported by its collection.
            with suppress(Exception, pytest.skip.Exception):
                import_module(".".join(file.relative_to(session.config.rootpath).with_suffix("").parts))
    return (yield)


def _files(config: pytest.Config) -> Iterator[Path]:
    """Yield the files of tests in the folders that this run is about."""
    for argument in config.args:
        yield from sorted((config.invocation_params.dir / argument).rglob("test_*.py"))
