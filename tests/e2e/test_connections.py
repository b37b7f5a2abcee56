import asyncio

import asyncpg
import pytest

from tests.e2e.api import Api
from tests.e2e.clusters import running_cluster
from tests.e2e.server import api_of, running_server

READ = "{ incidents(first: 20) { nodes { title systems { key } updates(first: 3) { nodes { message } } } } }"


@pytest.mark.postgres
async def test_a_process_under_load_holds_ten_connections_at_most() -> None:
    async with (
        running_cluster("max_connections = 14", "superuser_reserved_connections = 1") as cluster,
        running_server(cluster.url, broadcast_url=cluster.url) as server,
        api_of(server) as api,
    ):
        await api.create_system()
        watching = asyncio.create_task(_most(cluster.url))
        await asyncio.gather(*(_busy(api, number) for number in range(30)))
        watching.cancel()
        assert 6 <= await watching <= 11  # with the one that counts


async def _busy(api: Api, number: int) -> None:
    for round_ in range(2):
        await api.create_incident(f"{number}.{round_}")
        await api.run(READ)


async def _most(url: str) -> int:
    watcher = await asyncpg.connect(url)
    most = 0
    try:
        while True:
            now = await watcher.fetchval("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
            most = max(most, now)
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return most
    finally:
        await watcher.close()
