"""A server behind a pooler: nothing of one client's session reaches another, in either of pgbouncer's modes."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
import pytest_asyncio
from strawberry.types import ExecutionResult

from domain.bootstrap import running_domain
from domain.persistence.postgres import is_pooled
from domain.settings import Settings
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.e2e.clusters import Cluster, running_cluster, running_pooler
from tests.e2e.processes import run_command
from tests.e2e.server import Server, api_of, running_server
from tests.e2e.subscriber import Subscriber
from tests.factories import make_incident

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.pgbouncer,
    pytest.mark.asyncio(loop_scope="module"),
]
WARNING = "the database is behind a pooler"
_BY_ID = "query ById($id: ID!) { incident(id: $id) { title updates { nodes { message } } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Start a PostgreSQL whose database `migrated` each test copies."""
    async with running_cluster() as running:
        await _execute(running, "CREATE DATABASE migrated")
        arguments = ("migrate", "--database-url", running.url_of("migrated"))
        outcome = await run_command(*arguments, folder=tmp_path_factory.mktemp("migrated"))
        assert outcome[0] == 0, outcome
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def database(cluster: Cluster) -> str:
    """Return the name of a migrated database of this test alone."""
    name = f"test_{uuid.uuid4().hex}"
    await _execute(cluster, f"CREATE DATABASE {name} TEMPLATE migrated")
    return name


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_two_servers_behind_a_pooler_write_read_push_and_run_automations(
    mode: str, cluster: Cluster, database: str
) -> None:
    async with running_pooler(cluster, mode=mode, database=database) as pooled:
        direct = cluster.url_of(database)
        # In session mode each connection of a client keeps one of the pooler's four.
        servers = [
            running_server(pooled, direct_database_url=direct, broadcast_url=pooled, postgres_connections="7")
            for _ in range(2)
        ]
        async with servers[0] as first, servers[1] as second:
            await _works(first, second)
            assert WARNING not in first.stderr + second.stderr


async def test_a_start_behind_a_pooler_without_a_direct_url_logs_one_warning(cluster: Cluster, database: str) -> None:
    async with running_pooler(cluster, mode="transaction", database=database) as pooled:
        async with running_server(pooled, automations="false") as server, api_of(server) as api:
            await api.create_system()
            lines = server.stderr.splitlines()
        assert [WARNING in line for line in lines] == [True]
        assert "INCIDENTQL_DIRECT_DATABASE_URL" in lines[0]
        for url, expected in ((cluster.url_of(database), False), (pooled, True)):
            connection = await asyncpg.connect(url)
            assert await is_pooled(connection) is expected
            await connection.close()


async def test_compiled_reads_behind_a_pooler_leave_no_statements_and_keep_the_deadline(
    cluster: Cluster, database: str
) -> None:
    async with running_pooler(cluster, mode="transaction", database=database) as pooled:
        settings = Settings(database_url=pooled, postgres_connections=18, automations=False, execution_seconds=1)
        async with running_domain(settings, live=False) as domain:
            compiled = CompiledOperations(schema, schema.documents, domain)
            incident = await make_incident(domain)

            async def ask() -> ExecutionResult | None:
                context = Context(domain=domain, request_id="req_1")
                return await compiled.execute(_BY_ID, {"id": incident.id}, None, context)

            await schema.execute(
                _BY_ID, variable_values={"id": incident.id}, context_value=Context(domain=domain, request_id="req_1")
            )
            await ask()
            # More at once than the pooler has servers, so that each read may get another one.
            for _ in range(5):
                for answer in await asyncio.gather(*(ask() for _ in range(20))):
                    assert answer is not None
                    assert answer.data == {"incident": {"title": incident.title, "updates": {"nodes": []}}}
            assert compiled.cache.hits == 100
            assert await _prepared_statements(pooled) == 0
            with cluster.frozen():
                late = await ask()
            assert late is not None
            assert [(error.extensions or {})["code"] for error in late.errors or ()] == ["TIMEOUT"]


async def _execute(cluster: Cluster, statement: str) -> None:
    connection = await asyncpg.connect(cluster.url)
    await connection.execute(statement)
    await connection.close()


async def _prepared_statements(pooled: str) -> int:
    """Return how many named statements there are on the servers behind a pooler, all of which are asked at once."""
    connections = [await asyncpg.connect(pooled, statement_cache_size=0) for _ in range(4)]
    async with AsyncExitStack() as stack:
        for connection in connections:
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(connection.transaction())
        found = [
            await each.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") for each in connections
        ]
    return sum(found)


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
