import time
import uuid
from collections.abc import AsyncIterator
from shutil import which

import pytest
import pytest_asyncio

from tests.addresses import redis_url
from tests.e2e.api import Api, mutation_text
from tests.e2e.clients import Client, graphql_sse, graphql_ws, subscribed
from tests.e2e.databases import fresh_database
from tests.e2e.server import TOKEN, Server, api_of, running_server

# A loop for each test would start the shared server again for each.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROLE = "{ viewer { role } }"
#: For what a client gets from any server, whatever its database.
on_sqlite = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
CLIENTS = [
    pytest.param("graphql-ws", marks=pytest.mark.node),
    pytest.param("graphql-sse", marks=pytest.mark.node),
    pytest.param("curl", marks=pytest.mark.skipif(which("curl") is None, reason="no curl on PATH")),
]


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """Yield a server with the system `payments`, which tests share that do not stop it."""
    async with fresh_database(request.param) as url, running_server(url) as server:
        async with api_of(server) as api:
            await api.create_system()
        yield server


@pytest.mark.parametrize("kind", CLIENTS)
async def test_a_client_gets_each_event_once_and_resumes_after_its_own_crash(kind: str, server: Server) -> None:
    async with api_of(server) as api:
        async with subscribed(kind, server, after=await present(api)) as client:
            incident = await life_of_an_incident(api)
            received = await client.events(3)
            await client.kill()
        missed = [await api.create_incident("Missed"), await api.create_incident("Missed, too")]
        await api.write("resolveIncident", id=missed[0])
        async with subscribed(kind, server, after=client.cursor, resumed=True) as client:
            caught_up = await client.events(3)
            live = await api.create_incident("Live")
            assert await client.events(1) == [("CREATED", live)]
    assert received == [("CREATED", incident), ("UPDATED", incident), ("RESOLVED", incident)]
    assert caught_up == [("CREATED", missed[0]), ("CREATED", missed[1]), ("RESOLVED", missed[0])]


@pytest.mark.node
async def test_a_retrying_client_misses_and_repeats_no_event_when_the_server_is_killed(
    database_url: str,
) -> None:
    expected = []
    async with running_server(database_url) as server, api_of(server) as api:
        variables = {"after": await api.create_system()}
        async with graphql_ws(server, variables=variables, retries=1000) as client:
            received: list[tuple[str, str]] = []
            for round_ in range(3):
                written = [await api.create_incident(f"{round_}.{number}") for number in range(3)]
                expected += [("CREATED", incident) for incident in written]
                if round_ != 1:  # the second time, killed before the client can have received
                    received += await client.events(len(expected) - len(received))
                await server.restart()
            expected.append(("CREATED", await api.create_incident("The last")))
            received += await client.events(len(expected) - len(received))
    assert received == expected


@on_sqlite
@pytest.mark.node
async def test_queries_and_mutations_go_over_the_web_socket(server: Server) -> None:
    variables = {"input": {"key": "sockets", "name": "Sockets"}}
    async with graphql_ws(server, mutation_text("createSystem"), variables=variables) as client:
        answer = (await client.next())["payload"]["data"]["createSystem"]
        await client.next("complete")
    async with graphql_ws(server, '{ system(key: "sockets") { id } }') as client:
        found = (await client.next())["payload"]["data"]["system"]
        await client.next("complete")
    assert answer["userErrors"] == []
    assert found["id"] == answer["system"]["id"]


@on_sqlite
@pytest.mark.node
async def test_a_token_that_is_not_valid_closes_the_web_socket_with_4403(server: Server) -> None:
    async with graphql_ws(server, token="not-a-token-of-ours") as client:
        assert (await client.next("closed"))["code"] == 4403


