"""Refuses variables that would take long to read or hold what cannot be kept, whatever the operation wants of them."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, get_variable_values

from gql.limits.bounds import limited
from gql.limits.structure import DEEPEST_VALUES
from gql.limits.texts import refused_text

#: Values in all; each is looked at in Python, at microseconds apiece.
_MOST_VALUES = 5_000
#: Of more values, or longer ones, only the first few errors are told, and nothing is suggested: that takes up to a
#: millisecond an error, and for a long text a second.
_FEW_VALUES = 20
_SHORT_CHARACTERS = 200
_MOST_ERRORS = 5


def unreadable(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None
) -> list[GraphQLError]:
    """Why the variables are refused; nothing when they may be read."""
    if not variables:
        return []
    level: list[Any] = [variables]
    seen, long = 0, False
    # Level by level: neither their depth nor their number makes this one slow.
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


def _wrong(
    schema: GraphQLSchema, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """What the library will say of them, before it says it at length."""
    read = get_variable_values(
        schema, operation.variable_definitions or (), dict(variables), max_errors=_MOST_ERRORS, hide_suggestions=True
    )
    return read if isinstance(read, list) else []
