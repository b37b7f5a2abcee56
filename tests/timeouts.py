"""A timeout ends one test: its alarm is set while a part of that test runs, and not while the report of it is sent."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_timeout import Settings, is_debugging

#: Whatever swallows the failure, such as a callback of an event loop, meets it again after so many seconds.
_AGAIN_SECONDS = 5.0
_SECONDS = pytest.StashKey[float]()


class TimedOut(SystemExit):
    """The failure of a test that took too long; uvloop hands on no other one that is raised while it waits."""


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Settings) -> bool:
    """Note how long each part of a test may take, instead of setting an alarm for all of it and what lies between."""
    item.stash[_SECONDS] = settings.timeout
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer() -> bool:
    """Return that there is nothing to cancel any more."""
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Bound what comes before a test."""
    with _alarm(item):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Bound a test."""
    with _alarm(item):
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Bound what comes after a test."""
    with _alarm(item):
        yield


@contextmanager
def _alarm(item: pytest.Item) -> Iterator[None]:
    seconds = item.stash.get(_SECONDS, 0.0)

    def ring(*_: object) -> None:
        if not is_debugging():
            raise TimedOut(f"Timeout: not over after {seconds:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS if seconds else 0.0)
    try:
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            # The alarm may have rung just before the line above.
            signal.setitimer(signal.ITIMER_REAL, 0)
