"""Counts and histograms that the parts of a server keep of their own work: an addition each, without names or locks."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
#: The upper bounds of histograms of short work, in seconds.
SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """The number of values up to each bound, and their sum; read and written in the event loop alone."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Iterable[float] = SHORT) -> None:
        self.bounds = tuple(bounds)
        #: For each bound the values between the one before it and itself, and those beyond the last one.
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def counted_from_zero(names: Iterable[T]) -> Counter[T]:
    """Return a count for each of these names, so that it is there before the first event: rates need a beginning."""
    return Counter(dict.fromkeys(names, 0))
