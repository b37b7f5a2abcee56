"""The npm client of Statuspage on a real server."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.docs.blocks import blocks_in
from tests.e2e.clients import node_output, statuspage
from tests.e2e.databases import fresh_database
from tests.e2e.server import api_of, running_server

pytestmark = pytest.mark.node


async def test_the_client_of_statuspage_reads_ours() -> None:
    async with fresh_database("sqlite") as url, running_server(url) as server, api_of(server) as api:
        await api.create_system()
        incident = await api.create_incident("Cards are refused")
        done = await api.create_incident("Over")
        await api.write("resolveIncident", id=done)
        times = [(datetime.now(UTC) + timedelta(hours=hours)).isoformat() for hours in (1, 2)]
        planned = {"title": "Upgrade", "systemIds": ["payments"], "startsAt": times[0], "endsAt": times[1]}
        await api.write("scheduleMaintenance", **planned)
        found = await statuspage(server)
        [example] = blocks_in("js")
        printed = await node_output(example.text.replace("http://127.0.0.1:8000", server.url))
    assert [component["name"] for component in found["components"]["components"]] == ["Payments"]
    assert [shown["name"] for shown in found["incidents"]["incidents"]] == ["Over", "Cards are refused"]
    assert [shown["id"] for shown in found["unresolved"]["incidents"]] == [incident]
    assert found["summary"]["incidents"] == found["unresolved"]["incidents"]
    assert found["status"]["status"] == found["summary"]["status"]
    lists = [found[name]["scheduled_maintenances"] for name in ("maintenances", "upcoming", "active")]
    assert printed == "Partial System Outage 1\n"
    # What it asks for as `active` is the list of what is to come.
    assert lists == [found["summary"]["scheduled_maintenances"]] * 3
    assert [shown["name"] for shown in lists[0]] == ["Upgrade"]
