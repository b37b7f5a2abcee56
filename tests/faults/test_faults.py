"""The short form of the harness, and proof that its checks can fail."""

from pathlib import Path

from tests.faults.patches import BEFORE_COMMIT, _is_told
from tests.faults.running import Plan, run

_KINDS = ("die-at-commit", "cut-clients")


async def test_faults_under_load_lose_and_invent_nothing() -> None:
    result = await run(Plan(dialect="sqlite", faults=2, seed=1, kinds=_KINDS, small=True))
    assert result.violations == []
    assert (result.faults, *sorted(result.tallies)) == (2, *sorted(_KINDS))
    assert result.changes > 0
    assert result.events > 0
    assert result.delivered > 0


def test_one_process_alone_takes_the_order_to_die(tmp_path: Path) -> None:
    order = tmp_path / BEFORE_COMMIT
    assert not _is_told(order)
    order.touch()
    assert [_is_told(order), _is_told(order)] == [True, False]
