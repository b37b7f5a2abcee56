from pathlib import Path

import pytest

from tests.e2e.processes import Command


async def test_a_process_that_does_not_end_is_reported_with_its_state(tmp_path: Path) -> None:
    command = Command("schema", folder=tmp_path)
    command.freeze()
    try:
        with pytest.raises(AssertionError, match=r"State:\tT \(stopped\), TracerPid:\t0"):
            await command.ended(seconds=0.1)
    finally:
        await command.close()
