"""The cost of operations, computed without running them."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from gql.limits.costs import ENDLESS, cost_of
from gql.limits.introspection import most_fields

SCHEMA = build_schema(
    """
    interface Node { id: ID! }
    input Many { ids: [ID!], text: String, single: ID }
    type Query {
      node(id: ID!): Node
      nodes(ids: [ID!]!): [Node!]!
      things(first: Int, last: Int, keys: [ID!]): ThingConnection!
      explain(id: ID!): Explanation!
      incidentCounts(groupBy: [ID!]): [Node!]!
      leaf: Int
    }
    type Thing implements Node {
      id: ID!
      inStateSince: Int
      parts: [Node!]!
      things(first: Int, last: Int): ThingConnection!
    }
    type ThingConnection { nodes: [Thing!]! edges: [ThingEdge!]! pageInfo: PageInfo! totalCount: Int! }
    type ThingEdge { node: Thing! cursor: String! }
    type PageInfo { endCursor: String }
    type Explanation { changes: [Node!]! runs: [Node!]! others: [Node!]! }
    type Mutation { write(id: ID, input: Many): Payload! dryRunAutomation(id: ID): Payload! }
    type Payload { thing: Thing results: [Node!]! }
    """
)


def cost(document: str, variables: Any = None) -> int:
    parsed = parse(document)
    operation = next(part for part in parsed.definitions if isinstance(part, OperationDefinitionNode))
    return cost_of(SCHEMA, parsed, operation, variables)


@pytest.mark.parametrize(
    ("document", "points"),
    [
        pytest.param("{ leaf __typename }", 0, id="leaves"),
        pytest.param("{ node(id: 1) { id } }", 1, id="an object"),
        pytest.param("{ a: node(id: 1) { id } b: node(id: 1) { id } }", 2, id="two objects"),
        pytest.param("{ node(id: 1) { ... on Thing { id } ... { id } } }", 1, id="inline fragments"),
        pytest.param("{ node(id: 1) { ... on Thing { inStateSince } } }", 2, id="a leaf with a statement of its own"),
        pytest.param("{ node(id: 1) { ... on Thing { parts { id } } } }", 1 + 5, id="a list of unknown length"),
        pytest.param("{ nodes(ids: [1, 2, 3]) { id } }", 3, id="a list of known length"),
        pytest.param("{ nodes(ids: []) { id } }", 5, id="a list of nothing"),
        pytest.param("{ nodes(ids: [1, 2, 3]) { ... on Thing { parts { id } } } }", 3 * (1 + 5), id="lists in a list"),
        pytest.param("{ things { nodes { id } } }", 1 + 25, id="a page"),
        pytest.param("{ things(first: 7) { edges { node { id } cursor } } }", 1 + 7, id="edges"),
        pytest.param("{ things(first: 7) { edges { cursor } } }", 1, id="cursors alone"),
        pytest.param("{ things(first: 7) { nodes { id } edges { node { id } } } }", 1 + 2 * 7, id="nodes and edges"),
        pytest.param("{ things(first: 7) { totalCount pageInfo { endCursor } } }", 1 + 1 + 1, id="beside the page"),
        pytest.param("{ things(first: 0) { nodes { id } } }", 1 + 100, id="a size out of range"),
        pytest.param("{ things(first: -1) { nodes { id } } }", 1 + 100, id="a size below zero"),
        pytest.param("{ things(first: 1) { nodes { id } } }", 1 + 1, id="the smallest page"),
        pytest.param("{ things(first: 1000) { nodes { id } } }", 1 + 100, id="too large a page"),
        pytest.param("{ things(first: 99999999999999) { nodes { id } } }", 1 + 100, id="a number that is too long"),
        pytest.param("{ things(first: 3, last: 9) { nodes { id } } }", 1 + 9, id="both sizes"),
        pytest.param("{ things(keys: [1, 2]) { nodes { id } } }", 1 + 25, id="another argument"),
        pytest.param(
            "{ things(first: 2) { nodes { things(last: 3) { nodes { id } } } } }", 1 + 2 * (1 + 1 + 3), id="deep"
        ),
        pytest.param(
            "{ things(first: 2) { ...F } } fragment F on ThingConnection { nodes { id } }", 1 + 2, id="spread"
        ),
        pytest.param("{ ...F ...F } fragment F on Query { node(id: 1) { id } }", 2, id="spread twice"),
        pytest.param(
            "{ ...B } fragment A on Query { node(id: 1) { id } } fragment B on Query { ...A }", 1, id="in turn"
        ),
        pytest.param("{ explain(id: 1) { changes { id } } }", 100 + 1 + 100, id="what an explanation holds"),
        pytest.param("{ incidentCounts(groupBy: [1, 2]) { id } }", 50 + 100, id="counts"),
        pytest.param(
            "{ explain(id: 1) { runs { id } others { id } } }", 100 + 1 + 100 + 5, id="more of an explanation"
        ),
        pytest.param("mutation { write(id: 1) { thing { id } } }", 5 + 1 + 1, id="a write"),
        pytest.param(
            "mutation { write(input: {ids: [1, 2, 3]}) { results { id } } }", 3 * 5 + 1 + 5, id="a bulk write"
        ),
        pytest.param('mutation { write(input: {text: "a", single: 1}) { thing { id } } }', 5 + 2, id="an input"),
        pytest.param("mutation { dryRunAutomation(id: 1) { thing { id } } }", 5 + 2, id="a base that queries have"),
        pytest.param("mutation { a: write { thing { id } } b: write { thing { id } } }", 2 * 7, id="two writes"),
    ],
)
def test_an_operation_costs_a_point_for_each_object_that_it_may_read(document: str, points: int) -> None:
    assert cost(document) == points


@pytest.mark.parametrize(
    ("document", "variables", "points"),
    [
        pytest.param("query ($n: Int) { things(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7, id="a size"),
        pytest.param("query ($n: Int = 8) { things(first: $n) { nodes { id } } }", {}, 1 + 8, id="a default"),
        pytest.param("query ($n: Int = 8) { things(first: $n) { nodes { id } } }", {"n": 7}, 1 + 7, id="given as well"),
        pytest.param("query ($n: Int = 8) { things(first: $n) { nodes { id } } }", {"n": None}, 1 + 25, id="null"),
        pytest.param("query ($n: Int) { things(first: $n) { nodes { id } } }", {"n": True}, 1 + 25, id="no number"),
        pytest.param("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a"] * 40}, 40, id="a list"),
        pytest.param(
            "mutation ($i: Many) { write(input: $i) { thing { id } } }", {"i": {"ids": [1, 2]}}, 12, id="an input"
        ),
        pytest.param(
            "mutation ($l: [ID!]) { write(input: {ids: $l}) { thing { id } } }", {"l": [1, 2]}, 12, id="in one"
        ),
        pytest.param("mutation ($l: [ID!]) { write(input: {ids: $l}) { thing { id } } }", {"l": "ab"}, 7, id="a text"),
    ],
)
def test_page_sizes_in_variables_count(document: str, variables: Any, points: int) -> None:
    assert cost(document, variables) == points


def test_a_cost_beyond_the_cap_is_endless() -> None:
    inner = "id"
    for _ in range(8):
        inner = f"things(first: 100) {{ nodes {{ {inner} }} }}"
    assert cost(f"{{ {inner} }}") == ENDLESS
    assert cost(f"{{ {inner} more: {inner} }}") == ENDLESS
    assert cost(f"{{ node(id: 1) {{ ... on Thing {{ parts {{ ... on Thing {{ {inner} }} }} }} }} }}") == ENDLESS
    assert cost(f"{{ ...F }} fragment F on Query {{ {inner} }}") == ENDLESS


def described(count: int) -> str:
    """Return that many fields of introspection of known types."""
    return " ".join(f't{number}: __type(name: "Thing") {{ name }}' for number in range(count))


def test_descriptions_cost_a_point_each_and_one_more_for_50_fields() -> None:
    assert cost(f"{{ {described(1)} }}") == 1
    assert cost(f"{{ {described(3)} }}") == 3
    names = " ".join(f"n{number}: name" for number in range(49))
    assert cost(f'{{ __type(name: "Thing") {{ {names} }} }}') == 1
    assert cost(f'{{ __type(name: "Thing") {{ {names} more: name }} }}') == 2
    assert cost('{ __type(name: "Nothing") { name } }') == 1
    assert cost("query ($n: String!) { __type(name: $n) { fields { name } } }", {"n": "Thing"}) == 1


def test_more_descriptions_than_twice_the_whole_schema_are_endless() -> None:
    most = most_fields(SCHEMA)
    assert cost(f"{{ {described(most)} }}") == most
    assert cost(f"{{ {described(most + 1)} }}") == ENDLESS
