"""Texts that no database should get: NUL characters and lone surrogates at every place of a request."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_composite_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
)

from gql.schema import schema
from tests.client import Api, Caller, Json, Stored
from tests.examples import pairs
from tests.gql.dialects import on_both_databases

#: Scalars that are texts, or have texts in them.
TEXTS = {"String", "ID", "JSON"}
PLAIN: Mapping[str, Any] = {"Int": 1, "Float": 1.0, "Boolean": True, "DateTime": "2026-03-01T09:00:00Z", "JSON": {}}
REFUSED = {"NUL": "a\0b", "half a pair": "a\ud800b", "the other half": "\udfff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A text somewhere in the variables of a document; in `variables` it is at the path below `variable`."""

    document: str
    variables: Json
    variable: str
    path: tuple[str, ...]

    def filled(self, text: str) -> Json:
        """Return the variables with that text at its place."""
        return {**self.variables, self.variable: _put(self.variables[self.variable], self.path, text)}


def _put(value: Any, path: tuple[str, ...], text: str) -> Any:
    if not path:
        return text
    if isinstance(value, list):
        return [_put(value[0], path[1:], text)]
    return {**(value or {}), path[0]: _put((value or {}).get(path[0]), path[1:], text)}


def _plain(kind: GraphQLInputType) -> Any:
    """Return a value of that type; of an object, the required members alone."""
    if is_non_null_type(kind):
        return _plain(kind.of_type)
    if is_list_type(kind):
        return [_plain(kind.of_type)]
    if is_enum_type(kind):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {name: _plain(field.type) for name, field in kind.fields.items() if is_non_null_type(field.type)}
    return PLAIN.get(str(kind), "x")


