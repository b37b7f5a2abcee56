"""Garbage collection of tests: none while they are imported, and never again of objects that stay until the end.

A full collection traverses all objects: a million of imported modules, and thousands more after each file of tests.
"""

import gc
from collections.abc import Generator

import pytest

gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Enable garbage collection when all tests are imported."""
    result = yield
    # Imports leave little garbage: to look for it would take half a second in each worker.
    gc.freeze()
    gc.enable()
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Exclude the objects that remain after the last test of a file."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        _exclude_the_living()
    return result


def _exclude_the_living() -> None:
    gc.collect()
    gc.freeze()
