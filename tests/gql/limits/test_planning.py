"""Descriptions of a schema with deprecated parts: they equal the library's, and are counted."""

from typing import Any

import orjson
import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_introspection_query,
    parse,
)

from gql.limits.describing import _answer
from gql.limits.fragments import fragments_of
from gql.limits.introspection import (
    Planner,
    RequestedField,
    info_of,
    most_fields,
    resolved_fields,
    type_of_introspection,
)

SDL = """
    type Query { a: Int b: Int @deprecated c(x: Int @deprecated, y: [Int!]): E d(i: I): Query }
    enum E { A B @deprecated(reason: "old") }
    input I { p: Int q: Int @deprecated }
    """
SCHEMA = build_schema(SDL)


@pytest.mark.parametrize(
    "selection",
    [
        "types { name fields { name } enumValues { name } inputFields { name } }",
        "types { fields(includeDeprecated: true) { name isDeprecated args(includeDeprecated: true) { name } } }",
        "types { fields(includeDeprecated: false) { name } enumValues(includeDeprecated: true) { name } }",
        "types { fields(includeDeprecated: $yes) { name } inputFields(includeDeprecated: $no) { name } }",
        "types { ...T } types { fields { type { kind ofType { name } } } }",
        "types { name @skip(if: $yes) kind @include(if: $yes) fields @include(if: $no) { name } }",
        "queryType { name again: name ... { fields { type { ...T } } } } mutationType { name }",
        "directives { name args { name type { name ofType { name } } } locations }",
    ],
)
async def test_a_description_equals_the_library_s_and_costs_a_point_per_field(selection: str) -> None:
    fragment = "fragment T on __Type { name enumValues(includeDeprecated: true) { name deprecationReason } }"
    used = fragment if "...T" in selection else ""
    document = parse(f"query ($yes: Boolean = true, $no: Boolean = false) {{ __schema {{ {selection} }} }} {used}")
    plan = _planned(document)

    said = (execute_sync(SCHEMA, document).data or {})["__schema"]
    answer = orjson.loads(orjson.dumps(await _answer(plan, SCHEMA, info_of(SCHEMA))))
    assert answer == said
    assert resolved_fields(plan, SCHEMA, SCHEMA) == _fields(said)


def test_an_operation_may_describe_the_whole_schema_twice_with_all_that_tools_ask_for() -> None:
    whole = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        experimental_directive_deprecation=True,
        one_of=True,
    )
    said = (execute_sync(SCHEMA, parse(whole)).data or {})["__schema"]

    assert most_fields(build_schema(SDL)) == 2 * _fields(said)


def test_the_fields_of_a_description_are_counted_no_further_than_the_most() -> None:
    types = " ".join(f"again{number}: types {{ name }}" for number in range(1000))
    counted = resolved_fields(_planned(parse(f"{{ __schema {{ {types} }} }}")), SCHEMA, SCHEMA)

    assert most_fields(SCHEMA) < counted < 2 * most_fields(SCHEMA)


def _planned(document: DocumentNode) -> tuple[RequestedField, ...]:
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    nodes = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    planner = Planner(fragments_of(document), {"yes": True, "no": False})
    return planner.plan(nodes, type_of_introspection("__Schema"))


def _fields(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(_fields(each) for each in value.values())
    return sum(_fields(each) for each in value) if isinstance(value, list) else 0
