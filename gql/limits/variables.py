"""Refusal of variables that would take long to read or hold texts that cannot be stored."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, get_variable_values

from gql.limits.bounds import limited
from gql.limits.structure import DEEPEST_VALUES
from gql.limits.texts import NOT_TEXT, refused_text

#: The number of values in all; checking each takes microseconds.
_MOST_VALUES = 5_000
#: With more or longer values, only the first few errors are reported, and without suggestions: those take up to a
#: millisecond for each error, and a second for a long text.
_FEW_VALUES = 20
_SHORT_CHARACTERS = 200
_MOST_ERRORS = 5
#: More characters of a text are not looked at for errors: the library compares all of them with the values of an enum.
_MOST_CHARACTERS = 10_000


def unreadable(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
) -> list[GraphQLError]:
    """Return the errors of refused variables; empty when they may be read."""
    if not variables or _values_in_brief(variables, DEEPEST_VALUES) <= _FEW_VALUES:
        return []
    level: list[Any] = [variables]
    seen, long = 0, False
    # Level by level, so that neither their depth nor their number makes this slow.
    for _ in range(DEEPEST_VALUES + 1):
        inner: list[Any] = []
        for value in level:
            seen += len(value)
            if seen > _MOST_VALUES:
                return [limited("BAD_USER_INPUT", f"The variables may hold {_MOST_VALUES} values at most.")]
            members = value.values() if isinstance(value, dict) else value
            inner.extend(member for member in members if isinstance(member, dict | list))
            long = long or any(isinstance(each, str) and len(each) > _SHORT_CHARACTERS for each in (*value, *members))
        if not inner:
            unkept = refused_text(variables)
            if unkept is not None:
                return [unkept]
            return _wrong(schema, operation, variables) if long or seen > _FEW_VALUES else []
        level = inner
    return [limited("DEPTH_LIMIT", f"Lists and objects may lie {DEEPEST_VALUES} deep in one another at most.")]


def _values_in_brief(value: Mapping[str, Any] | list[Any], depth: int) -> int:
    """Return how many values there are; more than a few also where one of them needs a closer look."""
    count = len(value)
    if count > _FEW_VALUES or not depth:
        return _FEW_VALUES + 1
    members = value if isinstance(value, list) else ("".join(value), *value.values())
    for member in members:
        if isinstance(member, str):
            if len(member) > _SHORT_CHARACTERS or NOT_TEXT in member:
                return _FEW_VALUES + 1
        elif isinstance(member, dict | list):
            count += _values_in_brief(member, depth - 1)
    return count


def _wrong(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """Return the library's errors, few and short."""
    read = get_variable_values(
        schema, operation.variable_definitions or (), _cut(variables), max_errors=_MOST_ERRORS, hide_suggestions=True
    )
    return read if isinstance(read, list) else []


def _cut(value: Any) -> Any:
    """Return the same value with the beginnings of long texts; it is not deep."""
    if isinstance(value, str):
        return value[:_MOST_CHARACTERS]
    if isinstance(value, Mapping):
        return {name: _cut(member) for name, member in value.items()}
    return [_cut(member) for member in value] if isinstance(value, list) else value
