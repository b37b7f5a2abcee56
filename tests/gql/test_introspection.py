"""Introspection: it answers as the library does, and from a cache for repeated queries."""

from typing import Any

import orjson
import pytest
from graphql import execute, get_introspection_query, parse

from gql.limits.describing import Descriptions
from gql.schema import schema
from tests.examples import some

#: The options of getIntrospectionQuery, one at a time, all of them and none.
OPTIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no descriptions": {"descriptions": False},
    **{
        name: {name: True}
        for name in (
            "specified_by_url",
            "directive_is_repeatable",
            "schema_description",
            "input_value_deprecation",
            "experimental_directive_deprecation",
            "one_of",
        )
    },
    "shallow": {"type_depth": 3},
    "all of them": {
        "specified_by_url": True,
        "directive_is_repeatable": True,
        "schema_description": True,
        "input_value_deprecation": True,
        "experimental_directive_deprecation": True,
        "one_of": True,
    },
}
ODD: dict[str, str] = {
    "a type": '{ __type(name: "Incident") { kind name fields { name type { name } } } }',
    "a type that is not there": '{ __type(name: "Nope") { name } a: __type(name: "Incident") { name } }',
    "a type named by a variable": "query($name: String!) { __type(name: $name) { name possibleTypes { name } } }",
    "with data before and after": "{ first: __typename __schema { queryType { name } } last: __typename }",
    "the same field twice": "{ __schema { types { name } types { kind fields { name } } } }",
    "fragments in fragments": (
        "{ ...A ...B } fragment A on Query { __schema { ...S } } fragment S on __Schema { types { ...T ...T } } "
        "fragment B on Query { __schema { queryType { ...T } } } fragment T on __Type { ... on __Type { name } }"
    ),
    "what is skipped": (
        "query($no: Boolean = false, $yes: Boolean!) { __schema { types @include(if: $no) { name } "
        "queryType @skip(if: $no) { name @include(if: $yes) kind @skip(if: $yes) } } }"
    ),
    "of which nothing is left": (
        "query($yes: Boolean!) { __schema { queryType { name @skip(if: $yes) } types { name @skip(if: $yes) "
        'fields { args { name @skip(if: $yes) } } } } __type(name: "Incident") { name @skip(if: $yes) } }'
    ),
    "deprecated ones by a variable": (
        "query($yes: Boolean!) { __schema { types { enumValues(includeDeprecated: $yes) { name isDeprecated } } } }"
    ),
    "its own types": "{ __schema { __typename types { __typename fields { __typename args { __typename } } } } }",
    "directives": "{ __schema { directives { name locations args { name defaultValue type { name } } } } }",
}
VARIABLES = {"name": "Node", "yes": True}


async def answer(document: str) -> bytes:
    """Return the answer to a client."""
    result = await schema.execute(document, variable_values=VARIABLES)
    assert result.errors is None
    return orjson.dumps(result.data)


def executed(document: str) -> bytes:
    """Return the library's own answer."""
    result: Any = execute(schema._schema, parse(document), variable_values=VARIABLES)
    assert result.errors is None
    return orjson.dumps(result.data)


@pytest.mark.parametrize("name", sorted({*some(list(OPTIONS)), "no descriptions", "shallow", "all of them"}))
async def test_introspection_by_common_tools_equals_the_library_s_answer(name: str) -> None:
    document = get_introspection_query(**OPTIONS[name])
    assert await answer(document) == executed(document)


@pytest.mark.parametrize("name", ["as it is", "all of them"])
async def test_introspection_as_graphql_js_has_it_equals_the_library_s_answer(name: str) -> None:
    document = get_introspection_query(**{"type_depth": 7, **OPTIONS[name]})
    older = document.replace("Type { name kind }", "Type { name }")
    assert older != document
    assert await answer(older) == executed(older)


@pytest.mark.parametrize("document", ODD.values(), ids=ODD.keys())
async def test_any_introspection_equals_the_library_s_answer(document: str) -> None:
    assert await answer(document) == executed(document)


async def test_lists_and_non_null_types_are_not_one_of() -> None:
    document = '{ __type(name: "SystemEdge") { isOneOf fields { type { kind isOneOf ofType { isOneOf } } } } }'
    asked = orjson.loads(await answer(document))["__type"]
    kinds = {field["type"]["kind"]: field["type"] for field in asked["fields"]}
    assert kinds["NON_NULL"] == {"kind": "NON_NULL", "isOneOf": None, "ofType": {"isOneOf": False}}
    assert asked["isOneOf"] is False


async def test_a_cached_description_serves_differently_spelled_documents() -> None:
    descriptions = schema.execution_context_class.descriptions  # type: ignore[union-attr]  # a class of our own
    document = get_introspection_query(one_of=True)
    other = document.replace("IntrospectionQuery", "ByGraphiQL").replace("TypeRef", "Ref").replace("\n", " , ")
    first = await answer(document)
    remembered = len(descriptions)
    assert remembered >= 1
    assert await answer(f"{other} # GraphiQL") == first
    assert len(descriptions) == remembered


def test_cached_descriptions_are_bounded() -> None:
    descriptions = Descriptions()
    kept = [(_asked(number),) for number in range(100)]
    for plan in kept:
        descriptions.keep(plan, b"x" * 1_000_000)
        descriptions.find(kept[0])
    assert descriptions.find(kept[0]) is not None
    assert descriptions.find(kept[1]) is None
    assert len(descriptions) == 8


def _asked(number: int) -> Any:
    return ("__schema", str(number))
