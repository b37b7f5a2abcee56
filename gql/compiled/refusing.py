"""Refusal of arguments below a mutation's payload, which their resolvers would refuse once it has written."""

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    get_argument_values,
    get_named_type,
    get_variable_values,
    is_object_type,
)

from domain.bootstrap import Domain
from domain.errors import DomainError, InvalidInputError
from domain.model.viewer import Audience
from gql.compiled.arguments import page_of
from gql.compiled.declarations import Kind
from gql.compiled.fields import Fields
from gql.compiled.plan import check_of, declaration_of
from gql.limits.fragments import fragments_of

_BY_ID = "In what a mutation shows, a filter names systems by their ids."


def refused_arguments(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
    domain: Domain,
    audience: Audience,
) -> GraphQLError | None:
    """Return the error of the first field in a valid mutation that cannot be had; None where there is no such field."""
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables or {}), max_errors=1)
    if isinstance(values, list) or schema.mutation_type is None:
        return None  # the executor refuses them before it runs anything
    search = _Search(schema, Fields(schema, fragments_of(document), values.coerced), values, domain, audience)
    return search.below([operation], schema.mutation_type)


class _Search:
    def __init__(
        self, schema: GraphQLSchema, fields: Fields, values: VariableValues, domain: Domain, audience: Audience
    ) -> None:
        self._schema = schema
        self._fields = fields
        self._values = values
        self._audience = audience
        self._cursors = domain.reads.cursors
        self._now = domain.clock.now()
        #: The fields that were looked at: fragments that double at every level lead to the same ones again and again.
        self._seen: set[tuple[int, ...]] = set()

    def below(self, nodes: Sequence[FieldNode | OperationDefinitionNode], on: GraphQLObjectType) -> GraphQLError | None:
        for same in self._fields.of([node.selection_set for node in nodes], on).values():
            field = self._schema.get_field(on, same[0].name.value)
            known = tuple(map(id, same))
            if field is None or known in self._seen:
                continue
            self._seen.add(known)
            shown = get_named_type(field.type)
            error = self._refusal(same[0], field)
            if error is None and is_object_type(shown):
                error = self.below(same, shown)
            if error is not None:
                return error
        return None

    def _refusal(self, node: FieldNode, field: GraphQLField) -> GraphQLError | None:
        if not field.args:
            return None
        declaration, check = declaration_of(field), check_of(field)
        try:
            if check is not None:
                check(get_argument_values(field, node, self._values), self._now)
            elif declaration is not None and declaration.kind is Kind.PAGES:
                arguments = get_argument_values(field, node, self._values)
                if page_of(arguments, declaration, self._cursors, declaration.cursors, self._audience) is None:
                    # Whether a key names a system could be told after the write alone.
                    raise InvalidInputError(_BY_ID, field=["filter"])
        except DomainError as error:
            return GraphQLError(error.message, node, original_error=error)
        except GraphQLError as error:
            return error
        return None
