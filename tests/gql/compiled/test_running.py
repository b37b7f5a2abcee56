"""Compiled execution of operations, and its fallback to the executor."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise

import orjson
import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.messaging.buckets import MemoryBuckets
from domain.model.incident import Status
from domain.persistence.drivers import PostgresDriver, SqliteDriver
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.limits.bounds import Bounds
from gql.schema import schema
from gql.types.enums import IncidentEventType
from tests.client import Api
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, set_status
from tests.gql.dialects import on_both_databases
from tests.inside import inside

_numbers = count()
_BY_ID = """
query ById($id: ID!, $withSystems: Boolean = true) {
  incident(id: $id) { id title systems @include(if: $withSystems) { name } updates(first: 3) { nodes { message } } }
}
"""
_DELETE = 'deleteIncident(input: {id: "inc_0"})'
_SEVERAL = f"mutation {{ __typename a: {_DELETE} {{ cursor }} b: {_DELETE} {{ cursor }} }}"
_REFUSED_BELOW = f"mutation {{ {_DELETE} {{ incident {{ links(first: 500) {{ totalCount }} }} }} }}"


def _fresh(text: str = _BY_ID) -> str:
    """Return a document that nobody asked before: the cache of documents is one for all tests."""
    return f"{text} # {next(_numbers)} of these tests"


def _context(domain: Domain) -> Context:
    return Context(domain=domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")


@pytest.fixture
def compiled(domain: Domain) -> CompiledOperations:
    """The compiled path of a domain, which has seen nothing yet."""
    return CompiledOperations(schema, schema.documents, domain)


async def _ask(compiled: CompiledOperations, domain: Domain, text: str, **variables: object) -> object:
    result = await compiled.execute(text, variables, None, _context(domain))
    return None if result is None else result.data


async def _validate(domain: Domain, text: str, **variables: object) -> object:
    result = await schema.execute(text, variable_values=variables, context_value=_context(domain))
    return result.data


async def test_a_document_is_compiled_when_it_is_seen_again(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    unknown = await _ask(compiled, domain, document, id=incident.id)
    expected = await _validate(domain, document, id=incident.id)

    first, second = [await _ask(compiled, domain, document, id=incident.id) for _ in range(2)]

    assert (unknown, first) == (None, None)
    assert second == expected
    assert compiled.cache.hits == 1


async def test_what_was_compiled_is_dropped_with_its_document(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    await _validate(domain, document, id=incident.id)
    for _ in range(2):
        await _ask(compiled, domain, document, id=incident.id)

    for number in range(600):
        schema.documents.parsed(f"query Other{number} {{ __typename }}", Bounds.of(domain.settings))

    assert await _ask(compiled, domain, document, id=incident.id) is None


async def test_a_function_belongs_to_one_domain(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    await _validate(domain, document, id=incident.id)
    for _ in range(2):
        await _ask(compiled, domain, document, id=incident.id)

    other = CompiledOperations(schema, schema.documents, domain)

    assert await _ask(other, domain, document, id=incident.id) is None
    assert other.cache.reasons["seen once"] == 1


async def test_flags_in_variables_have_a_function_each(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    await _validate(domain, document, id=incident.id)
    await _ask(compiled, domain, document, id=incident.id)

    for flag in ({}, {"withSystems": True}, {"withSystems": False}):
        assert await _ask(compiled, domain, document, id=incident.id, **flag) == await _validate(
            domain, document, id=incident.id, **flag
        )
    assert await _ask(compiled, domain, document, id=incident.id, withSystems="yes") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ rateLimit { cost } }", "Query.rateLimit"),
        ("{ __schema { queryType { name } } }", "__schema"),
        ("{ incidents(first: 500) { nodes { id } } }", "arguments that are refused"),
        ('{ incidents(filter: {system: {in: ["api"]}}) { nodes { id } } }', "the database"),
        ('{ incidentEvents(filter: {system: {in: ["api"]}}) { nodes { id } } }', "arguments"),
        ("{ incidents(first: 100) { nodes { updates(first: 20) { nodes { id } } } } }", "large"),
        ("mutation { __typename name: __typename }", "no mutation"),
        (_SEVERAL, "several mutations"),
        (_REFUSED_BELOW, "arguments that are refused"),
    ],
    ids=[
        *("rate", "introspection", "refused", "key", "former keys", "large"),
        *("no mutation", "several mutations", "refused below a mutation"),
    ],
)
async def test_the_reason_is_counted_where_an_operation_is_not_compiled(
    domain: Domain, compiled: CompiledOperations, text: str, reason: str
) -> None:
    document = _fresh(text)
    await _validate(domain, document)

    for _ in range(2):
        assert await _ask(compiled, domain, document) is None

    assert compiled.cache.reasons[reason] == 1


@pytest.mark.parametrize("given", ["open: true", "open: false", "acknowledged: true", "acknowledged: false"])
async def test_a_filter_by_a_yes_or_no_is_compiled(domain: Domain, compiled: CompiledOperations, given: str) -> None:
    document = _fresh(f"{{ incidents(filter: {{{given}}}) {{ totalCount }} }}")
    await make_incident(domain)
    expected = await _validate(domain, document)

    answers = [await _ask(compiled, domain, document) for _ in range(2)]

    assert answers == [None, expected]


async def test_the_root_s_own_name_is_compiled_beside_a_mutation(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh(
        """mutation Create($input: CreateSystemInput!) {
          before: __typename createSystem(input: $input) { system { name } } ...After @skip(if: false)
        }
        fragment After on Mutation { after: __typename createSystem(input: $input) { __typename } }"""
    )
    asked = [{"key": f"api-{number}", "name": "API"} for number in range(4)]
    expected = await _validate(domain, document, input=asked[0])

    answers = [await _ask(compiled, domain, document, input=input) for input in asked[1:]]

    assert answers[0] is None
    assert [orjson.dumps(answer) for answer in answers[1:]] == [orjson.dumps(expected)] * 2
    assert compiled.cache.hits == 2


@pytest.mark.parametrize(
    ("lists", "fields", "reason"),
    [
        (20, "id", "many lists"),
        (19, "id message createdAt editedAt visibility createdBy { type id name }", "many values"),
    ],
    ids=["lists", "values"],
)
async def test_an_operation_of_many_parts_is_not_compiled(
    domain: Domain, compiled: CompiledOperations, lists: int, fields: str, reason: str
) -> None:
    # To write its statement would keep the loop from everybody else.
    selections = " ".join(f"list{number}: updates {{ nodes {{ {fields} }} }}" for number in range(lists))
    document = _fresh(f"{{ incident(number: 1) {{ {selections} }} }}")
    await _validate(domain, document)

    for _ in range(2):
        assert await _ask(compiled, domain, document) is None

    assert compiled.cache.reasons[reason] == 1


@pytest.mark.parametrize(
    ("kind", "condition", "value"),
    [("[Int!]", "number: {in: $value}", [*range(60)]), ("String", "text: $value", "fire")],
    ids=["list", "text"],
)
async def test_an_operation_of_many_comparisons_is_not_compiled(
    domain: Domain, compiled: CompiledOperations, kind: str, condition: str, value: object
) -> None:
    # Each form of its filters would take a statement of its own.
    for lists, is_compiled in ((2, True), (5, False)):
        selections = [
            f"list{number}: incidents(filter: {{{condition}}}) {{ nodes {{ id }} }}" for number in range(lists)
        ]
        document = _fresh(f"query Many($value: {kind}) {{ {' '.join(selections)} }}")
        expected = await _validate(domain, document, value=value)
        await _ask(compiled, domain, document, value=value)
        assert await _ask(compiled, domain, document, value=value) == (expected if is_compiled else None)


@on_both_databases
async def test_an_answer_of_a_million_characters_is_left_to_the_generic_path(
    domain: Domain, compiled: CompiledOperations
) -> None:
    incident = await make_incident(domain, initial_message="a" * 25_000)
    for _ in range(2):
        await set_status(domain, incident, Status.FIXING, message="b" * 25_000)
    lists = " ".join(f"list{number}: updates {{ nodes {{ message }} }}" for number in range(15))
    document = _fresh(f"query ById($id: ID!) {{ incident(id: $id) {{ {lists} }} }}")
    expected = await _validate(domain, document, id=incident.id)

    for _ in range(3):
        assert await _ask(compiled, domain, document, id=incident.id) is None

    assert compiled.cache.reasons["the database"] == 2
    assert await _ask(compiled, domain, _fresh(), id=incident.id) is None
    assert str(expected).count("b" * 25_000) == 30


async def test_functions_are_kept_up_to_a_number_for_all_documents(
    domain: Domain, compiled: CompiledOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gql.compiled.cache._MOST_FUNCTIONS", 3)
    incident, documents = await make_incident(domain), [_fresh() for _ in range(5)]
    for document in documents:
        await _validate(domain, document, id=incident.id)
        for flag in (True, True, False):
            await _ask(compiled, domain, document, id=incident.id, withSystems=flag)

    found = [schema.documents.find(document, Bounds.of(domain.settings)) for document in documents]
    kept = [len(each.made.functions) for each in found if each is not None]

    assert kept == [0, 0, 0, 1, 2]
    assert await _ask(compiled, domain, documents[0], id=incident.id) is not None


async def test_nothing_is_planned_without_a_connection_to_spare(domain: Domain, compiled: CompiledOperations) -> None:
    document, database = _fresh(), inside(domain).database
    database._engines = replace(database._engines, driver=None)
    incident = await make_incident(domain)
    await _validate(domain, document, id=incident.id)

    contexts = [_context(domain) for _ in range(3)]
    answers = [await compiled.execute(document, {"id": incident.id}, None, context) for context in contexts]

    assert answers == [None, None, None]
    assert {context.cost for context in contexts} == {0}
    assert compiled.cache.reasons == {"no connection": 3}


@on_both_databases
async def test_a_request_is_answered_alike_however_often_it_comes(domain: Domain, api: Api) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.FIXING)
    operation = {"query": document, "variables": {"id": incident.id}}

    answers = [await api.responder.post(json=operation) for _ in range(4)]

    assert {answer.content for answer in answers} == {answers[0].content}
    assert (
        len({(answer.status_code, answer.headers["content-type"], answer.headers["vary"]) for answer in answers}) == 1
    )
    assert answers[0].json()["data"]["incident"]["updates"]["nodes"] == [{"message": "Moving on"}]


async def test_the_pool_answers_where_the_driver_fails(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    expected = await _validate(domain, document, id=incident.id)
    for _ in range(2):
        await _ask(compiled, domain, document, id=incident.id)
    await _break(domain)

    context = _context(domain)
    failed = await compiled.execute(document, {"id": incident.id}, None, context)
    result = await schema.execute(document, variable_values={"id": incident.id}, context_value=context)

    assert failed is None
    assert result.data == expected
    assert await _ask(compiled, domain, document, id=incident.id) == expected


@on_both_databases
async def test_a_connection_that_was_ended_is_replaced(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    expected = await _validate(domain, document, id=incident.id)
    for _ in range(2):
        await _ask(compiled, domain, document, id=incident.id)
    await _break(domain)

    answers = [await _ask(compiled, domain, document, id=incident.id) for _ in range(2)]

    assert answers[0] in (None, expected)
    assert answers[1] == expected


@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_reads_do_not_wait_behind_one_that_waits_for_a_lock(
    domain: Domain, compiled: CompiledOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, other = await make_incident(domain), _fresh("query ById($id: ID!) { incident(id: $id) { title } }")
    expected = await _validate(domain, other, id=incident.id)
    await _validate(domain, document := _fresh(), id=incident.id)
    for text in (document, other, other):
        await _ask(compiled, domain, text, id=incident.id)
    database, hits = inside(domain).database, compiled.cache.hits
    monkeypatch.setattr("domain.persistence.drivers._LONGEST_SECONDS", 0.05)
    monkeypatch.setattr("domain.persistence.drivers._PAUSE_SECONDS", 600)

    async with database._engines.writer.begin() as connection:
        await connection.exec_driver_sql("LOCK TABLE incident_updates")
        waiting = [asyncio.create_task(_ask(compiled, domain, text, id=incident.id)) for text in (document, other)]
        answers = await asyncio.gather(*waiting)

        assert answers == [None, None]
        assert not domain.reads.can_project
        assert await _validate(domain, other, id=incident.id) == expected

    driver = database._engines.driver
    assert isinstance(driver, PostgresDriver)
    driver._paused_until = 0
    monkeypatch.setattr("domain.persistence.drivers._LONGEST_SECONDS", 60)
    assert await _ask(compiled, domain, document, id=incident.id) is not None
    assert compiled.cache.hits == hits + 1


async def test_an_operation_that_falls_back_is_charged_once(domain: Domain, clock: SteppingClock) -> None:
    incident, document = await make_incident(domain), _fresh()
    clock.step = timedelta()
    limited = replace(domain, buckets=MemoryBuckets(clock, limit=1000))
    compiled = CompiledOperations(schema, schema.documents, limited)
    left: list[int] = []
    for turn in range(4):
        context = _context(limited)
        if turn == 3:
            await _break(domain)
        if await compiled.execute(document, {"id": incident.id}, None, context) is None:
            await schema.execute(document, variable_values={"id": incident.id}, context_value=context)
        assert context.allowance is not None
        left.append(context.allowance.remaining)

    assert compiled.cache.reasons["the database"] == 1
    assert len({before - after for before, after in pairwise([1000, *left])}) == 1


async def test_the_refusal_of_a_rate_limit_is_that_of_the_generic_path(domain: Domain, clock: SteppingClock) -> None:
    incident, document = await make_incident(domain), _fresh()
    clock.step = timedelta()
    limited = replace(domain, buckets=MemoryBuckets(clock, limit=15))
    compiled = CompiledOperations(schema, schema.documents, limited)
    for _ in range(3):
        context = _context(limited)
        if await compiled.execute(document, {"id": incident.id}, None, context) is None:
            refused = await schema.execute(document, variable_values={"id": incident.id}, context_value=context)

    assert refused.errors is not None
    assert (refused.errors[0].extensions or {})["code"] == "RATE_LIMITED"
    assert compiled.cache.hits == 0


async def test_a_read_holds_no_snapshot_open(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh()
    incident = await make_incident(domain)
    await _validate(domain, document, id=incident.id)
    for _ in range(3):
        await _ask(compiled, domain, document, id=incident.id)
    assert compiled.cache.hits > 0
    await make_incident(domain)

    async with inside(domain).database._engines.writer.connect() as connection:
        await connection.exec_driver_sql("COMMIT")
        busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
        await connection.exec_driver_sql("BEGIN")

    assert busy == 0


async def test_an_operation_is_chosen_by_its_name(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh("query One { __typename } query Two { two: __typename }")
    await schema.execute(document, operation_name="One", context_value=_context(domain))
    await compiled.execute(document, None, "One", _context(domain))

    results = [await compiled.execute(document, None, name, _context(domain)) for name in ("One", "Two", "Three", None)]

    assert [result and result.data for result in results] == [{"__typename": "Query"}, {"two": "Query"}, None, None]


async def test_a_mutation_is_never_compiled(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh('mutation { deleteSystem(input: {id: "none"}) { cursor } }')
    await _validate(domain, document)

    assert [await _ask(compiled, domain, document) for _ in range(3)] == [None, None, None]


async def _break(domain: Domain) -> None:
    """Have the driver's connection fail with the next statement."""
    database = inside(domain).database
    driver = database._engines.driver
    if isinstance(driver, SqliteDriver):
        assert driver._connection is not None
        driver._connection.close()
        return
    assert isinstance(driver, PostgresDriver)
    ends = [sa.func.pg_terminate_backend(each.get_server_pid(), 5000) for each in driver._idle]
    async with database._engines.writer.connect() as connection:
        await connection.execute(sa.select(*ends))


@on_both_databases
async def test_a_page_of_the_log_behind_changes_that_are_not_kept_is_left_to_the_generic_path(
    domain: Domain, compiled: CompiledOperations
) -> None:
    document = _fresh("query Log($after: String) { incidentEvents(after: $after) { nodes { id } } }")
    await make_incident(domain)
    here, ahead = [domain.events.cursor_of(await domain.events.head() + distance) for distance in (0, 1)]
    expected = await _validate(domain, document, after=here)
    await _ask(compiled, domain, document, after=here)

    assert await _ask(compiled, domain, document, after=here) == expected == {"incidentEvents": {"nodes": []}}
    assert await _ask(compiled, domain, document, after=ahead) is None


def test_each_event_is_named_as_its_trigger_ends() -> None:
    assert {kind.name: kind.value.rpartition(".")[2].upper() for kind in IncidentEventType} == {
        kind.name: kind.name for kind in IncidentEventType
    }
