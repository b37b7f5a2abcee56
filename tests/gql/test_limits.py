"""Limits of operations: each is refused with its own code."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from strawberry.types import ExecutionResult

from domain.bootstrap import Domain, running_domain
from domain.model.viewer import ANONYMOUS, Viewer
from domain.services.incidents import IncidentService
from domain.services.reads import Reads
from domain.settings import Settings
from gql.context import Context
from gql.schema import schema
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident
from tests.gql.hostile import IDS
from tests.gql.subscriptions.watching import watching


@asynccontextmanager
async def limited(settings: Settings, **limits: Any) -> AsyncIterator[Domain]:
    """Yield a domain with other limits."""
    async with running_domain(replace(settings, **limits), clock=SteppingClock()) as domain:
        yield domain


async def run(domain: Domain, document: str, variables: Any = None, *, viewer: Viewer = ANONYMOUS) -> ExecutionResult:
    """Return the result of an operation, as every transport gets it."""
    context = Context(domain=domain, request_id="req_test", viewer=viewer, address="192.0.2.1")
    return await schema.execute(document, variable_values=variables, context_value=context)


async def code(domain: Domain, document: str, variables: Any = None) -> str:
    """Return the code of an operation's refusal."""
    result = await run(domain, document, variables)
    assert result.data is None
    assert result.errors
    return str((result.errors[0].extensions or {})["code"])


async def cost(domain: Domain, document: str, variables: Any = None) -> int:
    """Return the cost of an operation."""
    result = await run(domain, document, variables)
    return int((result.extensions or {})["cost"]["requested"])


async def test_of_several_operations_the_named_one_is_run_and_costs(domain: Domain) -> None:
    document = "query A { viewer { role } } query B { incidents(first: 10) { nodes { id } } }"
    context = Context(domain=domain, request_id="req_test", viewer=ANONYMOUS, address="192.0.2.1")
    result = await schema.execute(document, context_value=context, operation_name="B")

    assert (result.data, result.errors) == ({"incidents": {"nodes": []}}, None)
    assert (result.extensions or {})["cost"]["requested"] == 1 + 10


