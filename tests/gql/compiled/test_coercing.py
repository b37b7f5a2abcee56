"""Inputs that are read by functions made for their types: what they read is what the core reads."""

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    parse,
)
from graphql.utilities import coerce_input_value

from gql.compiled.coercing import Given, OddError, Readers
from gql.schema import schema

CORE = schema._schema
INPUTS = [kind for kind in CORE.type_map.values() if is_input_object_type(kind)]
#: By the type of a leaf, what it takes.
LEAVES: Mapping[str, list[Any]] = {
    "ID": ["inc_1", "", 7],
    "String": ["a text", ""],
    "Int": [0, -(2**31), 2**31, 1.0],
    "Float": [1.5, 2],
    "Boolean": [True, False],
    "DateTime": ["2026-03-01T09:30:00Z", "2026-03-01T10:30:00.123456+01:00", "yesterday"],
}
ODD: list[Any] = [None, 3, 2.5, True, "other", "MAJOR", [], [None], ["one"], {}, {"id": "1"}, {"nothing": 1}]


def _value(kind: Any, random: Random, depth: int = 0) -> Any:
    if random.random() < 0.03:
        return random.choice(ODD)
    if is_non_null_type(kind):
        return _present(kind.of_type, random, depth)
    return None if random.random() < 0.1 else _present(kind, random, depth)


def _present(kind: Any, random: Random, depth: int) -> Any:
    if is_list_type(kind):
        return [_value(kind.of_type, random, depth + 1) for _ in range(random.randrange(3))]
    if is_enum_type(kind):
        return random.choice(list(kind.values))
    if not is_input_object_type(kind):
        return random.choice(LEAVES.get(kind.name, ["a text", {"a": [1, None]}]))
    fields = [name for name, field in kind.fields.items() if is_non_null_type(field.type) or random.random() < 0.5]
    random.shuffle(fields)
    return {name: _value(kind.fields[name].type, random, depth + 1) for name in fields if depth < 4}


@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.name)
def test_an_input_is_read_as_the_core_reads_it(kind: GraphQLInputObjectType) -> None:
    random, read, taken = Random(7), Readers().of(kind)[0], 0
    for _ in range(120):
        value = _value(kind, random)
        expected = coerce_input_value(value, kind)
        try:
            found = read(value)
        except OddError:
            continue
        taken += 1
        assert _spelled(found) == _spelled(expected)
    assert taken


def _spelled(value: Any) -> str:
    """Return a text that tells true from 1, and says nothing of the order of names."""
    if isinstance(value, dict):
        return str(sorted((name, _spelled(member)) for name, member in value.items()))
    return str([_spelled(each) for each in value]) if isinstance(value, list) else repr(value)


def _given(document: str, variables: Mapping[str, Any]) -> dict[str, Any] | None:
    operation: Any = parse(document).definitions[0]
    node = operation.selection_set.selections[0]
    assert CORE.mutation_type is not None
    field = CORE.mutation_type.fields[node.name.value]
    read = Given(CORE, operation, field, node).read(variables)
    return None if read is None else read[1]


ADD = "mutation M($input: AddIncidentUpdateInput!) { addIncidentUpdate(input: $input) { cursor } }"
INPUT = {"incidentId": "inc_1", "message": "Looking"}


def test_variables_become_arguments() -> None:
    assert _given(ADD, {"input": INPUT, "other": 1}) == {"input": INPUT}


@pytest.mark.parametrize(
    "variables",
    [{}, {"input": None}, {"input": {**INPUT, "message": None}}, {"input": {**INPUT, "statusChange": "GONE"}}],
    ids=["absent", "null", "a member that is null", "no such value"],
)
def test_variables_that_the_core_refuses_are_refused(variables: Mapping[str, Any]) -> None:
    assert _given(ADD, variables) is None


def test_what_is_not_plain_is_read_by_the_core() -> None:
    within = 'mutation M($id: ID!) { addIncidentUpdate(input: {incidentId: $id, message: "a"}) { cursor } }'
    defaulted = ADD.replace("Input!)", 'Input! = {incidentId: "inc_1", message: "b"})')
    assert _given(within, {"id": 7}) == {"input": {"incidentId": "7", "message": "a"}}
    assert _given(defaulted, {}) == {"input": {"incidentId": "inc_1", "message": "b"}}
