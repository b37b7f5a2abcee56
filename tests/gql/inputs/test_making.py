"""Inputs are made as Strawberry makes them, whatever a client sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hypothesis.strategies as st
import pytest
from graphql import (
    GraphQLInputObjectType,
    coerce_input_value,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)
from graphql.pyutils import Undefined
from hypothesis import given
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryObjectDefinition

from gql.schema import schema
from gql.types.enums import Severity
from tests.examples import examples

INPUTS: dict[str, StrawberryObjectDefinition] = {
    name: kind.definition
    for name, kind in schema.schema_converter.type_map.items()
    if isinstance(kind.definition, StrawberryObjectDefinition) and kind.definition.is_input
}
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "String": st.text(max_size=5),
    "ID": st.text(max_size=5) | st.integers(0, 9),
    "Boolean": st.booleans(),
    "Int": st.integers(-5, 5),
    "Float": st.floats(allow_nan=False),
    "DateTime": st.just("2026-05-01T10:00:00Z"),
    "JSON": st.dictionaries(st.text(max_size=3), st.none() | st.lists(st.integers(), max_size=2), max_size=2),
}


def values_of(kind: Any, depth: int = 3) -> st.SearchStrategy[Any]:
    """Return the values of an input type as clients may send them."""
    if is_non_null_type(kind):
        return _values_that_are(kind.of_type, depth)
    return st.none() | _values_that_are(kind, depth)


def _values_that_are(kind: Any, depth: int) -> st.SearchStrategy[Any]:
    if is_list_type(kind):
        item = values_of(kind.of_type, depth)
        return st.lists(item, max_size=2) | item.filter(lambda value: value is not None)
    if is_enum_type(kind):
        return st.sampled_from(sorted(kind.values))
    if not is_input_object_type(kind):
        return _SCALARS[kind.name]
    needed = {
        name: values_of(field.type, depth - 1) for name, field in kind.fields.items() if is_non_null_type(field.type)
    }
    others = {
        name: values_of(field.type, depth - 1)
        for name, field in kind.fields.items()
        if name not in needed and (depth > 0 or not _is_deep(field.type))
    }
    return st.fixed_dictionaries(needed, optional=others)


def _is_deep(kind: Any) -> bool:
    while is_non_null_type(kind) or is_list_type(kind):
        kind = kind.of_type
    return is_input_object_type(kind)


@contextmanager
def by_strawberry() -> Iterator[None]:
    """Have all inputs be made by Strawberry itself."""
    with pytest.MonkeyPatch.context() as patch:
        for definition in INPUTS.values():
            patch.setattr(definition, "from_input", None)
        yield


def made(name: str, coerced: Any) -> Any:
    registry = schema.schema_converter.scalar_registry
    return convert_argument(coerced, INPUTS[name].origin, registry, schema.config)


@pytest.mark.parametrize("name", sorted(INPUTS))
@examples(30)
@given(data=st.data())
def test_an_input_is_what_strawberry_makes_of_it(name: str, data: st.DataObject) -> None:
    kind = schema._schema.type_map[name]
    assert isinstance(kind, GraphQLInputObjectType)
    coerced = coerce_input_value(data.draw(_values_that_are(kind, 3)), kind)
    assert coerced is not Undefined
    with by_strawberry():
        expected = made(name, coerced)
    assert INPUTS[name].from_input is not None
    found = made(name, coerced)
    assert (type(found), vars(found)) == (type(expected), vars(expected))


def test_every_input_type_is_made_quickly() -> None:
    assert {name for name, definition in INPUTS.items() if definition.from_input is None} == set()
    assert len(INPUTS) > 30


def test_a_list_is_a_copy_of_what_was_sent() -> None:
    sent = {"title": "Slow", "severity": Severity.MINOR, "systemIds": ["a"]}
    assert made("CreateIncidentInput", sent).system_ids is not sent["systemIds"]
