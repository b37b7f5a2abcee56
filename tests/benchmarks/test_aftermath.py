import pytest

from tests.benchmarks import aftermath


@pytest.mark.parametrize("part", ["events", "routing", "runs", "wakes"])
def test_what_follows_a_write_is_measured(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    aftermath.main([part, "--rounds", "1", "--writes", "1", "--database", "sqlite"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert all("ms of CPU" in line and "statements" in line for line in lines)
