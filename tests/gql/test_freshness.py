"""Requests that name the cursor which their answers have to have reached, also where there is no replica."""

import asyncio
from typing import Any

import pytest
from graphql import get_operation_ast, parse

from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.model.cursor import CursorCodec
from domain.settings import Settings
from gql.limits.lagging import _MAY_LAG, may_lag
from gql.requests.freshness import AFTER_HEADER
from gql.schema import schema
from tests.client import Api, calling
from tests.factories import make_incident
from tests.gql.dialects import on_both_databases
from tests.gql.transport.sockets import serving

_DOCUMENT = "{ incidents { totalCount } }"
_FOREIGN = CursorCodec(b"of another database").position(1)
_HEADER, _EXTENSION = [AFTER_HEADER], ["extensions", "after"]
in_both_places = pytest.mark.parametrize("field", [_HEADER, _EXTENSION], ids=["header", "extensions"])


async def _ask(api: Api, cursor: Any, field: list[str], document: str = _DOCUMENT) -> Any:
    if field == _HEADER:
        response = await api.viewer.post(json={"query": document}, headers={AFTER_HEADER: cursor})
    else:
        response = await api.viewer.post(json={"query": document, "extensions": {"after": cursor}})
    return response.json()


@on_both_databases
@in_both_places
async def test_an_answer_is_given_at_once_where_it_has_what_is_named(
    api: Api, domain: Domain, field: list[str]
) -> None:
    await make_incident(domain)
    cursor = domain.events.cursor_of(await domain.events.head())
    # It is compiled when it comes again.
    for _ in range(3):
        assert (await _ask(api, cursor, field))["data"] == {"incidents": {"totalCount": 1}}


@in_both_places
@pytest.mark.parametrize("cursor", ["", "no cursor", _FOREIGN, f"{_FOREIGN}x"])
async def test_a_cursor_that_this_database_did_not_issue_is_refused_with_its_place(
    api: Api, cursor: str, field: list[str]
) -> None:
    answer = await _ask(api, cursor, field)
    assert [error["extensions"] for error in answer["errors"]] == [{"code": "BAD_USER_INPUT", "field": field}]
    assert "data" not in answer


@pytest.mark.parametrize("cursor", [7, ["a"], {"a": 1}, True])
async def test_a_cursor_that_is_no_text_is_refused(api: Api, cursor: Any) -> None:
    [error] = (await _ask(api, cursor, _EXTENSION))["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": _EXTENSION}


@on_both_databases
@in_both_places
async def test_a_cursor_of_what_the_database_does_not_have_is_expired(
    api: Api, domain: Domain, field: list[str]
) -> None:
    await make_incident(domain)
    lost = domain.events.cursor_of(await domain.events.head() + 10)
    for _ in range(3):
        answer = await _ask(api, lost, field)
        assert [error["extensions"] for error in answer["errors"]] == [{"code": "CURSOR_EXPIRED", "field": field}]
        assert "data" not in answer


