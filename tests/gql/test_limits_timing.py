"""Hostile operations are refused so quickly that no other client has to wait."""

from bisect import bisect_left
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import get_operation_ast, parse

from domain.bootstrap import Domain
from gql.limits.costs import ENDLESS, cost_of
from gql.schema import schema
from tests.gql.hostile import DOCUMENTS, INTROSPECTIONS, VARIABLES
from tests.gql.test_limits import code, run
from tests.gql.transport.serving import ticking
from tests.gql.transport.sockets import own_domain

pytestmark = [pytest.mark.timing, pytest.mark.asyncio(loop_scope="module")]

#: Longer than a turn is found to take by far, shorter than the 50 ms that other clients would notice.
LONGEST_TURN_SECONDS = 0.05
#: As many fields of introspection as the bounds of tokens and aliases let through.
MOST_FIELDS = 12
FIRST_PAGE = (
    "{ incidents { totalCount nodes { id title status systems { key } updates(first: 3) { nodes { message } } } } }"
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def domain(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domain]:
    """Yield one domain for all of these tests, because none of them writes."""
    async with own_domain(sqlite_template, tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
async def test_a_hostile_document_is_refused_quickly(domain: Domain, document: str, expected: str) -> None:
    await run(domain, FIRST_PAGE)
    async with ticking() as ticker:
        assert await code(domain, document) == expected
    assert ticker.longest_seconds < LONGEST_TURN_SECONDS


@pytest.mark.parametrize(("document", "variables", "expected"), VARIABLES.values(), ids=VARIABLES.keys())
async def test_hostile_variables_are_refused_quickly(
    domain: Domain, document: str, variables: Any, expected: str
) -> None:
    await run(domain, FIRST_PAGE)
    async with ticking() as ticker:
        assert await code(domain, document, variables) == expected
    assert ticker.longest_seconds < LONGEST_TURN_SECONDS


@pytest.mark.parametrize("field", INTROSPECTIONS.values(), ids=INTROSPECTIONS.keys())
async def test_introspection_up_to_the_bound_yields_to_the_event_loop(domain: Domain, field: str) -> None:
    most = bisect_left(range(1, MOST_FIELDS), True, key=lambda count: is_refused(introspection(field, count)))
    assert most >= 1
    await run(domain, FIRST_PAGE)
    async with ticking() as ticker:
        result = await run(domain, introspection(field, most))
        assert result.errors is None
        if most < MOST_FIELDS - 1:
            assert await code(domain, introspection(field, most + 1)) == "COST_LIMIT"
    assert ticker.longest_seconds < LONGEST_TURN_SECONDS


def introspection(field: str, count: int) -> str:
    """Return a document that selects that field that many times."""
    return "{" + " ".join(field.replace("#", str(number)) for number in range(count)) + "}"


def is_refused(document: str) -> bool:
    """Return whether it requests more descriptions than one operation may."""
    parsed = parse(document)
    operation = get_operation_ast(parsed)
    assert operation is not None
    return cost_of(schema._schema, parsed, operation, None) >= ENDLESS
