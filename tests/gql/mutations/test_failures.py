"""Failures of mutations: each is reported in its payload, and hides no committed write."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
)

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.model.viewer import Role
from domain.persistence.database import Database
from gql.context import Context
from gql.schema import schema
from tests.client import Api, Caller, Json
from tests.factories import ADMIN, make_incident, make_system, make_token
from tests.gql.mutations.table import IN_A_FRESH_WORLD, MUTATIONS, World, make_world
from tests.inside import inside

#: Longer than an operation may take.
LATE_SECONDS = 1_000.0
BULK = {"resolveIncidents", "deleteIncidents"}
Write = Callable[..., Awaitable[Any]]
Writing = Callable[[dict[int, Write]], None]
Unread = Callable[[Write], AbstractContextManager[None]]


@pytest.fixture
def writing(monkeypatch: pytest.MonkeyPatch) -> Writing:
    """Replace some of the following writes of the test, counted from 0."""

    def replace(others: dict[int, Write]) -> None:
        numbers, task = count(), asyncio.current_task()

        async def write(database: Database, work: Any, **options: Any) -> Any:
            # The server notes by itself when a token was used.
            own = asyncio.current_task() is task
            other = others.get(next(numbers)) if own else None
            return await (real(database, work, **options) if other is None else other(database, work))

        monkeypatch.setattr(Database, "write", write)

    real = Database.write
    return replace


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a write or read that takes longer than the deadline."""
    loop = asyncio.get_running_loop()
    real, waited = loop.time, 0.0

    async def wait(*_: Any) -> None:
        nonlocal waited
        waited += LATE_SECONDS
        await asyncio.Event().wait()

    monkeypatch.setattr(loop, "time", lambda: real() + waited)
    return wait


async def _breaks(*_: Any) -> None:
    raise ZeroDivisionError("the password is hunter2")


async def _is_away(*_: Any) -> None:
    raise UnavailableError


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch, domain: Domain, writing: Writing) -> Unread:
    """Return a context that runs the next write, and replaces all reads after it."""

    @contextmanager
    def replaced(read: Write) -> Iterator[None]:
        async def write(database: Database, work: Any) -> Any:
            monkeypatch.setattr(Database, "read", real_read)
            committed = await real_write(database, work)
            monkeypatch.setattr(Database, "read", other)
            return committed

        async def other(database: Database, work: Any) -> Any:
            background = asyncio.current_task() is inside(domain).tail._task
            return await (real_read if background else read)(database, work)

        writing({0: write})
        yield
        monkeypatch.setattr(Database, "write", real_write)
        monkeypatch.setattr(Database, "read", real_read)

    real_write, real_read = Database.write, Database.read
    return replaced


@pytest.mark.parametrize(("failing", "code"), [(_breaks, "INTERNAL"), (_is_away, "UNAVAILABLE")])
async def test_a_failed_write_is_reported_between_two_that_succeed(
    api: Api, domain: Domain, writing: Writing, caplog: pytest.LogCaptureFixture, failing: Write, code: str
) -> None:
    world = await make_world(domain)
    for name in MUTATIONS:
        writing({1: failing})
        answer = await _between(api.admin, world, name)
        assert (name, *_codes(answer)) == (name, [], [code], [])
        assert "hunter2" not in str(answer)
    bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(bugs) == (len(MUTATIONS) if code == "INTERNAL" else 0)


@pytest.mark.moves_time
async def test_a_late_mutation_reports_whether_it_had_begun(
    api: Api, domain: Domain, writing: Writing, slow: Write
) -> None:
    world = await make_world(domain)
    for name in MUTATIONS:
        writing({1: slow})
        answer = await _between(api.admin, world, name)
        assert (name, *_codes(answer)) == (name, [], ["TIMEOUT"], ["TIMEOUT"])
        assert "may still be committed" in answer["data"][name]["userErrors"][0]["message"]
        assert "Nothing was written by it." in answer["data"]["after"]["userErrors"][0]["message"]


