"""Refuses variables that would take long to read or hold what cannot be kept, whatever the operation wants of them."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLError

from gql.limits.bounds import limited
from gql.limits.structure import DEEPEST_VALUES
from gql.limits.texts import refused_text

#: Values in all; each is looked at in Python, at microseconds apiece.
_MOST_VALUES = 5_000


def unreadable(variables: Mapping[str, Any] | None) -> GraphQLError | None:
    """Why the variables are refused; None when they may be read."""
    if not variables:
        return None
    level: list[Any] = [variables]
    seen = 0
    # Level by level: neither their depth nor their number makes this one slow.
    for _ in range(DEEPEST_VALUES + 1):
        inner: list[Any] = []
        for value in level:
            seen += len(value)
            if seen > _MOST_VALUES:
                return limited("BAD_USER_INPUT", f"The variables may hold {_MOST_VALUES} values at most.")
            members = value.values() if isinstance(value, dict) else value
            inner.extend(member for member in members if isinstance(member, dict | list))
        if not inner:
            return refused_text(variables)
        level = inner
    return limited("DEPTH_LIMIT", f"Lists and objects may lie {DEEPEST_VALUES} deep in one another at most.")
