"""A server behind a pooler: nothing of one client's session reaches another, in either of pgbouncer's modes."""

import asyncio

import asyncpg
import pytest

from domain.persistence.postgres import is_pooled
from tests.e2e.clusters import running_cluster, running_pooler
from tests.e2e.server import Server, api_of, running_server
from tests.e2e.subscriber import Subscriber

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.pgbouncer,
]
WARNING = "the database is behind a pooler"


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_two_servers_behind_a_pooler_write_read_push_and_run_automations(mode: str) -> None:
    async with running_cluster() as cluster, running_pooler(cluster, mode=mode) as pooled:
        # In session mode each connection of a client keeps one of the pooler's four.
        servers = [
            running_server(pooled, direct_database_url=cluster.url, broadcast_url=pooled, postgres_connections="7")
            for _ in range(2)
        ]
        async with servers[0] as first, servers[1] as second:
            await _works(first, second)
            assert WARNING not in first.stderr + second.stderr


async def test_a_start_behind_a_pooler_without_a_direct_url_logs_one_warning() -> None:
    async with running_cluster() as cluster, running_pooler(cluster, mode="transaction") as pooled:
        async with running_server(pooled, automations="false") as server, api_of(server) as api:
            await api.create_system()
            lines = server.stderr.splitlines()
        assert [WARNING in line for line in lines] == [True]
        assert "INCIDENTQL_DIRECT_DATABASE_URL" in lines[0]
        for url, expected in ((cluster.url, False), (pooled, True)):
            connection = await asyncpg.connect(url)
            assert await is_pooled(connection) is expected
            await connection.close()


async def _works(first: Server, second: Server) -> None:
    async with api_of(first) as api, api_of(second) as other:
        subscriber = Subscriber(second, after=await api.create_system())
        following = asyncio.create_task(subscriber.run())
        await asyncio.gather(
            *(client.create_incident(f"At once {number}") for number in range(30) for client in (api, other))
        )
        last = await api.run("{ incidentChanges(last: 1) { nodes { id } } }")
        assert await subscriber.until(last["incidentChanges"]["nodes"][0]["id"], seconds=10)
        following.cancel()
    assert len(subscriber.seen) == len(set(subscriber.seen)) == 60
