"""The payloads of mutations: made from what was read in the transaction, and the same as on the generic path."""

import asyncio
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type

from domain.bootstrap import Domain
from domain.persistence.projections import Projection
from gql.compiled.running import CompiledOperations
from gql.schema import schema
from tests.client import Api
from tests.factories import log_of, make_incident, make_system
from tests.gql.dialects import on_both_databases
from tests.gql.mutations.table import IN_A_FRESH_WORLD, MUTATIONS, make_world

ENTRY = "id message statusChange visibility createdAt editedAt createdBy { type id name }"
SHOWN = {
    "incident": f"""{{
        __typename key: id reference title status severity version createdAt updatedAt resolvedAt
        openedBy {{ type name }} systems {{ id key name }} links(first: 5) {{ nodes {{ url }} edges {{ cursor }} }}
        updates(first: 2) {{ totalCount nodes {{ {ENTRY} }} pageInfo {{ hasNextPage endCursor }} }}
    }}""",
    "update": f"{{ {ENTRY} }}",
    "link": "{ id url label visibility createdAt }",
    "system": "{ id key name description createdAt updatedAt }",
}
ADD = """mutation Add($input: AddIncidentUpdateInput!) {
  addIncidentUpdate(input: $input) { incident { version status updates(first: 1) { nodes { message } } } cursor }
}"""


def _selection(mutation: str) -> str:
    """Return what is shown of each row in a payload; nothing where it has none."""
    kind = schema._schema.mutation_type
    assert kind is not None
    payload: Any = get_named_type(kind.fields[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    return " ".join(f"{name} {shown}" for name, shown in SHOWN.items() if name in payload.fields)


@on_both_databases
async def test_every_payload_is_the_same_on_both_paths(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    original = CompiledOperations._mutated

    async def twice(self: Any, compiled: Any, plan: Any, wanted: Any, variables: Any, context: Any) -> Any:
        result = await original(self, compiled, plan, wanted, variables, context)
        again = await self._generic(compiled.document, variables, context, plan.operation)
        compared.append((orjson.dumps([result.data, None]), orjson.dumps([again.data, again.errors])))
        return result

    monkeypatch.setattr(CompiledOperations, "_mutated", twice)
    world = await make_world(domain)
    for name, row in MUTATIONS.items():
        if not (shown := _selection(name)):
            continue
        for _ in range(2):
            await api.admin.do(name, row.refused(world), shown)
        for label, effect in row.effects.items():
            if (name, label) in IN_A_FRESH_WORLD:
                world = await make_world(domain)
            payload = await api.admin.do(name, effect.input(world), shown)
            assert (name, label, payload["userErrors"]) == (name, label, [])
    assert len(compared) > 30
    assert [pair for pair in compared if pair[0] != pair[1]] == []


@on_both_databases
async def test_an_answer_shows_its_own_write_and_no_later_one(api: Api, domain: Domain) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    for message in ("first", "second"):
        await api.admin.read(ADD, input={"incidentId": incident.id, "message": message})
    answers = await asyncio.gather(
        *(api.admin.read(ADD, input={"incidentId": incident.id, "message": f"entry {n}"}) for n in range(20))
    )
    shown = [answer["addIncidentUpdate"]["incident"] for answer in answers]
    assert sorted(each["version"] for each in shown) == list(range(4, 24))
    assert sorted(each["updates"]["nodes"][0]["message"] for each in shown) == sorted(f"entry {n}" for n in range(20))


@on_both_databases
async def test_a_write_whose_answer_cannot_be_read_is_made_without(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    for message in ("first", "second"):
        await api.admin.read(ADD, input={"incidentId": incident.id, "message": message})

    async def broken(*_: Any) -> None:
        raise RuntimeError("no answer")

    monkeypatch.setattr(Projection, "read_in", broken)
    answer = await api.admin.read(ADD, input={"incidentId": incident.id, "message": "third"})
    assert answer["addIncidentUpdate"]["incident"]["version"] == 4
    assert "could not be read in its transaction" in caplog.text


@on_both_databases
async def test_an_outage_while_an_answer_is_read_is_no_fault_of_the_answer(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    for message in ("first", "second"):
        await api.admin.read(ADD, input={"incidentId": incident.id, "message": message})

    async def lost(*_: Any) -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(Projection, "read_in", lost)
    body = {"query": ADD, "variables": {"input": {"incidentId": incident.id, "message": "third"}}}
    headers = {"authorization": f"Bearer {api.admin.token}"}
    response = await api.admin.http.post("/graphql", json=body, headers=headers)
    assert response.status_code == httpx.codes.SERVICE_UNAVAILABLE
    monkeypatch.undo()
    assert (await log_of(domain))[-1].version == 3
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_mutation_over_get_is_refused_however_often_it_comes(api: Api, domain: Domain) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    given = {"incidentId": incident.id, "message": "over GET"}
    for _ in range(3):
        await api.admin.read(ADD, input=given)
    body = {"query": ADD, "variables": orjson.dumps({"input": given}).decode()}
    response = await api.admin.http.get(
        "/graphql", params=body, headers={"authorization": f"Bearer {api.admin.token}", "accept": "application/json"}
    )
    assert response.status_code == 405


CREATE = """mutation Create($input: CreateIncidentInput!) {
  createIncident(input: $input) { kind: __typename incident { title } reused userErrors { code field } cursor }
}"""


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The documents that the compiled path has left to the executor."""
    documents: list[Any] = []
    original = CompiledOperations._generic

    async def counted(self: Any, document: Any, *rest: Any) -> Any:
        documents.append(document)
        return await original(self, document, *rest)

    monkeypatch.setattr(CompiledOperations, "_generic", counted)
    return documents


@on_both_databases
async def test_a_mutation_that_comes_again_needs_no_executor(api: Api, domain: Domain, executed: list[Any]) -> None:
    system = await make_system(domain)
    answers = [
        (await api.admin.read(CREATE, input={"title": "Slow", "severity": "MINOR", "systemIds": [system.id]}))[
            "createIncident"
        ]
        for _ in range(3)
    ]
    assert executed == []
    assert [list(answer) for answer in answers] == [["kind", "incident", "reused", "userErrors", "cursor"]] * 3
    without_cursors = [{key: value for key, value in answer.items() if key != "cursor"} for answer in answers]
    assert without_cursors[0] == without_cursors[1] == without_cursors[2]
    assert len({answer["cursor"] for answer in answers}) == 3


@on_both_databases
async def test_a_refused_mutation_is_run_once_and_shown_by_the_executor(
    api: Api, domain: Domain, executed: list[Any]
) -> None:
    system = await make_system(domain)
    blank = {"title": " ", "severity": "MINOR", "systemIds": [system.id]}
    generic = (await api.admin.read(CREATE, input=blank))["createIncident"]
    for _ in range(2):
        await api.admin.read(CREATE, input={**blank, "title": "Slow"})
    executed.clear()
    shown = (await api.admin.read(CREATE, input=blank))["createIncident"]
    assert len(executed) == 1
    assert {**shown, "cursor": generic["cursor"]} == generic
    assert [error["field"] for error in shown["userErrors"]] == [["title"]]


async def test_a_caller_without_permission_is_refused_however_often_it_comes(api: Api, domain: Domain) -> None:
    system = await make_system(domain)
    given = {"title": "Slow", "severity": "MINOR", "systemIds": [system.id]}
    for _ in range(2):
        await api.admin.read(CREATE, input=given)
    answers = [(await api.viewer.read(CREATE, input=given))["createIncident"] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert [error["code"] for error in answers[2]["userErrors"]] == ["FORBIDDEN"]