def _paths(kind: GraphQLInputType, seen: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path to every text in a value of that type, with a value that has it; each input type once on it."""
    kind = kind.of_type if is_non_null_type(kind) else kind
    if is_list_type(kind):
        for path, value in _paths(kind.of_type, seen):
            yield ("0", *path), [value]
    elif isinstance(kind, GraphQLScalarType) and kind.name in TEXTS:
        yield (), "x"
        if kind.name == "JSON":
            yield ("inner",), {"inner": "x"}
    elif isinstance(kind, GraphQLInputObjectType) and kind.name not in seen:
        for name, field in kind.fields.items():
            for path, value in _paths(field.type, (*seen, kind.name)):
                yield (name, *path), {**_plain(kind), name: value}


def _fields(root: GraphQLObjectType) -> Iterator[list[tuple[str, GraphQLField]]]:
    """Return the shortest path to every field with arguments, by the types and fields in their order."""
    ways: list[list[tuple[str, GraphQLField]]] = [[(name, field)] for name, field in root.fields.items()]
    seen = {root.name}
    for way in ways:
        if way[-1][1].args:
            yield way
        target = get_named_type(way[-1][1].type)
        if isinstance(target, GraphQLObjectType) and target.name not in seen:
            seen.add(target.name)
            ways.extend([*way, (name, field)] for name, field in target.fields.items())


def _places(operation: str, root: GraphQLObjectType) -> Iterator[Place]:
    for way in _fields(root):
        field = way[-1][1]
        for name, argument in field.args.items():
            for path, value in _paths(argument.type):
                yield _place(operation, way, (name, argument), path, value)


def _place(
    operation: str,
    way: list[tuple[str, GraphQLField]],
    chosen: tuple[str, GraphQLArgument],
    path: tuple[str, ...],
    value: Any,
) -> Place:
    declared: dict[str, GraphQLInputType] = {}
    variables: Json = {}
    selection = "{ __typename }" if is_composite_type(get_named_type(way[-1][1].type)) else ""
    for depth, (name, field) in reversed(list(enumerate(way))):
        given = {key: argument for key, argument in field.args.items() if is_non_null_type(argument.type)}
        if depth == len(way) - 1:
            given = {**given, chosen[0]: chosen[1]}
        for key, argument in given.items():
            declared[f"{key}{depth}"] = argument.type
            variables[f"{key}{depth}"] = value if (depth, key) == (len(way) - 1, chosen[0]) else _plain(argument.type)
        arguments = ", ".join(f"{key}: ${key}{depth}" for key in given)
        selection = f"{name}{f'({arguments})' if arguments else ''} {selection}"
        selection = f"{{ {selection} }}"
    head = ", ".join(f"${name}: {kind}" for name, kind in declared.items())
    document = f"{operation} Q({head}) {selection}"
    return Place(document=document, variables=variables, variable=f"{chosen[0]}{len(way) - 1}", path=path)


@cache
def _all_places() -> list[Place]:
    core = schema._schema
    roots = {"query": core.query_type, "mutation": core.mutation_type, "subscription": core.subscription_type}
    return [place for name, root in roots.items() if root is not None for place in _places(name, root)]


async def _errors(caller: Caller, place: Place, text: str) -> list[Json]:
    body = json.dumps({"query": place.document, "variables": place.filled(text)})
    accept = "text/event-stream" if place.document.startswith("subscription") else "application/json"
    response = await caller.post(content=body, headers={"content-type": "application/json", "accept": accept})
    if accept == "application/json":
        errors: list[Json] = response.json()["errors"]
        return errors
    data = next(line for line in response.text.splitlines() if line.startswith("data: {"))
    found: list[Json] = json.loads(data.removeprefix("data: "))["errors"]
    return found


def test_the_walk_reaches_arguments_inputs_filters_and_nested_fields() -> None:
    places = _all_places()
    assert len({(place.document, place.path) for place in places}) == len(places) > 100
    assert any("createIncident" in place.document and place.path == ("initialMessage",) for place in places)
    assert any(place.path[-3:] == ("system", "in", "0") for place in places)
    assert any("updates(" in place.document for place in places)


# On SQLite alone, because the refusal comes before any statement; literals below run on both databases.
async def test_an_invalid_text_is_refused_with_the_field_everywhere(api: Api, stored: Stored) -> None:
    before = await stored()
    for place, text in pairs(_all_places(), list(REFUSED.values())):
        [error] = await _errors(api.admin, place, text)
        field = list(place.path) or [place.variable]
        assert (place.document, error["extensions"]) == (
            place.document,
            {"code": "GRAPHQL_VALIDATION_FAILED", "field": field},
        )
    assert await stored() == before


@on_both_databases
@pytest.mark.parametrize(
    ("document", "field"),
    [
        (r'{ system(key: "a\u0000b") { id } }', ["key"]),
        (r'{ systems(keys: ["a", "\u{0}"]) { nodes { id } } }', None),
        (r'{ incidents(filter: {not: {system: {in: ["a", "\u0000"]}}}) { nodes { id } } }', ["not", "system", "in"]),
        (r'query Q($key: String = "\u0000") { system(key: $key) { id } }', ["key"]),
        (r'mutation { createSystem(input: {key: "a", name: "\u0000"}) { cursor } }', ["name"]),
        (r'{ validateAutomation(definition: {a: ["\u0000"]}) { valid } }', ["a"]),
    ],
)
async def test_a_literal_with_a_nul_is_refused_with_the_field(
    api: Api, stored: Stored, document: str, field: list[str] | None
) -> None:
    before = await stored()
    answer = await api.admin.send(document)
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}
    assert field is None or answer["errors"][0]["extensions"]["field"] == field
    assert await stored() == before


async def test_a_name_in_json_with_a_nul_is_refused_too(api: Api) -> None:
    document = "query Q($d: JSON!) { validateAutomation(definition: $d) { __typename } }"
    error = await api.admin.error(document, d={"actions": [{"a\0": 1}]})
    assert (error["code"], error["field"]) == ("GRAPHQL_VALIDATION_FAILED", ["actions", "0", "a\ufffd"])


async def test_whole_surrogate_pairs_are_kept_beside_a_lone_surrogate(api: Api) -> None:
    headers = {"content-type": "application/json"}
    for text, refused in ((rb"\ud83d\ud83d\ude00", True), (rb"\ud83d\ude00 \\ud800", False)):
        content = rb'{"query": "{ viewer { role } }", "variables": {"a": "' + text + rb'"}}'
        answer = (await api.admin.post(content=content, headers=headers)).json()
        assert [error["extensions"]["field"] for error in answer.get("errors", ())] == [["a"]] * refused
