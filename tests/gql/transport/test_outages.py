"""Outages: reported so that official clients retry, and without hiding a committed write."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.services.reads import Reads
from gql.requests.statuses import GRAPHQL_JSON, JSON
from gql.transport.outages import is_lost_to_outage
from tests.client import Api, mutation_document
from tests.factories import make_incident, make_system
from tests.gql.transport.sockets import Running, until
from tests.outages import Away, locked

SYSTEMS = "{ systems { nodes { key } } }"
SUBSCRIPTION = "subscription { incidentEvents { type incident { title } } }"
on_both = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(monkeypatch)


@on_both
@pytest.mark.parametrize("media", [GRAPHQL_JSON, JSON])
@pytest.mark.parametrize(
    "document",
    [
        SYSTEMS,
        'mutation { createSystem(input: {key: "a", name: "A"}) { userErrors { code } } }',
        (
            'mutation { a: deleteSystem(input: {id: "a"}) { userErrors { code } } b: deleteSystem(input: {id: "b"}) '
            "{ userErrors { code } } }"
        ),
        'mutation { resolveIncidents(input: {ids: ["a", "b", "a"]}) { userErrors { code } results { code } } }',
    ],
    ids=["query", "mutation", "several mutations", "bulk"],
)
async def test_a_request_failed_by_an_outage_is_503_with_retry_after(
    api: Api, away: Away, media: str, document: str
) -> None:
    await api.admin.read("{ viewer { role } }")  # so that the token is known
    away.begin(locked())
    response = await api.admin.post(json={"query": document}, headers={"accept": media})
    away.end()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert '"UNAVAILABLE"' in response.text


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        (
            (
                'mutation { a: createSystem(input: {key: "a", name: "A"}) { userErrors { code } } '
                'b: createSystem(input: {key: "b", name: "B"}) { userErrors { code } } }'
            ),
            [["UNAVAILABLE"], []],
        ),
        (
            'mutation { deleteIncidents(input: {ids: ["a", "b"]}) { userErrors { code } results { code } } }',
            ["UNAVAILABLE", "NOT_FOUND"],
        ),
    ],
    ids=["of several mutations", "of a bulk mutation"],
)
async def test_a_partial_answer_during_an_outage_is_200(api: Api, away: Away, document: str, codes: list[Any]) -> None:
    await api.admin.read("{ viewer { role } }")
    away.writing, away.left = locked(), 1
    response = await api.admin.post(json={"query": document})
    away.end()
    data = response.json()["data"]
    found = [[error["code"] for error in payload["userErrors"]] for payload in data.values()]
    if "deleteIncidents" in data:
        found = [result["code"] for result in data["deleteIncidents"]["results"]]
    assert (response.status_code, "retry-after" in response.headers, found) == (200, False, codes)


@on_both
async def test_a_token_unreadable_in_an_outage_is_503(api: Api, away: Away) -> None:
    away.begin()
    response = await api.viewer.post(json={"query": SYSTEMS})
    away.end()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_an_answer_with_data_is_200(api: Api, away: Away) -> None:
    away.begin()
    answer = await api.anonymous.post(json={"query": '{ viewer { role } found: system(key: "payments") { id } }'})
    away.end()
    assert answer.status_code == 200
    assert answer.json()["data"] == {"viewer": {"role": "ANONYMOUS"}, "found": None}
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 5}


@on_both
@pytest.mark.parametrize("document", [SYSTEMS, SUBSCRIPTION], ids=["query", "subscription"])
async def test_an_operation_during_an_outage_closes_the_socket_with_1013(
    served: Running, away: Away, document: str
) -> None:
    async with served.socket() as socket:
        away.begin()
        await socket.subscribe(document)
        assert await socket.closed() == (1013, "UNAVAILABLE")
        away.end()


async def test_a_socket_opened_during_an_outage_is_closed_with_1013(served: Running, away: Away) -> None:
    away.begin()
    async with served.raw() as socket:
        await socket.send({"type": "connection_init", "payload": {"Authorization": "Bearer a-token-to-look-up"}})
        assert await socket.closed() == (1013, "UNAVAILABLE")
    away.end()


@on_both
async def test_an_event_lost_to_an_outage_makes_all_subscribers_reconnect(
    served: Running, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = await make_system(served.domain)
    document = "subscription { incidentEvents { incident { systems { key } } } }"
    async with served.socket() as socket, served.stream(query=document) as stream:
        await socket.subscribe(document)
        async with asyncio.timeout(60):
            while served.members < 2:  # noqa: ASYNC110 - a group does not signal a join
                await asyncio.sleep(0.005)
        read = Reads.systems

        async def lost(reads: Reads, ids: Any) -> Any:
            # The tail has read the change by then; what is shown beside it cannot be read any more.
            away.reading = ConnectionResetError()
            return await read(reads, ids)

        monkeypatch.setattr(Reads, "systems", lost)
        await make_incident(served.domain, system.key)
        assert await socket.closed() == (1013, "UNAVAILABLE")
        assert await stream.next() is None
        away.end()


@on_both
@pytest.mark.parametrize("document", [SYSTEMS, SUBSCRIPTION], ids=["query", "subscription"])
async def test_an_sse_stream_is_cut_without_complete_in_an_outage(served: Running, away: Away, document: str) -> None:
    away.begin()
    async with served.stream(query=document) as stream:
        assert await stream.next() is None
    away.end()


async def test_subscribers_stay_connected_during_an_outage(served: Running, away: Away) -> None:
    async with served.socket() as socket:
        await socket.subscribe("subscription { incidentEvents { type } }")
        await until(lambda: served.members == 1)
        away.begin()
        await asyncio.sleep(0.2)  # several looks at the log
        await socket.ping()
        away.end()
        await make_incident(served.domain)
        assert await socket.data() == [{"type": "CREATED"}]


@dataclass
class Result:
    data: dict[str, Any] | None
    errors: Any = field(default_factory=lambda: [{"message": "Away.", "extensions": {"code": "UNAVAILABLE"}}])


def test_a_mutation_s_result_is_sent_during_an_outage() -> None:
    mutation = mutation_document("createSystem")
    assert not is_lost_to_outage(Result({"createSystem": {"system": None}}), mutation, None)
    assert is_lost_to_outage(Result(None), mutation, None)
    assert is_lost_to_outage(Result({"systems": None}), SYSTEMS, None)
