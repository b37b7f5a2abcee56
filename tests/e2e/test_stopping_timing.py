"""An idle server stops so quickly that nobody who presses Ctrl-C waits for it."""

import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.server import running_server

pytestmark = pytest.mark.timing

STOP_SECONDS = 0.5


async def test_an_idle_server_stops_quickly(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "idle.db")
    async with running_server(f"sqlite:///{tmp_path}/idle.db") as server:
        server.terminate()
        began = time.monotonic()
        assert await server.ended() == 0
        assert time.monotonic() - began < STOP_SECONDS
