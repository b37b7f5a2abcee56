from shutil import which

import pytest

from tests.benchmarks import fanout


@pytest.mark.skipif(which("gcc") is None or which("taskset") is None, reason="no gcc or no taskset on PATH")
def test_the_fanout_benchmark_measures_our_server_beside_raw_writes(capsys: pytest.CaptureFixture[str]) -> None:
    fanout.main(["--n", "20", "--events", "2", "--rounds", "1", "--only", "raw,ours wire"])
    printed = capsys.readouterr().out
    assert "20 sockets" in printed
    assert "raw wire" in printed
    assert "ours wire" in printed
    assert "without" not in printed


@pytest.mark.skipif(which("gcc") is None or which("taskset") is None, reason="no gcc or no taskset on PATH")
def test_the_fanout_benchmark_measures_lists_beside_changes(capsys: pytest.CaptureFixture[str]) -> None:
    fanout.main(["--list", "--n", "8", "--events", "2", "--rounds", "1", "--only", "changes,list of 100"])
    printed = capsys.readouterr().out
    assert "8 sockets" in printed
    assert "list of 100" in printed
    assert "without" not in printed