async def test_of_two_cursors_the_later_one_counts(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    head = await domain.events.head()
    there, lost = domain.events.cursor_of(head), domain.events.cursor_of(head + 1)
    for header, extension, field in ((there, lost, _EXTENSION), (lost, there, _HEADER)):
        body = {"query": _DOCUMENT, "extensions": {"after": extension}}
        response = await api.viewer.post(json=body, headers={AFTER_HEADER: header})
        assert response.json()["errors"][0]["extensions"]["field"] == field


async def test_a_request_names_one_cursor_in_its_headers(api: Api, domain: Domain) -> None:
    cursor = domain.events.cursor_of(0)
    body, headers = {"query": _DOCUMENT}, [(AFTER_HEADER, cursor), (AFTER_HEADER, cursor)]
    response = await api.viewer.http.post("/graphql", json=body, headers=headers)
    assert AFTER_HEADER in response.json()["errors"][0]["message"]


async def test_a_mutation_is_refused_before_it_writes_where_its_cursor_is_none(api: Api, domain: Domain) -> None:
    document = 'mutation { createSystem(input: {key: "cards", name: "Cards"}) { system { id } } }'
    for _ in range(3):
        response = await api.admin.post(json={"query": document}, headers={AFTER_HEADER: _FOREIGN})
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not await domain.reads.system_ids(["cards"])


async def test_each_operation_of_a_batch_has_its_own(settings: Settings) -> None:
    wide = Settings(database_url=settings.database_url, batching_max=3, automations=False, webhooks=False)
    async with running_domain(wide) as domain, calling(domain) as api:
        cursors = (domain.events.cursor_of(0), domain.events.cursor_of(1), "none")
        body = [{"query": _DOCUMENT, "extensions": {"after": each}} for each in cursors]
        answers = (await api.viewer.post(json=body)).json()
    told = [[error["extensions"] for error in each.get("errors", [])] for each in answers]
    expired, refused = ({"code": code, "field": _EXTENSION} for code in ("CURSOR_EXPIRED", "BAD_USER_INPUT"))
    assert told == [[], [expired], [refused]]


async def test_operations_of_a_socket_name_theirs_in_extensions(domain: Domain) -> None:
    await make_incident(domain)
    head = await domain.events.head()
    async with serving(domain) as running, running.socket() as socket:

        async def ask(cursor: Any, id: str) -> Any:
            payload = {"query": _DOCUMENT, "extensions": {"after": cursor}}
            await socket.send({"id": id, "type": "subscribe", "payload": payload})
            return await socket.next()

        assert (await ask(domain.events.cursor_of(head), "1"))["payload"]["data"] == {"incidents": {"totalCount": 1}}
        assert (await socket.next())["type"] == "complete"
        refused = await ask("none", "2")
        assert refused["type"] == "error"
        assert refused["payload"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": _EXTENSION}
        lost = await ask(domain.events.cursor_of(head + 1), "3")
        assert lost["payload"]["errors"][0]["extensions"] == {"code": "CURSOR_EXPIRED", "field": _EXTENSION}


async def test_an_operation_that_never_ran_leaves_nothing_to_the_next_of_its_id(domain: Domain) -> None:
    later = domain.events.cursor_of(await domain.events.head() + 1)
    async with serving(domain) as running, running.socket() as socket:
        # Together, so that it is over before its task has begun.
        await asyncio.gather(
            socket.send(_subscribe(_DOCUMENT, extensions={"after": later})),
            socket.send({"id": "1", "type": "complete"}),
            socket.send(_subscribe(_DOCUMENT)),
        )
        assert (await socket.next())["payload"]["data"] == {"incidents": {"totalCount": 0}}


def _subscribe(query: str, **others: Any) -> Any:
    return {"id": "1", "type": "subscribe", "payload": {"query": query, **others}}


async def test_a_sqlite_file_has_no_replicas(settings: Settings) -> None:
    wrong = Settings(database_url=settings.database_url, read_url="postgresql://replica/incidents")
    with pytest.raises(StartupError, match=r"^INCIDENTQL_READ_URL is for PostgreSQL: a SQLite file has no replicas\.$"):
        async with running_domain(wrong):
            pass


def test_the_queries_that_may_lag_are_queries() -> None:
    query = schema._schema.query_type
    assert query is not None
    assert {name for name in _MAY_LAG if not name.startswith("__")} <= set(query.fields)


@pytest.mark.parametrize(
    ("text", "lags"),
    [
        ("{ incidents { totalCount } systems { totalCount } }", True),
        ("{ incidents { totalCount } tokens { totalCount } }", False),
        (
            "{ ...Two } fragment Two on Query { cursor ... on Query { ...Three } } fragment Three on Query { secrets }",
            False,
        ),
        ("{ ...Two } fragment Two on Query { cursor ... on Query { __typename } }", True),
        ("mutation { incidents }", False),
        ("subscription { incidents }", False),
    ],
)
def test_an_operation_may_lag_where_all_of_its_fields_may(text: str, lags: bool) -> None:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    assert may_lag(document, operation) is lags
