import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.api import Api, mutation_text
from tests.e2e.audit import contradictions, truth_of
from tests.e2e.clients import EVENTS
from tests.e2e.server import TOKEN, Server, api_of, running_server
from tests.e2e.subscriber import PROTOCOL

TIMES = 50


async def test_cancelled_mutations_on_a_web_socket_leave_the_database_sound(
    database_url: str,
) -> None:
    async with running_server(database_url, sqlite_busy_seconds="120") as server, api_of(server) as api:
        await api.create_system()
        async with connected(server) as socket:
            for number in range(TIMES):
                await send(socket, id=str(number), type="subscribe", payload=a_mutation(number))
                await pause(number)
                await send(socket, id=str(number), type="complete")
            await assert_writes_still(api)
            # Nobody has read its answers, which its closing frame would wait behind.
            socket.transport.abort()
    await assert_sound(database_url)


async def test_mutations_whose_client_disconnects_leave_the_database_sound(database_url: str) -> None:
    async with running_server(database_url, sqlite_busy_seconds="120") as server, api_of(server) as api:
        await api.create_system()
        for number in range(TIMES):
            await hang_up_on(server, number)
        await assert_writes_still(api)
    await assert_sound(database_url)


async def test_subscribers_that_disconnect_during_events_do_not_stop_others(database_url: str) -> None:
    async with running_server(database_url, sqlite_busy_seconds="120") as server, api_of(server) as api:
        subscription = {"query": EVENTS, "variables": {"after": await api.create_system()}}
        async with AsyncExitStack() as sockets:
            vanishing = [await sockets.enter_async_context(connected(server)) for _ in range(20)]
            for socket in vanishing:
                await send(socket, id="1", type="subscribe", payload=subscription)
            writing = [asyncio.create_task(api.create_incident(f"Vanishing {number}")) for number in range(10)]
            await vanishing[0].recv()
            for socket in vanishing:
                socket.transport.abort()
            await asyncio.gather(*writing)
        await assert_writes_still(api)
        server.terminate()
        assert await server.ended() == 0
        assert server.stderr == ""


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[ClientConnection]:
    async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as socket:
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {TOKEN}"})
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        yield socket


async def hang_up_on(server: Server, number: int) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(a_mutation(number)).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    await pause(number)
    writer.transport.abort()


async def pause(number: int) -> None:
    # From "at once" to "it may be done": the mutation is cut off at another place each time.
    await asyncio.sleep(number % 10 / 1000)


async def assert_writes_still(api: Api) -> None:
    # What was taken back may be ahead in the queue; a lock left behind would take longer than the client waits.
    await api.create_incident("Still writing")


async def assert_sound(database_url: str) -> None:
    truth = await truth_of(database_url)
    assert contradictions(truth) == []
    assert any((change.after or {})["title"] == "Still writing" for change in truth.log)


def a_mutation(number: int) -> dict[str, object]:
    input = {"title": f"Taken back {number}", "severity": "MAJOR", "systemIds": ["payments"]}
    return {"query": mutation_text("createIncident"), "variables": {"input": input}}


async def send(socket: ClientConnection, **message: object) -> None:
    await socket.send(json.dumps(message))
