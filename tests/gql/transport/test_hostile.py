"""Hostile or vanished peers: nothing of them is kept, and none gets around a check."""

import asyncio
import json
import os
import random
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate
from domain.model.viewer import Role
from tests.factories import ADMIN, make_incident
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import PING, TOKENS, TRANSPORT_WS, Running, until
from tests.inside import inside

PLAIN = "subscription S($after: String) { incidentChanges(after: $after) { id } }"
ALONE = "subscription S($after: String) { ...F } fragment F on Subscription { incidentChanges(after: $after) { id } }"
ROLE = "{ viewer { role } }"
_TIMED_OUT = (4408).to_bytes(2, "big")


@pytest.fixture
async def leaving_nothing(served: Running, domain: Domain) -> AsyncIterator[Running]:
    """Yield the server, and check that nothing is left afterwards."""
    async with served.socket() as raw:
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
    await until(served.idle)
    tasks, followers = len(asyncio.all_tasks()), len(inside(domain).tail._followers)
    yield served
    # Uvicorn gives a peer ten seconds to answer a close.
    await until(served.idle)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert len(inside(domain).tail._followers) == followers
    assert not served.endpoint.groups._listeners


async def test_a_socket_that_answers_no_heartbeat_is_dropped(leaving_nothing: Running) -> None:
    sockets = leaving_nothing.endpoint.sockets
    async with (
        leaving_nothing.socket() as silent,
        leaving_nothing.socket() as lively,
        leaving_nothing.raw() as unopened,
    ):
        await silent.subscribe(PLAIN)
        await until(lambda: leaving_nothing.members == 1)
        await lively.ping()
        await sockets.ping()
        for raw in (silent, lively):
            assert (await raw.frame()).startswith(PING)
        await lively.send({"type": "pong"})
        await lively.ping()
        await sockets.ping()
        assert await silent.closed() == (1006, "")
        assert leaving_nothing.members == 0
        assert (await lively.frame()).startswith(PING)
        await unopened.open()


async def test_many_silent_connections_are_closed(leaving_nothing: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving_nothing.endpoint, "connection_init_wait_timeout", timedelta(seconds=0.5))
    await _many_silent(leaving_nothing, int(os.environ.get("HOSTILE_SILENT", "500")))


async def _many_silent(served: Running, count: int) -> None:
    request = (
        f"GET /graphql HTTP/1.1\r\nhost: 127.0.0.1:{served.port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"sec-websocket-protocol: {TRANSPORT_WS}\r\n\r\n"
    ).encode()

    async def visit() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request)
        received = b""
        while _TIMED_OUT not in received:
            piece = await reader.read(1000)
            assert piece, received
            received += piece
        writer.close()
        return received

    answers = await asyncio.gather(*(visit() for _ in range(count)))
    assert all(b"101 Switching" in answer for answer in answers)


async def test_a_flood_of_operations_on_one_socket_is_refused_and_the_others_are_served(
    leaving_nothing: Running, domain: Domain
) -> None:
    # Without a bound of its own queue, because a client that stopped reading would wait ten seconds for its close.
    async with leaving_nothing.socket(max_queue=None) as flooding, leaving_nothing.socket() as other:
        for number in range(1000):
            await flooding.subscribe(PLAIN if number % 2 else ALONE, id=str(number))
        refused = [await flooding.next() for _ in range(900)]
        assert {message["payload"][0]["extensions"]["code"] for message in refused} == {
            "RATE_LIMITED",
            "SUBSCRIPTION_LIMIT",
        }
        await other.subscribe(ROLE)
        assert await other.data() == [{"role": "ANONYMOUS"}]
        # 20 are executed for this caller alone, and a socket has 100 in all.
        await until(lambda: 50 <= leaving_nothing.members <= 80)


async def test_a_flood_of_invalid_messages_closes_the_socket_at_the_first(leaving_nothing: Running) -> None:
    async with leaving_nothing.socket() as raw:
        await raw.send(*["nonsense"] * 100)
        assert (await raw.closed())[0] == 4400


@pytest.mark.parametrize(
    "document", ["{a" * 900, "{ viewer { role } }" * 300, "#" * 500_000], ids=["deep", "many", "fat"]
)
async def test_a_hostile_document_is_refused_with_a_code(leaving_nothing: Running, document: str) -> None:
    async with leaving_nothing.socket() as raw:
        await raw.subscribe(document)
        message = await raw.next()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] != "INTERNAL"
        await raw.ping()


@pytest.mark.parametrize("place", ["query", "subprotocol", "cookie", "frame", "variables"])
async def test_a_token_is_read_only_from_the_right_place(leaving_nothing: Running, place: str) -> None:
    token = TOKENS[Role.ADMIN]
    options: dict[str, Any] = {
        "query": {"query": f"?Authorization=Bearer+{token}&token={token}&access_token={token}"},
        "subprotocol": {"protocols": [TRANSPORT_WS, token]},
        "cookie": {"additional_headers": {"cookie": f"Authorization=Bearer {token}; token={token}"}},
    }
    async with leaving_nothing.socket(**options.get(place, {})) as raw:
        extra = {"Authorization": f"Bearer {token}"}
        payload = {"query": ROLE, "variables": extra if place == "variables" else {}}
        frame = {"id": "1", "type": "subscribe", "payload": payload}
        await raw.send(frame | {"payload": payload | {"extensions": extra}} | extra if place == "frame" else frame)
        assert await raw.data() == [{"role": "ANONYMOUS"}]


async def test_sockets_that_vanish_at_any_time_leave_nothing(leaving_nothing: Running, domain: Domain) -> None:
    count = int(os.environ.get("HOSTILE_ABRUPT", "300"))
    await _many_abrupt(leaving_nothing, domain, count=count, dice=random.Random(1))


async def _many_abrupt(served: Running, domain: Domain, *, count: int, dice: random.Random) -> None:
    start = await now(domain)
    incident = await make_incident(domain)
    frames = [json.dumps({"type": "connection_init"})]
    for id, (document, after) in enumerate([(PLAIN, None), (PLAIN, start), (ALONE, start), (ROLE, None)]):
        payload = {"query": document, "variables": {"after": after} if document != ROLE else {}}
        frames.append(json.dumps({"id": str(id), "type": "subscribe", "payload": payload}))

    async def visit(number: int) -> None:
        async with connect(
            served.url.replace("http", "ws", 1), subprotocols=[TRANSPORT_WS], compression=None, ping_interval=None
        ) as connection:
            for frame in frames[: dice.randrange(len(frames) + 1)]:
                await connection.send(frame)
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            if number % 2:
                # RST instead of FIN.
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.transport.abort()

    for begin in range(0, count, 50):
        writing = domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Hm"))
        await asyncio.gather(writing, *(visit(number) for number in range(begin, begin + 50)))


@pytest.mark.parametrize("moment", ["head", "catching up", "live"])
async def test_streams_that_vanish_leave_nothing(leaving_nothing: Running, domain: Domain, moment: str) -> None:
    start = await now(domain)
    await make_incident(domain)
    for _ in range(15):
        async with leaving_nothing.stream(query=PLAIN, after=start) as stream:
            if moment != "head":
                await stream.data()
            if moment == "live":
                await until(lambda: leaving_nothing.members == 1)
        await until(leaving_nothing.idle)
