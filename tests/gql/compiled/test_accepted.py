"""Variables that are asked with again: nothing about them is read twice, and none is taken for another."""

from itertools import count
from typing import Any

import pytest

from domain.bootstrap import Domain
from gql.compiled.accepted import Accepted
from gql.compiled.running import CompiledOperations, Ready
from gql.context import Context
from gql.schema import schema
from tests.factories import ADMIN, make_incident

_numbers = count()
_FILTERED = """query Filtered($filter: IncidentFilter, $first: Int) {
  incidents(filter: $filter, first: $first) { nodes { title } }
}"""


@pytest.fixture
def compiled(domain: Domain) -> CompiledOperations:
    """The compiled path of a domain, which has seen nothing yet."""
    return CompiledOperations(schema, schema.documents, domain)


async def _known(compiled: CompiledOperations, domain: Domain, **variables: Any) -> str:
    """Return a document that was compiled."""
    document = f"{_FILTERED} # {next(_numbers)} of the tests of variables"
    context = Context(domain=domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")
    await schema.execute(document, variable_values=variables, context_value=context)
    for _ in range(2):
        await compiled.execute(document, variables, None, context)
    return document


def _ready(compiled: CompiledOperations, document: str, **variables: Any) -> Ready | None:
    return compiled.ready(document, variables, None, ADMIN)


async def test_a_filter_that_was_asked_with_is_not_read_again(domain: Domain, compiled: CompiledOperations) -> None:
    document = await _known(compiled, domain, filter={"severity": {"eq": "MAJOR"}}, first=1)

    first, again, other = [
        _ready(compiled, document, filter={"severity": {"eq": severity}}, first=1)
        for severity in ("MAJOR", "MAJOR", "MINOR")
    ]

    assert first is not None
    assert again is not None
    assert other is not None
    assert again.wanted is first.wanted
    assert other.wanted.rows != first.wanted.rows


async def test_values_that_are_equal_in_python_are_told_apart(domain: Domain, compiled: CompiledOperations) -> None:
    document = await _known(compiled, domain, filter={"number": {"eq": 1}}, first=1)

    assert _ready(compiled, document, filter={"number": {"eq": 1}}, first=1) is not None
    assert _ready(compiled, document, filter={"number": {"eq": True}}, first=1) is None
    assert _ready(compiled, document, filter={"number": {"eq": 1}}, first=True) is None


async def test_a_filter_asked_with_again_finds_what_is_new(domain: Domain, compiled: CompiledOperations) -> None:
    variables = {"filter": {"severity": {"eq": "MAJOR"}}, "first": 5}
    document = await _known(compiled, domain, **variables)
    context = Context(domain=domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")
    before = await compiled.execute(document, variables, None, context)
    await make_incident(domain, title="New")
    after = await compiled.execute(document, variables, None, context)

    assert before is not None
    assert before.data == {"incidents": {"nodes": []}}
    assert after is not None
    assert after.data == {"incidents": {"nodes": [{"title": "New"}]}}


def test_few_variables_are_kept_and_no_long_ones() -> None:
    accepted = Accepted()
    names = [accepted.find({"number": number})[0] for number in range(40)]
    for name in names:
        assert name is not None
        accepted.keep(name, object())  # type: ignore[arg-type]  # whatever was read

    assert [number for number in range(40) if accepted.find({"number": number})[1] is not None] == [*range(8, 40)]
    assert accepted.find({"text": "a" * 400}) == (None, None)
    assert accepted.find({"number": 1 << 70}) == (None, None)
