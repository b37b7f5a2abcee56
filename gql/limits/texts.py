"""Refusal of texts that not every database can store, in literals, variables and JSON."""

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

#: Decoding JSON puts a NUL in the place of a lone surrogate, too: `gql.requests.bodies`.
NOT_TEXT = "\0"
_PROBLEM = "A text must not contain a NUL character or half of a surrogate pair."


class TextsRule(ValidationRule):
    """A rule that reports string literals with a NUL character, with their argument or input field."""

    def enter_string_value(
        self, node: StringValueNode, _key: Any, parent: Any, _path: Any, ancestors: list[Node | tuple[Node, ...]]
    ) -> None:
        """Check one literal."""
        if NOT_TEXT in node.value:
            extensions = {"code": "GRAPHQL_VALIDATION_FAILED", "field": _place([*ancestors, parent])}
            self.report_error(GraphQLError(_PROBLEM, node, extensions=extensions))


def refused_text(variables: Mapping[str, Any]) -> GraphQLError | None:
    """Return the error of a text in the variables, or of a name in their JSON; None when all can be stored."""
    found = _found(variables)
    if found is None:
        return None
    name, *inner = found
    error = limited("GRAPHQL_VALIDATION_FAILED", _PROBLEM)
    # As for other refused values: the path within the variable, where it has members.
    error.extensions = {**(error.extensions or {}), "field": inner or [name]}
    return error


def _found(value: Any) -> list[str] | None:
    """Return the path to the first refused text or name; `unreadable` bounds the recursion."""
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
    """Return the input fields that lead to a literal; its argument or variable where there are none."""
    nodes = [node for node in ancestors if isinstance(node, Node)]
    inner = [node.name.value for node in nodes if isinstance(node, ObjectFieldNode)]
    outer = [node.name.value for node in nodes if isinstance(node, ArgumentNode)]
    outer += [node.variable.name.value for node in nodes if isinstance(node, VariableDefinitionNode)]
    return inner or outer