@on_sqlite
@pytest.mark.node
async def test_queries_and_mutations_go_over_sse(server: Server) -> None:
    variables = {"input": {"key": "streams", "name": "Streams"}}
    async with graphql_sse(server, mutation_text("createSystem"), variables=variables, token=TOKEN) as client:
        answer = (await client.next())["payload"]["data"]["createSystem"]
        await client.next("complete")
    async with graphql_sse(server, '{ system(key: "streams") { id } }') as client:
        found = (await client.next())["payload"]["data"]["system"]
        await client.next("complete")
    async with graphql_sse(server, token="not-a-token-of-ours") as client:
        assert "401" in (await client.next("error"))["message"]
    assert answer["userErrors"] == []
    assert found["id"] == answer["system"]["id"]


@on_sqlite
@pytest.mark.node
async def test_a_client_reconnects_with_a_fresh_token_after_expiry(server: Server) -> None:
    tokens = ["expired-since-yesterday", TOKEN]
    async with graphql_ws(server, ROLE, tokens=tokens, retries=5) as client:
        assert (await client.next("closed"))["code"] == 4403
        assert (await client.next())["payload"]["data"] == {"viewer": {"role": "ADMIN"}}


@on_sqlite
@pytest.mark.node
async def test_a_client_gets_pongs_and_can_complete_its_subscription(server: Server) -> None:
    async with api_of(server) as api:
        variables = {"after": await present(api)}
        async with graphql_ws(server, variables=variables, keepAlive=50) as client:
            for _ in range(3):
                await client.next("pong")
        async with graphql_ws(server, variables=variables, take=1) as client:
            incident = await api.create_incident()
            assert await client.events(1) == [("CREATED", incident)]
            await client.next("complete")
            assert (await client.next("closed"))["code"] == 1000


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.node
async def test_a_stopping_server_closes_streams_so_that_clients_reconnect(database_url: str) -> None:
    async with running_server(database_url) as server, api_of(server) as api:
        after = await api.create_system()
        async with (
            graphql_ws(server, variables={"after": after}) as socket,
            subscribed("curl", server, after=after) as sse,
        ):
            await api.create_incident()
            await socket.events(1)
            await sse.events(1)
            server.terminate()
            assert (await socket.next("closed"))["code"] == 1012
            with pytest.raises(EOFError):  # without a `complete`, which would mean that there is no more to come
                await sse.message()
            assert await server.ended() == 0
            assert server.stderr == ""


@pytest.mark.node
@pytest.mark.parametrize(
    ("dialect", "broadcast", "poll_seconds"),
    [
        pytest.param("postgresql", "redis", "60", marks=[pytest.mark.postgres, pytest.mark.redis]),
        pytest.param("postgresql", "postgresql", "60", marks=pytest.mark.postgres),
        pytest.param("sqlite", "memory", "0.2", id="sqlite-poll"),
    ],
)
async def test_a_write_reaches_subscribers_of_another_process(
    broadcast: str, poll_seconds: str, database_url: str
) -> None:
    url = {"redis": redis_url(), "postgresql": database_url, "memory": "memory://"}[broadcast]
    async with (
        running_server(database_url, broadcast_url=url, poll_seconds=poll_seconds) as first,
        running_server(database_url, broadcast_url=url, poll_seconds=poll_seconds) as second,
        api_of(first) as api,
        graphql_ws(second, variables={"after": await api.create_system()}) as client,
    ):
        await arrival(api, client)
        latencies = sorted([await arrival(api, client) for _ in range(11)])
    print(f"{broadcast}: median {latencies[5] * 1000:.1f} ms, slowest {latencies[-1] * 1000:.1f} ms")


async def present(api: Api) -> str:
    """Return the log's present cursor, after a system that no other test has."""
    return await api.create_system(f"system-{uuid.uuid4().hex}")


async def life_of_an_incident(api: Api) -> str:
    """Create, comment, worsen and resolve an incident, and return its id."""
    incident = await api.create_incident()
    await api.write("addIncidentUpdate", incidentId=incident, message="Only a comment")
    await api.write("updateIncident", id=incident, severity="CRITICAL")
    await api.write("resolveIncident", id=incident)
    return incident


async def arrival(api: Api, client: Client) -> float:
    """Return the seconds from the answer to a write until its event arrives."""
    incident = await api.create_incident()
    written = time.monotonic()
    assert await client.events(1) == [("CREATED", incident)]
    return time.monotonic() - written