@pytest.mark.parametrize(("caller", "code"), [("anonymous", "UNAUTHENTICATED"), ("viewer", "FORBIDDEN")])
async def test_a_caller_without_write_access_gets_an_error_in_every_payload(
    api: Api, domain: Domain, caller: str, code: str
) -> None:
    world = await make_world(domain)
    for name in MUTATIONS:
        answer = await _between(getattr(api, caller), world, name)
        assert (name, *_codes(answer)) == (name, [code], [code], [code])


async def test_a_forbidden_mutation_hides_no_permitted_one(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    for name, row in MUTATIONS.items():
        if row.needs is Role.ADMIN:
            answer = await _between(api.responder, world, name)
            assert (name, *_codes(answer)) == (name, [], ["FORBIDDEN"], [])


async def test_a_mutation_outside_a_token_s_systems_hides_no_other(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    mine = await make_system(domain, "mine")
    incident = (await make_incident(domain, "mine")).id
    _, secret = await make_token(domain, role=Role.ADMIN, systems=[mine.id])
    for name in MUTATIONS:
        answer = await _between(Caller(http=api.admin.http, token=secret), world, name, incident=incident)
        assert (name, *_codes(answer)) == (name, [], ["FORBIDDEN"], [])


async def test_a_committed_write_is_reported_when_it_cannot_be_read(api: Api, domain: Domain, unread: Unread) -> None:
    world = await make_world(domain)
    for name in MUTATIONS:
        label, effect = next(iter(MUTATIONS[name].effects.items()))
        if (name, label) in IN_A_FRESH_WORLD:
            world = await make_world(domain)
        input = effect.input(world)
        with unread(_is_away):
            answer = await api.admin.try_to(name, input, _deep(name))
        payload = answer["data"][name]
        assert (name, payload["userErrors"]) == (name, [])
        assert (name, payload["cursor"]) == (name, inside(domain).cursors.position(domain.events.known))
        assert {(error["path"][0], error["extensions"]["code"]) for error in answer.get("errors", ())} <= {
            (name, "UNAVAILABLE")
        }
        holds = [value for member, value in payload.items() if member not in {"userErrors", "cursor"}]
        assert any(value is not None for value in holds) or "errors" in answer, name


async def test_an_unreadable_field_after_a_write_is_null_beside_others(
    api: Api, domain: Domain, unread: Unread
) -> None:
    incident = await make_incident(domain)
    document = """mutation M($id: ID!) {
      a: addIncidentUpdate(input: {incidentId: $id, message: "There"}) {
        update { message } incident { number updates { nodes { id } } } userErrors { code } }
      b: addIncidentUpdate(input: {incidentId: $id, message: "There, too"}) { update { message } userErrors { code } }
    }"""
    with unread(_is_away):
        answer = await api.responder.send(document, id=incident.id)
    assert answer["data"] == {
        "a": {"update": {"message": "There"}, "incident": None, "userErrors": []},
        "b": {"update": {"message": "There, too"}, "userErrors": []},
    }
    assert [error["path"] for error in answer["errors"]] == [["a", "incident", "updates"]]


@pytest.mark.moves_time
async def test_a_slow_read_after_a_write_times_out_by_itself(
    api: Api, domain: Domain, unread: Unread, slow: Write
) -> None:
    incident = await make_incident(domain)
    document = """mutation M($id: ID!) { resolveIncident(input: {id: $id}) {
      incident { updates { nodes { id } } } cursor userErrors { code } } }"""
    with unread(slow):
        answer = await api.responder.send(document, id=incident.id)
    cursor = inside(domain).cursors.position(domain.events.known)
    assert answer["data"]["resolveIncident"] == {"incident": None, "cursor": cursor, "userErrors": []}
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("TIMEOUT", ["resolveIncident", "incident", "updates"])
    assert "the mutation itself is over" in error["message"]


@pytest.mark.moves_time
async def test_a_late_bulk_mutation_has_a_result_for_each_id(
    api: Api, domain: Domain, writing: Writing, slow: Write
) -> None:
    async def commits_late(*arguments: Any) -> None:
        await real(*arguments)
        await slow()

    real = Database.write
    world = await make_world(domain)
    ids = [world.incident.id, world.other.id, (await make_incident(domain, world.spare.id)).id]
    writing({1: commits_late})
    selection = MUTATIONS["resolveIncidents"].selection
    payload = await api.responder.do("resolveIncidents", {"ids": ids}, selection)
    assert [reason["code"] for reason in payload["userErrors"]] == ["TIMEOUT"]
    done, under_way, not_begun = payload["results"]
    assert (done["ok"], done["incident"]) == (True, {"status": "RESOLVED"})
    assert (under_way["ok"], under_way["code"]) == (False, "TIMEOUT")
    assert "may still be committed" in under_way["message"]
    assert (not_begun["ok"], not_begun["code"]) == (False, "TIMEOUT")
    assert "Nothing was written by it." in not_begun["message"]
    assert [(await domain.reads.incidents([id]))[id].is_open for id in ids] == [False, False, True]


async def test_a_bulk_mutation_that_fails_for_one_id_shows_the_others(
    api: Api, domain: Domain, writing: Writing
) -> None:
    world = await make_world(domain)
    writing({0: _breaks, 1: _is_away})
    ids = [world.incident.id, world.other.id, world.resolved.id]
    payload = await api.responder.do("deleteIncidents", {"ids": ids}, MUTATIONS["deleteIncidents"].selection)
    assert payload["userErrors"] == []
    assert [result["code"] for result in payload["results"]] == ["INTERNAL", "UNAVAILABLE", None]
    assert "hunter2" not in str(payload)


@pytest.mark.parametrize(
    ("variable", "beside", "mutation", "field"),
    [
        ("$x: Boolean = true", "incident @include(if: $x) { id }", "", "if"),
        ("$x: Boolean = true", "...F", "", "if"),
        ('$x: ID = "a"', "", "deleteIncident(input: {id: $x})", "id"),
        ('$x: ID = "a"', "", "resolveIncidents(input: {ids: [$x]})", "ids"),
        ("$x: Boolean", "", 'createAutomation(input: {name: "n", definition: {}, enabled: $x})', "enabled"),
    ],
    ids=["directive", "fragment", "input", "list", "default of the place"],
)
async def test_a_null_that_fails_only_in_execution_is_refused_before_any_write(
    api: Api, domain: Domain, variable: str, beside: str, mutation: str, field: str
) -> None:
    incident = await make_incident(domain)
    before = await domain.events.head()
    comment = f'addIncidentUpdate(input: {{incidentId: "{incident.id}", message: "Hidden"}}) {{ cursor {beside} }}'
    fragment = "fragment F on Payload { userErrors @skip(if: $x) { code } }" if "..." in beside else ""
    other = f"other: {mutation} {{ cursor }}" if mutation else ""
    answer = await api.admin.send(f"mutation M({variable}) {{ {comment} {other} }} {fragment}", x=None)
    assert "data" not in answer
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("GRAPHQL_VALIDATION_FAILED", [field])
    assert "'$x' is null" in error["message"]
    assert await domain.events.head() == before


async def test_a_null_at_a_nullable_place_is_accepted(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    document = 'query Q($after: String = "x", $if: Boolean = true) { incidents(after: $after) { %s } }'
    assert await api.anonymous.read(document % "totalCount @include(if: $if)", after=None) == {
        "incidents": {"totalCount": 1}
    }
    error = await api.anonymous.error(document % "totalCount @include(if: $if)", after=None, **{"if": None})
    assert error["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(("away", "known"), [({0, 1}, True), ({0}, False), ({1}, False), (set(), False)])
async def test_an_outage_that_failed_all_writes_is_passed_to_the_transport(
    domain: Domain, writing: Writing, away: set[int], known: bool
) -> None:
    incident = await make_incident(domain)
    context = Context(domain=domain, request_id="req_test", viewer=ADMIN)
    comment = f'addIncidentUpdate(input: {{incidentId: "{incident.id}", message: "Hm"}}) {{ cursor }}'
    writing(dict.fromkeys(away, _is_away))
    result = await schema.execute(f"mutation {{ a: {comment} b: {comment} }}", context_value=context)
    assert result.errors is None
    assert (context.outage is not None) is known


def test_no_failed_field_can_null_its_payload() -> None:
    payloads = [kind for name, kind in schema._schema.type_map.items() if name.endswith("Payload")]
    objects = [kind for kind in payloads if isinstance(kind, GraphQLObjectType)]
    assert len(objects) == len(MUTATIONS)
    assert [path for kind in objects for path in _breakable(kind, kind.name)] == []


def test_every_query_that_needs_a_role_is_nullable() -> None:
    query = schema._schema.query_type
    assert query is not None
    gated = {
        name: field.type
        for name, field in query.fields.items()
        if field.extensions["strawberry-definition"].permission_classes
    }
    assert set(gated) >= {"automations", "automationRuns", "tokens", "secrets", "explain", "validateAutomation"}
    assert [name for name, kind in gated.items() if is_non_null_type(kind)] == []


async def test_permitted_fields_are_read_beside_forbidden_ones(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    answer = await api.anonymous.send(
        "{ incidents { totalCount } tokens { totalCount } secrets { totalCount } automations { totalCount } }"
    )
    assert answer["data"] == {"incidents": {"totalCount": 1}, "tokens": None, "secrets": None, "automations": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [
        ([name], "UNAUTHENTICATED") for name in ("tokens", "secrets", "automations")
    ]


async def _between(caller: Caller, world: World, name: str, *, incident: str | None = None) -> Json:
    """Return the answer to a mutation between two comments."""
    comment = 'addIncidentUpdate(input: {incidentId: $incident, message: "Beside it"})'
    said = "userErrors { code message } cursor"
    document = f"""mutation Do($input: {name[0].upper()}{name[1:]}Input!, $incident: ID!) {{
      before: {comment} {{ {said} }}
      {name}(input: $input) {{ {said} {"results { code }" if name in BULK else ""} }}
      after: {comment} {{ {said} }}
    }}"""
    usual = next(iter(MUTATIONS[name].effects.values())).input(world)
    input = {"ids": [world.incident.id]} if name in BULK else usual
    answer = await caller.send(document, input=input, incident=incident or world.other.id)
    assert "errors" not in answer
    return answer


def _codes(answer: Json) -> list[list[str]]:
    """Yield the codes of each field's failure; of a bulk one for each id, or for all of them."""
    return [
        [reason["code"] for reason in payload["userErrors"] or payload.get("results", ())]
        for payload in answer["data"].values()
    ]


def _deep(name: str) -> str:
    """Return a selection of everything in a payload that takes a read of the database."""
    payload = schema._schema.get_type(f"{name[0].upper()}{name[1:]}Payload")
    assert isinstance(payload, GraphQLObjectType)
    return " ".join(_selected(each, field, depth=3) for each, field in payload.fields.items() if each != "userErrors")


def _selected(name: str, field: GraphQLField, *, depth: int) -> str:
    kind = get_named_type(field.type)
    if not isinstance(kind, GraphQLObjectType):
        return name
    inner = [
        _selected(each, of, depth=depth - 1)
        for each, of in kind.fields.items()
        if (depth or is_leaf_type(get_named_type(of.type))) and not any(map(is_required_argument, of.args.values()))
    ]
    return f"{name} {{ __typename {' '.join(inner)} }}"


def _breakable(kind: GraphQLObjectType, path: str) -> Iterator[str]:
    """Yield the fields whose failure would null their parents up to this object."""
    for name, field in kind.fields.items():
        if is_non_null_type(field.type):
            if field.extensions["strawberry-definition"].base_resolver is not None:
                yield f"{path}.{name}"
            inner = get_named_type(field.type)
            items = get_nullable_type(field.type)
            keeps = is_list_type(items) and not is_non_null_type(items.of_type)
            if isinstance(inner, GraphQLObjectType) and not keeps:
                yield from _breakable(inner, f"{path}.{name}")
