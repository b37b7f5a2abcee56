import asyncio
from urllib.parse import urlsplit

import pytest

from tests.e2e.databases import on_postgres
from tests.e2e.server import api_of, running_server
from tests.e2e.subscriber import Subscriber

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_server_recovers_when_postgresql_ends_its_connections(database_url: str) -> None:
    name = urlsplit(database_url).path.removeprefix("/")
    # A read of the log that is cut off is logged with its trace, and tried again.
    broken = running_server(database_url, may_complain=True, broadcast_url=database_url)
    async with broken as server, api_of(server) as api:
        subscriber = Subscriber(server, after=await api.create_system())
        following = asyncio.create_task(subscriber.run())
        for number in range(3):
            await api.create_incident(f"Before {number}")
            await on_postgres(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
            await api.create_incident(f"After {number}")
        last = await api.run("{ incidentChanges(last: 1) { nodes { id } } }")
        assert await subscriber.until(last["incidentChanges"]["nodes"][0]["id"], seconds=10)
        following.cancel()
    assert len(subscriber.seen) == len(set(subscriber.seen)) == 6
    assert subscriber.connections == 1
