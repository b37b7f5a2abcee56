"""Refusal of null variables that would fail during execution, maybe after a write."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    ValidationContext,
    is_non_null_type,
)


def misplaced_null(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
) -> GraphQLError | None:
    """Return the error of a null variable at a place that takes no null; None where there is no such variable.

    A default of the variable or of its place allows a nullable variable at a non-null place (GraphQL, 5.8.5). If it is
    null all the same, it fails its field, or in `@include` the parent of it, maybe after a mutation's commit.
    """
    nulls = {name for name, value in (variables or {}).items() if value is None}
    if operation.operation is not OperationType.MUTATION:
        # No argument of a query has a default of its own.
        defaults = (each for each in operation.variable_definitions or () if each.default_value is not None)
        nulls &= {each.variable.name.value for each in defaults}
    if not nulls:
        return None
    context = ValidationContext(schema, document, TypeInfo(schema), lambda _: None)
    for usage in context.get_recursive_variable_usages(operation):
        name = usage.node.name.value
        if name in nulls and is_non_null_type(usage.type):
            message = f"Variable '${name}' is null, and {usage.type} is needed where it stands."
            return GraphQLError(message, usage.node, extensions={"code": "GRAPHQL_VALIDATION_FAILED"})
    return None