@pytest.mark.parametrize(
    ("document", "variables", "points"),
    [
        ("{ viewer { role } }", None, 1),
        ("{ incidents { nodes { id } } }", None, 1 + 25),
        ("{ incidents(first: 10) { nodes { id } } }", None, 1 + 10),
        ("{ incidents(last: 10) { edges { node { id } cursor } pageInfo { endCursor } } }", None, 1 + 10 + 1),
        ("{ incidents(first: 10) { totalCount } }", None, 2),
        ("query($n: Int) { incidents(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7),
        ("query($n: Int = 8) { incidents(first: $n) { nodes { id } } }", None, 1 + 8),
        ("query($n: Int) { incidents(first: $n) { nodes { id } } }", None, 1 + 25),
        ("{ incidents(first: 10) { nodes { updates(first: 2) { nodes { id } } } } }", None, 1 + 10 * (1 + 1 + 2)),
        ("{ incidents(first: 10) { ...F } } fragment F on IncidentConnection { nodes { id } }", None, 1 + 10),
        ("{ incidents(first: 10) { nodes { ... on Node { id } systems { id } } } }", None, 1 + 10 * (1 + 5)),
        ("{ incidents(first: 10) { nodes { inStateSince(field: STATUS) } } }", None, 1 + 10 * 2),
        (IDS, {"ids": ["a"] * 40}, 40),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', None, 3),
    ],
)
async def test_an_operation_costs_a_point_per_object(
    domain: Domain, document: str, variables: Any, points: int
) -> None:
    assert await cost(domain, document, variables) == points


async def test_a_write_costs_more_and_a_bulk_write_by_the_number_of_ids(domain: Domain) -> None:
    one = "mutation($input: ResolveIncidentInput!) { resolveIncident(input: $input) { userErrors { code } } }"
    many = "mutation($input: ResolveIncidentsInput!) { resolveIncidents(input: $input) { cursor } }"
    cheap = await cost(domain, one, {"input": {"id": "inc_1"}})
    assert cheap > await cost(domain, "{ viewer { role } }")
    assert await cost(domain, many, {"input": {"ids": ["inc_1"] * 20}}) >= 20 * 5


@pytest.mark.parametrize(
    ("limits", "document", "expected"),
    [
        ({"max_cost": 10}, "{ incidents { nodes { id } } }", "COST_LIMIT"),
        ({"max_depth": 2}, "{ incidents { nodes { id } } }", "DEPTH_LIMIT"),
        ({"max_aliases": 1}, "{ a: viewer { b: role } }", "ALIAS_LIMIT"),
        ({"max_directives": 1}, "{ viewer @skip(if: false) { role @skip(if: false) } }", "DIRECTIVE_LIMIT"),
        ({"max_tokens": 7}, "{ incidents { nodes { id } } }", "TOKEN_LIMIT"),
        ({"introspection": False}, "{ __schema { queryType { name } } }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_operator_sets_the_limits(
    settings: Settings, limits: dict[str, Any], document: str, expected: str
) -> None:
    async with limited(settings, **limits) as domain:
        assert await code(domain, document) == expected
        assert (await run(domain, "{ viewer { __typename } }")).errors is None


async def test_an_operation_may_cost_all_points_of_the_bound_and_not_one_more(settings: Settings) -> None:
    async with limited(settings, max_cost=11) as domain:
        assert (await run(domain, "{ incidents(first: 10) { nodes { id } } }")).errors is None
        assert await code(domain, "{ incidents(first: 11) { nodes { id } } }") == "COST_LIMIT"


async def test_a_refusal_names_the_points_unless_they_are_beyond_counting(settings: Settings) -> None:
    page = "incidents(first: 100) { nodes { systems { %s } } }"
    endless = "id"
    for _ in range(4):
        endless = page % endless
    async with limited(settings, max_cost=100, max_depth=20) as domain:
        refusals = [(await run(domain, document)).errors for document in (f"{{ {page % 'id'} }}", f"{{ {endless} }}")]
    assert [[error.message for error in errors or []] for errors in refusals] == [
        ["This costs 601 points, and 100 points are the most. Ask for less."],
        ["This costs more, and 100 points are the most. Ask for less."],
    ]


async def test_the_events_of_a_subscription_name_no_cost(settings: Settings) -> None:
    document = "subscription($id: ID!) { incident(id: $id) { id } }"
    async with limited(settings, max_cost=1) as domain:
        incident = await make_incident(domain)
        async with watching(domain, document, id=incident.id) as watcher:
            shown = await watcher.next()
    assert (shown["data"], "cost" in (shown["extensions"] or {})) == ({"incident": {"id": incident.id}}, False)


async def test_a_null_that_could_only_fail_later_is_refused_before(domain: Domain) -> None:
    document = "query ($wanted: Boolean = true) { viewer { role @include(if: $wanted) } }"
    assert await code(domain, document, {"wanted": None}) == "GRAPHQL_VALIDATION_FAILED"
    assert (await run(domain, document, {})).errors is None


async def test_a_schema_without_introspection_is_not_suggested(domain: Domain, settings: Settings) -> None:
    [error] = (await run(domain, "{ viewr { role } }")).errors or []
    assert "Did you mean" in error.message
    async with limited(settings, introspection=False) as closed:
        for document, variables in (
            ("{ viewr { role } }", None),
            ("query($f: IncidentField!) { incident(number: 1) { inStateSince(field: $f) } }", {"f": "STATUZ"}),
            ("query($f: IncidentFilter!) { incidents(filter: $f) { totalCount } }", {"f": {"stats": {}}}),
        ):
            [error] = (await run(closed, document, variables)).errors or []
            assert "Did you mean" not in error.message


async def test_an_answer_has_the_cost_and_the_remaining_points(domain: Domain) -> None:
    result = await run(
        domain, "{ incidents(first: 5) { nodes { id } } rateLimit { limit remaining used cost resetAt } }"
    )
    shown = (result.extensions or {})["cost"]
    assert result.data is not None
    asked = result.data["rateLimit"]
    assert shown["requested"] == asked["cost"] == 1 + 5 + 1
    assert shown["limit"] == domain.settings.max_cost
    assert asked["limit"] == domain.settings.rate_limit
    assert asked["used"] == asked["limit"] - asked["remaining"] == asked["cost"]
    assert shown["rateLimit"] == {name: asked[name] for name in ("limit", "remaining", "resetAt")}


async def test_a_caller_over_the_rate_limit_waits_and_others_do_not(settings: Settings) -> None:
    async with limited(settings, rate_limit=60) as domain:
        document = "{ incidents(first: 50) { nodes { id } } }"
        assert (await run(domain, document)).errors is None
        [error] = (await run(domain, document)).errors or []
        assert (error.extensions or {})["code"] == "RATE_LIMITED"
        assert 0 < (error.extensions or {})["retryAfterSeconds"] <= 60
        assert (await run(domain, document, viewer=ADMIN)).errors is None


async def test_a_rate_limit_of_zero_limits_no_caller(settings: Settings) -> None:
    async with limited(settings, rate_limit=0) as domain:
        result = await run(domain, "{ rateLimit { remaining } }")
        assert result.data == {"rateLimit": None}
        assert "rateLimit" not in (result.extensions or {})["cost"]


async def test_a_late_query_is_abandoned(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    async with limited(settings, execution_seconds=0.05) as domain:
        monkeypatch.setattr(Reads, "incident_page", never)
        assert await code(domain, "{ incidents { nodes { id } } }") == "TIMEOUT"


async def test_a_late_write_reports_that_it_may_be_committed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = IncidentService.resolve

    async def slow(*arguments: Any, **options: Any) -> Any:
        result = await real(*arguments, **options)
        await asyncio.sleep(5)
        return result

    async with limited(settings, execution_seconds=0.5) as domain:
        incident = await make_incident(domain)
        monkeypatch.setattr(IncidentService, "resolve", slow)
        document = "mutation($input: ResolveIncidentInput!) { resolveIncident(input: $input) { %s } }"
        document %= "userErrors { code message }"
        result = await run(domain, document, {"input": {"id": incident.id}}, viewer=ADMIN)
        [error] = (result.data or {})["resolveIncident"]["userErrors"]
        assert error["code"] == "TIMEOUT"
        assert "may still be committed" in error["message"]
        result = await run(domain, f'{{ incident(id: "{incident.id}") {{ status }} }}')
        assert result.data == {"incident": {"status": "RESOLVED"}}


async def test_invalid_documents_are_charged(settings: Settings) -> None:
    async with limited(settings, rate_limit=10) as domain:
        assert await code(domain, "{ nope }") == "GRAPHQL_VALIDATION_FAILED"
        assert await code(domain, "{ nope }") == "RATE_LIMITED"
