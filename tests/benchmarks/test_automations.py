import pytest

from tests.benchmarks import automations


@pytest.mark.parametrize("dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_the_automations_benchmark_measures_short_runs_and_writes(
    dialect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    automations.main(["--runs", "5", "--waiting", "5", "--writes", "10", "--database", dialect])
    printed = capsys.readouterr().out
    assert "one incident.add_update" in printed
    assert "createIncident beside 5 waiting runs" in printed
