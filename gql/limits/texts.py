"""Refuses texts that the databases do not keep alike, wherever a request has them: literals, variables, JSON."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    StringValueNode,
    ValidationRule,
    VariableDefinitionNode,
)

from gql.limits.bounds import limited

#: What is decoded elsewhere has a NUL in place of half of a surrogate pair, too: `gql.requests.bodies`.
NOT_TEXT = "\0"
_PROBLEM = "A text must not contain a NUL character or half of a surrogate pair."


class TextsRule(ValidationRule):
    """Reports string literals that hold a NUL character, with the argument or field they were given to."""

    def enter_string_value(
        self, node: StringValueNode, _key: Any, parent: Any, _path: Any, ancestors: list[Node | tuple[Node, ...]]
    ) -> None:
        """Look at one literal."""
        if NOT_TEXT in node.value:
            extensions = {"code": "GRAPHQL_VALIDATION_FAILED", "field": _place([*ancestors, parent])}
            self.report_error(GraphQLError(_PROBLEM, node, extensions=extensions))


def refused_text(variables: Mapping[str, Any]) -> GraphQLError | None:
    """Why a text in the variables, or a name in JSON there, is refused; None when all may be kept."""
    found = _found(variables)
    if found is None:
        return None
    name, *inner = found
    error = limited("GRAPHQL_VALIDATION_FAILED", _PROBLEM)
    # Like that of other values that are refused: within the variable, where it has an inside.
    error.extensions = {**(error.extensions or {}), "field": inner or [name]}
    return error


def _found(value: Any) -> list[str] | None:
    """The path to the first text or name that is refused; recursion is bounded by `unreadable`."""
    if isinstance(value, str):
        return [] if NOT_TEXT in value else None
    if not isinstance(value, dict | list):
        return None
    for name, member in value.items() if isinstance(value, dict) else enumerate(value):
        inner = [] if NOT_TEXT in str(name) else _found(member)
        if inner is not None:
            return [str(name).replace(NOT_TEXT, "\ufffd"), *inner]
    return None


def _place(ancestors: list[Node | tuple[Node, ...]]) -> list[str]:
    """The input fields that lead to a literal, or what it was given to where there are none."""
    nodes = [node for node in ancestors if isinstance(node, Node)]
    inner = [node.name.value for node in nodes if isinstance(node, ObjectFieldNode)]
    outer = [node.name.value for node in nodes if isinstance(node, ArgumentNode)]
    outer += [node.variable.name.value for node in nodes if isinstance(node, VariableDefinitionNode)]
    return inner or outer
