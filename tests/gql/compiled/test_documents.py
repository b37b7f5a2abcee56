"""The documents of the pages, of the page for browsers and of a client that works as Relay does are compiled."""

import json
import re
from collections.abc import Iterator

import pytest
from graphql import FieldNode, OperationDefinitionNode, OperationType, get_operation_ast, parse

from domain.bootstrap import Domain
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.docs.blocks import PAGES, ROOT, blocks_in
from tests.factories import ADMIN, make_incident, make_system

#: The roots that only the generic path reads.
_GENERIC = {"automationRuns", "dryRunAutomation", "explain", "rateLimit", "tokens", "viewer"}
_IN_SHELL = re.compile(r"""gql '(\{"query".*?\})'$""", re.MULTILINE)
_IN_SCRIPT = re.compile(r"`((?:#[^\n]*\n)*query [^`]*)`")
_RELAY = """
query Page($first: Int = 20, $after: String, $filter: IncidentFilter) {
  ...List_query
}
fragment List_query on Query {
  incidents(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id __typename ...Row_incident } }
    pageInfo { hasNextPage endCursor }
  }
}
fragment Row_incident on Incident { id reference title status systems { id name } }
"""
_REFETCH = """
query Refetch($id: ID!, $count: Int = 10, $cursor: String) {
  node(id: $id) { __typename ...Timeline_incident id }
}
fragment Timeline_incident on Incident {
  id
  updates(first: $count, after: $cursor) {
    edges { cursor node { id message createdBy { name } __typename } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
"""


def _documents() -> Iterator[str]:
    yield from (block.text for block in blocks_in("graphql"))
    for page in PAGES:
        yield from (json.loads(body)["query"] for body in _IN_SHELL.findall(page.read_text()))
    yield from _IN_SCRIPT.findall((ROOT / "gql" / "static" / "ide.js").read_text())
    yield from (_RELAY, _REFETCH)


def _queries() -> list[tuple[str, OperationDefinitionNode]]:
    found = [(text, get_operation_ast(parse(text))) for text in _documents()]
    return [(text, node) for text, node in found if node is not None and node.operation is OperationType.QUERY]


def _is_generic(operation: OperationDefinitionNode) -> bool:
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    return any(node.name.value in _GENERIC for node in fields)


QUERIES = [(text, node) for text, node in _queries() if not _is_generic(node)]


@pytest.mark.parametrize(("text", "node"), QUERIES, ids=map(str, range(len(QUERIES))))
async def test_a_document_is_compiled(domain: Domain, text: str, node: OperationDefinitionNode) -> None:
    await make_system(domain)
    incident = await make_incident(domain, "payments")
    values = {"incident": incident.id, "id": incident.id, "cursor": None}
    names = [each.variable.name.value for each in node.variable_definitions or ()]
    variables = {name: values[name] for name in names if name in values}
    compiled = CompiledOperations(schema, schema.documents, domain)

    def context() -> Context:
        return Context(domain=domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")

    generic = await schema.execute(text, variable_values=variables, context_value=context())
    results = [await compiled.execute(text, variables, None, context()) for _ in range(2)]

    assert generic.errors is None
    assert results[1] is not None, compiled.cache.reasons
    assert results[1].data == generic.data


def test_all_kinds_of_documents_are_found() -> None:
    assert len(QUERIES) >= 9
    assert any("query Incidents" in text for text, _ in QUERIES)
