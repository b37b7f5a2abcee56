"""The board in Firefox: the path of somebody who looks, signs in, reports and resolves."""

import pytest

from tests.e2e.firefox import running_firefox
from tests.e2e.local import local_server
from tests.e2e.server import TOKEN, api_of

pytestmark = pytest.mark.firefox


async def test_a_change_from_elsewhere_shows_and_nothing_foreign_is_asked_for() -> None:
    async with local_server() as server, api_of(server) as api:
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
