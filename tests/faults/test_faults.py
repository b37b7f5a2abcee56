"""The order by which one process of several dies; the harness itself is a command."""

from pathlib import Path

from tests.faults.patches import BEFORE_COMMIT, _is_told


def test_one_process_alone_takes_the_order_to_die(tmp_path: Path) -> None:
    order = tmp_path / BEFORE_COMMIT
    assert not _is_told(order)
    order.touch()
    assert [_is_told(order), _is_told(order)] == [True, False]
