"""The benchmark of many sockets runs to its end."""

import pytest

from tests.benchmarks import soak

pytestmark = pytest.mark.redis


def test_the_benchmark_counts_what_arrives_at_every_socket(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--database", "sqlite", "--workers", "2", "--sockets", "8", "--clients", "2", "--groups", "2"]
    assert soak.main([*options, "--rate", "20", "--minutes", "0.02", "--interval", "0.5"]) == 0
    printed = capsys.readouterr().out
    assert "2 workers: 8 sockets in 2 groups" in printed
    assert "pushes/s" in printed
    assert "0 violations" in printed
