"""The schema: all roots put together, with the extensions that every operation runs through."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.scalar import ScalarDefinition
from typing_extensions import override

from domain.model.moment import iso, parse_iso
from gql.errors import PublicErrors
from gql.limits import MAX_TOKENS
from gql.mutations.incident import IncidentMutations
from gql.mutations.link import LinkMutations
from gql.mutations.system import SystemMutations
from gql.mutations.timeline import TimelineMutations
from gql.mutations.token import TokenMutations
from gql.queries.incident import IncidentQueries
from gql.queries.node import NodeQueries
from gql.queries.system import SystemQueries
from gql.queries.token import TokenQueries
from gql.subscriptions.incident import IncidentSubscriptions


@strawberry.type(description="What can be asked.")
class Query(IncidentQueries, SystemQueries, TokenQueries, NodeQueries):
    pass


@strawberry.type(description="What can be done. Every answer says why a write was refused, and where the log stood.")
class Mutation(IncidentMutations, TimelineMutations, LinkMutations, SystemMutations, TokenMutations):
    pass


@strawberry.type(description="What can be watched, live and from any cursor.")
class Subscription(IncidentSubscriptions):
    pass


class SafeParserCache(ParserCache):
    """Caches parsed documents; a syntax error is left to the core, which knows how to report it on streams, too."""

    @override
    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query and context.graphql_document is None:
            with suppress(GraphQLError):
                context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


class RequireOperationName(SchemaExtension):
    """Refuses a document of several operations that does not say which one; the core would run the first of them."""

    @override
    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        named = context._provided_operation_name is not None  # noqa: SLF001 - `operation_name` falls back on the first
        if document is not None and not context.pre_execution_errors and not named:
            operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
            if len(operations) > 1:
                message = "The document holds several operations: name one in `operationName`."
                error = GraphQLError(message, operations, extensions={"code": "OPERATION_RESOLUTION_FAILURE"})
                context.pre_execution_errors = [error]
        yield


class IncidentSchema(strawberry.Schema):
    """A schema whose errors are logged by PublicErrors alone: what clients do wrong is none of the operator's."""

    @override
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


def _parse_moment(value: Any) -> datetime:
    return parse_iso(value if isinstance(value, str) else str(value))


_DATE_TIME = ScalarDefinition(
    name="DateTime",
    description="A moment as RFC 3339 text in UTC with milliseconds, such as `2026-03-01T09:30:00.000Z`.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=iso,
    parse_value=_parse_moment,
    parse_literal=None,
)


def _build(*, sort: bool) -> IncidentSchema:
    return IncidentSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[
            PublicErrors,
            lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
            lambda: SafeParserCache(maxsize=512),
            lambda: ValidationCache(maxsize=512),
            # Last: the cache overwrites the errors that were there before it.
            RequireOperationName,
        ],
        config=StrawberryConfig(sort_schema=sort, scalar_map={datetime: _DATE_TIME}),
    )


#: Not sorted: sorting rebuilds the enums without Strawberry's conversion to and from Python's.
schema = _build(sort=False)


def sdl() -> str:
    """The schema as text, sorted, as it is kept in `schema.graphql`."""
    return _build(sort=True).as_str().rstrip() + "\n"
