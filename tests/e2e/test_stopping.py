"""The bounded stop of a server whose database does not answer, or whose log nobody reads."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from gql.cli import stopping
from tests.e2e.api import Api
from tests.e2e.clusters import running_cluster
from tests.e2e.processes import process_of
from tests.e2e.server import api_of, running_server
from tests.e2e.stuck import CODE, stop_with_a_hanging_loop, stop_with_a_held_log

STOP_SECONDS = 1.0


def hurry() -> None:
    """Shorten the bound on stopping for the server of this test."""
    stopping.STOP_SECONDS = STOP_SECONDS


@pytest.mark.postgres
async def test_a_server_stops_in_time_while_its_database_is_frozen() -> None:
    async with (
        running_cluster() as cluster,
        running_server(cluster.url, broadcast_url=cluster.url, may_complain=True, prepare=hurry) as server,
        api_of(server) as api,
    ):
        await api.create_system()
        acknowledged = [await api.create_incident(f"Before {number}") for number in range(3)]
        with cluster.frozen():
            lost = [asyncio.create_task(_answered(api, f"Lost {number}")) for number in range(3)]
            assert (
                await asyncio.to_thread(httpx.get, f"{server.url}/livez", verify=False)
            ).status_code == httpx.codes.OK
            server.terminate()
            # Without a bound it would run on for as long as the database is frozen.
            code = await server.ended()
            assert not any(await asyncio.gather(*lost))
        assert code == 1
        logged = [line for line in server.stderr.splitlines() if "gql.cli.stopping" in line]
        assert len(logged) == 1
        assert "Traceback" not in server.stderr
        await server.start()
        found = (await api.run("{ incidents { nodes { id } } }"))["incidents"]["nodes"]
        assert set(acknowledged) <= {incident["id"] for incident in found}


async def _answered(api: Api, title: str) -> bool:
    """Return whether a create was acknowledged to its caller."""
    try:
        await api.create_incident(title)
    except (httpx.TransportError, AssertionError):
        return False
    return True


@pytest.mark.parametrize("stop", [stop_with_a_held_log, stop_with_a_hanging_loop], ids=["log", "loop"])
async def test_a_process_ends_in_time_while_nobody_reads_its_log(stop: Callable[[], None]) -> None:
    process = process_of(stop)
    process.start()
    try:
        await asyncio.to_thread(process.join, 50)
        assert process.exitcode == CODE
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()
