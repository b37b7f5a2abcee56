"""Open pages whose server is killed, in short; the command does it for long, and times it."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.pages_live import watch_pages

pytestmark = pytest.mark.chromium


async def test_open_pages_show_what_the_server_has_after_it_was_killed(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "incidents.db")
    paths = {"board": "", "wall": "wall"}
    result = await watch_pages(f"sqlite:///{tmp_path}/incidents.db", kills=1, seed=1, timed=1, paths=paths)
    assert result.violations == []
    assert result.kills == 1
    assert len(result.latencies) == 1
