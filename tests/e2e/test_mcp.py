"""The official client of agents on a real server, as the page has it."""

import asyncio
import os
import sys

from tests.docs.blocks import ROOT, blocks_in
from tests.e2e.databases import fresh_database
from tests.e2e.server import TOKEN, api_of, running_server

PAGE = ROOT / "docs" / "mcp.md"


async def test_the_official_client_lists_and_calls_the_tools() -> None:
    [example] = [block for block in blocks_in("python") if block.page == PAGE]
    async with fresh_database("sqlite") as url, running_server(url) as server, api_of(server) as api:
        await api.create_system()
        await api.create_incident("Cards are refused")
        source = example.text.replace("http://127.0.0.1:8000", server.url).replace("CRITICAL", "MAJOR")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            source,
            env={**os.environ, "INCIDENTQL_TOKEN": TOKEN},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, failure = await process.communicate()
        complaints = server.stderr
    assert process.returncode == 0, failure.decode()
    *tools, found = printed.decode().splitlines()
    assert {"list_incidents", "create_incident"} <= set(tools)
    assert "Cards are refused" in found
    assert "mcp" not in complaints
