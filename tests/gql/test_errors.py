"""Errors outside of payloads: a code, a sentence and the field; for bugs an id alone."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.model.cursor import CursorCodec
from domain.services.reads import Reads
from domain.settings import Settings
from tests.client import Api, Json, Stored, calling
from tests.factories import make_incident
from tests.gql.dialects import on_both_databases
from tests.gql.transport.sockets import own_domain
from tests.shared import in_module_loop

LIST = """
query Q($first: Int, $last: Int, $after: String, $before: String) {
  incidents(first: $first, last: $last, after: $after, before: $before) { nodes { id } }
}
"""
FILTERED = "query Q($filter: IncidentFilter) { incidents(filter: $filter) { nodes { id } } }"
NODES = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }"
HEALTH = "query Q($ids: [String!]!) { activeHealthOverrides(systemIds: $ids) { status } }"
EMPTY = "A list in a filter has 1 to 100 values."
CURSOR = "This cursor is not valid here. Use one exactly as the server returned it."


def nested(depth: int) -> Json:
    """Return a filter of that many levels."""
    return {"open": True} if depth == 1 else {"not": nested(depth - 1)}


REFUSED: dict[str, tuple[str, Json, list[str], str]] = {
    "first: 0": (LIST, {"first": 0}, ["first"], "`first` must lie between 1 and 100, not 0."),
    "first: 1000": (LIST, {"first": 1000}, ["first"], "`first` must lie between 1 and 100, not 1000."),
    "first: -1": (LIST, {"first": -1}, ["first"], "`first` must lie between 1 and 100, not -1."),
    "last: 0": (LIST, {"last": 0}, ["last"], "`last` must lie between 1 and 100, not 0."),
    "last: 101": (LIST, {"last": 101}, ["last"], "`last` must lie between 1 and 100, not 101."),
    "first and last": (LIST, {"first": 1, "last": 1}, ["first"], "Ask for `first` or `last`, not for both."),
    "no cursor": (LIST, {"after": "nonsense"}, ["after"], CURSOR),
    "empty cursor": (LIST, {"before": ""}, ["before"], CURSOR),
    "cursor that is no ASCII": (LIST, {"after": "é"}, ["after"], CURSOR),
    "empty and": (FILTERED, {"filter": {"and": []}}, ["filter", "and"], EMPTY),
    "empty or": (FILTERED, {"filter": {"or": []}}, ["filter", "or"], EMPTY),
    "empty in": (FILTERED, {"filter": {"status": {"in": []}}}, ["filter", "status"], EMPTY),
    "empty in, within not": (FILTERED, {"filter": {"not": {"number": {"in": []}}}}, ["filter", "number"], EMPTY),
    "101 numbers": (FILTERED, {"filter": {"number": {"in": [1] * 101}}}, ["filter", "number"], EMPTY),
    "filter 9 deep": (FILTERED, {"filter": nested(9)}, ["filter"], "A filter may be nested 8 deep and have 100 parts."),
    "filter of 101 parts": (FILTERED, {"filter": {"or": [{}] * 100}}, ["filter"], "A filter may be nested 8 deep and"),
    "101 ids": (NODES, {"ids": ["x"] * 101}, ["ids"], "Name at most 100 ids."),
    "101 systems": (HEALTH, {"ids": ["x"] * 101}, ["systemIds"], "Name at most 100 systems."),
    "no incident named": ("{ incident { id } }", {}, ["id"], "Name the incident by `id` or by `number`."),
    "two names": ('{ incident(id: "x", number: 1) { id } }', {}, ["id"], "Name the incident by `id` or by `number`."),
    "no system named": ("{ system { id } }", {}, ["id"], "Name the system by `id` or by `key`."),
    "no event type": (
        "{ incidentEvents(types: []) { nodes { id } } }",
        {},
        ["types"],
        "Name at least one type, or leave",
    ),
    "first of a timeline": (
        "{ incident(number: 1) { updates(first: 0) { nodes { id } } } }",
        {},
        ["first"],
        "`first` must",
    ),
}

NOT_OF_THE_SCHEMA: dict[str, tuple[str, Json, list[str]]] = {
    "wrong enum": (FILTERED, {"filter": {"status": {"in": ["NOPE"]}}}, ["status", "in", "0"]),
    "moment without an offset": (FILTERED, {"filter": {"createdAt": {"gte": "2026-01-01"}}}, ["createdAt", "gte"]),
    "unknown comparison": (FILTERED, {"filter": {"status": {"like": "x"}}}, ["status", "like"]),
    "unknown condition": (FILTERED, {"filter": {"stats": {}}}, ["stats"]),
    "missing key": (FILTERED, {"filter": {"and": [{"label": {}}]}}, ["and", "0", "label", "key"]),
    "no object": (FILTERED, {"filter": 1}, ["filter"]),
    "nothing": ("query Q($first: Int!) { incidents(first: $first) { totalCount } }", {}, ["first"]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def refusing(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """Yield clients of one application with an incident, for all requests that are refused."""
    async with own_domain(sqlite_template, tmp_path_factory.mktemp("refusing")) as domain:
        await make_incident(domain)
        async with calling(domain) as callers:
            yield callers


@in_module_loop
@pytest.mark.parametrize(("document", "variables", "field", "message"), REFUSED.values(), ids=REFUSED)
async def test_an_invalid_argument_is_refused(
    refusing: Api, document: str, variables: Json, field: list[str], message: str
) -> None:
    error = await refusing.anonymous.error(document, **variables)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", field)
    assert error["message"].startswith(message)
    assert re.fullmatch(r"[A-Z`].{5,150}\.", error["message"])


@in_module_loop
@pytest.mark.parametrize(("document", "variables", "field"), NOT_OF_THE_SCHEMA.values(), ids=NOT_OF_THE_SCHEMA)
async def test_a_variable_of_the_wrong_type_is_refused_with_the_path(
    refusing: Api, document: str, variables: Json, field: list[str]
) -> None:
    error = await refusing.anonymous.error(document, **variables)
    assert (error["code"], error["field"]) == ("GRAPHQL_VALIDATION_FAILED", field)


@in_module_loop
@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ incidents { nodes { id } }", "GRAPHQL_PARSE_FAILED"),
        ('{ incident(id: "\\ud800") { id } }', "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ incidents { nodes { nope } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query Q($id: Nope) { node(id: $id) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ incidents(filter: {status: {eq: NOPE}}) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        (
            '{ incidents(filter: {createdAt: {gt: "2026-01-01T00:00:00"}}) { nodes { id } } }',
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ incidents(first: 99999999999) { nodes { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { role } } query B { viewer { role } }", "OPERATION_RESOLUTION_FAILURE"),
        ("query A { viewer { role } } { viewer { role } }", "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=[
        "syntax",
        "surrogate",
        "field",
        "nested field",
        "type",
        "enum",
        "moment",
        "number",
        "two operations",
        "anonymous",
    ],
)
async def test_a_document_that_cannot_run_is_refused_without_data(refusing: Api, document: str, code: str) -> None:
    answer = await refusing.anonymous.send(document)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {code}
    assert "data" not in answer


async def test_a_document_that_is_too_long_is_refused(api: Api) -> None:
    answer = await api.anonymous.send("{ " + "viewer { role } " * Settings().max_tokens + "}")
    assert "data" not in answer
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["TOKEN_LIMIT"]


async def test_the_named_operation_of_several_runs(api: Api) -> None:
    document = "query A { viewer { role } } query B { triggers { name } }"
    response = await api.anonymous.post(json={"query": document, "operationName": "B"})
    assert list(response.json()["data"]) == ["triggers"]


async def test_a_document_of_several_operations_writes_nothing_unless_one_is_named(api: Api, stored: Stored) -> None:
    before = await stored()
    create = 'createSystem(input: {key: "new", name: "New"}) { cursor }'
    answer = await api.admin.send(f"mutation A {{ {create} }} mutation B {{ {create} }}")
    assert answer["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    assert await stored() == before


async def test_a_tampered_cursor_is_refused(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    info = (await api.anonymous.read("{ incidents { pageInfo { endCursor } } }"))["incidents"]["pageInfo"]
    cursor = info["endCursor"]
    assert "errors" not in await api.anonymous.send(LIST, after=cursor)
    middle = len(cursor) // 2
    for tampered in (
        cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :],
        cursor[:-4],
        cursor + cursor,
        CursorCodec(b"another database").encode("incidents:created_at:desc", ["x", "y"]),
    ):
        error = await api.anonymous.error(LIST, after=tampered)
        assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["after"])


async def test_a_cursor_of_another_list_or_order_is_refused(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain, initial_message="Hm")
    data = await api.anonymous.read(
        "query Q($id: ID!) { incidents { pageInfo { endCursor } } systems { pageInfo { endCursor } }"
        " incidentChanges { pageInfo { endCursor } } incident(id: $id) { updates { pageInfo { endCursor } } } }",
        id=incident.id,
    )
    order = "orderBy: {field: CREATED_AT, direction: ASC}"
    ascending = f"query Q($after: String) {{ incidents(after: $after, {order}) {{ nodes {{ id }} }} }}"
    log = "query Q($after: String) { incidentChanges(after: $after) { nodes { id } } }"
    for document, page in [
        (LIST, data["systems"]),
        (LIST, data["incidentChanges"]),
        (LIST, data["incident"]["updates"]),
        (ascending, data["incidents"]),
        (log, data["incidents"]),
    ]:
        error = await api.anonymous.error(document, after=page["pageInfo"]["endCursor"])
        assert (error["code"], error["message"]) == ("BAD_USER_INPUT", CURSOR)


async def test_an_unknown_key_in_a_filter_is_named_and_an_unknown_id_finds_nothing(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    error = await api.anonymous.error(FILTERED, filter={"or": [{"system": {"in": ["payments", "nowhere"]}}]})
    assert (error["code"], error["field"]) == ("UNKNOWN_SYSTEM", ["filter", "system", "in"])
    assert error["message"] == "There is no system with the id or key 'nowhere'."
    gone = {"system": {"in": ["sys_00000000000000000000000000"]}}
    assert (await api.anonymous.read(FILTERED, filter=gone))["incidents"]["nodes"] == []


@on_both_databases
async def test_no_text_makes_a_query_fail(api: Api) -> None:
    cases: list[tuple[str, Json]] = [
        ("query Q($id: ID!) { incident(id: $id) { id } }", {"id": "'; DROP TABLE incidents; --"}),
        (FILTERED, {"filter": {"openedBy": {"in": ["\ufffe\U0010ffff"]}}}),
        (FILTERED, {"filter": {"text": "a b' OR 1=1 -- \" * : & | ! ( ) \\ % _ \U0001f525"}}),
        (FILTERED, {"filter": {"createdAt": {"gte": "0001-01-01T00:00:00Z", "lte": "9999-12-31T23:59:59Z"}}}),
    ]
    for document, variables in cases:
        codes = [
            error["extensions"]["code"] for error in (await api.admin.send(document, **variables)).get("errors", ())
        ]
        assert "INTERNAL" not in codes


async def test_a_bug_shows_clients_an_id_and_is_logged(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    incident = await make_incident(domain)

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("the password is hunter2")

    monkeypatch.setattr(Reads, "incidents", broken)
    response = await api.admin.post(
        json={"query": f'{{ incident(id: "{incident.id}") {{ id }} }}'}, headers={"x-request-id": "find-me"}
    )
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "find-me"}
    assert "find-me" in error["message"]
    assert "hunter2" not in response.text
    assert "ZeroDivision" not in response.text
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "find-me" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)


async def test_a_bug_in_one_field_leaves_the_others(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_incident(domain)

    async def broken(*_: Any, **__: Any) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(Reads, "incidents", broken)
    answer = await api.anonymous.send("{ incident(number: 1) { id } triggers { name } }")
    assert answer["data"]["incident"] is None
    assert len(answer["data"]["triggers"]) > 0
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(answer)
    assert "KeyError" in caplog.text


async def test_errors_of_clients_are_not_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    await api.anonymous.send("{ nope")
    await api.anonymous.send("{ nope }")
    await api.anonymous.send("{ incidents(first: 0) { nodes { id } } }")
    await api.anonymous.try_to("deleteIncident", {"id": "x"})
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@in_module_loop
@pytest.mark.parametrize(
    ("argument", "field"),
    [
        ("first: x", ["first"]),
        ("filter: 1", ["filter"]),
        ("filter: {status: {eq: NOPE}}", ["status", "eq"]),
        ("first: 1, filter: {open: true, status: {in: [FIXING, NOPE]}}", ["status", "in"]),
        ("filter: {and: [{open: true}, {status: {in: [null]}}]}", ["and", "status", "in"]),
        ("filter: {open: true, label: {key: null}}", ["label", "key"]),
        ('filter: {open: true, label: {eq: "a"}}', ["label", "key"]),
        ("filter: {open: true, stats: {eq: NOPE}}", ["stats"]),
        ("filter: {open: true, status: {like: 1}}", ["status", "like"]),
    ],
)
async def test_the_error_of_a_bad_literal_names_the_field(refusing: Api, argument: str, field: list[str]) -> None:
    error = await refusing.anonymous.error(f"{{ incidents({argument}) {{ totalCount }} }}")
    assert (error["code"], error["field"]) == ("GRAPHQL_VALIDATION_FAILED", field)


@in_module_loop
@pytest.mark.parametrize("argument", ["filter: {label: {key: null}}", "filter: {stats: {eq: true}}"])
async def test_the_error_of_a_bad_value_speaks_of_json_and_repeats_no_object(refusing: Api, argument: str) -> None:
    of_literal = await refusing.anonymous.error(f"{{ incidents({argument}) {{ totalCount }} }}")
    given = {"label": {"key": None}} if "label" in argument else {"stats": {"eq": True}}
    of_variable = await refusing.anonymous.error(FILTERED, filter=given)
    for error in (of_literal, of_variable):
        assert "None" not in error["message"]
        assert "ound" not in error["message"]
        assert error["message"][-1] in ".?"
