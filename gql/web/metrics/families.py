"""Families of metrics in the library's own form, and the names under which they are shown."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from domain.counting import Histogram

_PREFIX = "incidentql_"
#: The values of one sample's labels.
Labels = tuple[str, ...]
#: A number, or one for each combination of labels.
Value = float | Mapping[Any, float]


def counter(name: str, text: str, value: Value, labels: Labels = ()) -> Metric:
    """Return a counter: one number, or one for each combination of labels."""
    family = CounterMetricFamily(f"{_PREFIX}{name}", text, labels=labels)
    for values, number in _samples(value):
        family.add_metric(values, number)
    return family


def gauge(name: str, text: str, value: Value, labels: Labels = ()) -> Metric:
    """Return a gauge: one number, or one for each combination of labels."""
    family = GaugeMetricFamily(f"{_PREFIX}{name}", text, labels=labels)
    for values, number in _samples(value):
        family.add_metric(values, number)
    return family


def histogram(name: str, text: str, value: Histogram | Mapping[Any, Histogram], labels: Labels = ()) -> Metric:
    """Return a histogram, or one for each combination of labels."""
    family = HistogramMetricFamily(f"{_PREFIX}{name}", text, labels=labels)
    for values, each in [((), value)] if isinstance(value, Histogram) else value.items():
        bounds = [*map(str, map(float, each.bounds)), "+Inf"]
        up_to = accumulate(each.counts)
        family.add_metric(values, list(zip(bounds, map(float, up_to), strict=True)), sum_value=each.total)
    return family


def by_one(counts: Mapping[Any, float]) -> dict[Labels, float]:
    """Return counts by one label."""
    return {(str(name),): number for name, number in counts.items()}


def by_two(counts: Mapping[Any, float]) -> dict[Labels, float]:
    """Return counts by two labels."""
    return {(str(first), str(second)): number for (first, second), number in counts.items()}


def _samples(value: Value) -> Iterable[tuple[Labels, float]]:
    return value.items() if isinstance(value, Mapping) else [((), value)]
