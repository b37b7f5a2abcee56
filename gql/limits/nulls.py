"""Refuses nulls that could only fail while the operation runs, maybe after it wrote."""

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
    """Why a variable that is null is refused; None where every one has a place that takes it.

    A default, of the variable or of its place, lets a nullable variable stand where no null may (GraphQL, 5.8.5).
    One that is null all the same fails its field, or in `@include` what is around it: maybe after a mutation's commit.
    """
    nulls = {name for name, value in (variables or {}).items() if value is None}
    if operation.operation is not OperationType.MUTATION:
        # Of all places with a default of their own, none is in a query.
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
