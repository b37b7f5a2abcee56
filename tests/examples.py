"""Random examples of properties: a fifth of them in a usual run, all of them with EXAMPLES=all."""

import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, settings

First = TypeVar("First")
Second = TypeVar("Second")
#: A usual run tries one in so many.
_ONE_IN = 1 if os.environ.get("EXAMPLES") == "all" else 5


def examples(count: int) -> settings:
    """Return the settings of a property that is tried on so many examples, however slow the machine is."""
    return settings(max_examples=share(count), deadline=None, suppress_health_check=list(HealthCheck))


def pairs(first: Sequence[First], second: Sequence[Second]) -> Iterator[tuple[First, Second]]:
    """Yield pairs of the two, in a usual run a fifth of all: each of the one with some of the other."""
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            if (row + column) % _ONE_IN == 0:
                yield one, other


def some(cases: Sequence[First]) -> Sequence[First]:
    """Return a fifth of these cases in a usual run."""
    return cases[::_ONE_IN]


def share(count: int) -> int:
    """Return how many of so many random cases a usual run tries."""
    return -(-count // _ONE_IN)
