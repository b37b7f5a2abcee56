"""The board in Firefox: the path of somebody who looks, signs in, reports and resolves."""

from pathlib import Path

import pytest

from tests.e2e.firefox import running_firefox
from tests.e2e.server import TOKEN, api_of, running_server

pytestmark = pytest.mark.firefox


async def test_a_change_from_elsewhere_shows_and_nothing_foreign_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    async with running_server(url, sqlite_synchronous="NORMAL") as server, api_of(server) as api:
        await api.create_system()
        async with running_firefox() as firefox:
            await firefox.open(f"{server.url}/#token={TOKEN}")
            await firefox.wait_for("document.body.innerText.includes('admin')")
            assert await firefox.evaluate("location.hash + document.cookie") == ""
            await firefox.wait_for("document.querySelector('.connection')?.textContent === 'Live'")
            await api.create_incident("Nobody can pay")
            await firefox.wait_for("document.body.innerText.includes('Nobody can pay')")
            own = (server.url, server.url.replace("http", "ws", 1), "data:")
            assert [url for url in firefox.requests if not url.startswith(own)] == []
            assert firefox.complaints == []
