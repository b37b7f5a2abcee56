"""The benchmark of integrations runs to its end."""

import pytest

from tests.benchmarks import integrations


def test_the_benchmark_measures_repeats_and_new_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    integrations.main(["--alerts", "20", "--groups", "2", "--connections", "2", "--subscribers", "1"])
    printed = capsys.readouterr().out
    assert "repeats" in printed
    assert "one in ten new" in printed
    assert "1 subscribers: p50" in printed
