"""The schema: its three roots, and the extensions that every operation runs through."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from inspect import isawaitable
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationType, get_operation_ast
from graphql import ExecutionResult as GraphQLExecutionResult
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.scalar import ScalarDefinition
from typing_extensions import override

from domain.errors import CursorExpiredError
from domain.model.freshness import PRESENT, Freshness
from domain.model.moment import iso, parse_iso
from gql.context import Context
from gql.errors import Cursors, escaped, publish, refused
from gql.inputs.making import make_inputs_quickly
from gql.limits.cache import DocumentCache
from gql.limits.checks import Checks
from gql.limits.describing import DescribingExecutor, Descriptions
from gql.limits.lagging import may_lag
from gql.limits.timing import execute_in_time
from gql.mutations.automation import AutomationMutations
from gql.mutations.channel import ChannelMutations
from gql.mutations.executing import execute_mutation, run_mutation
from gql.mutations.incident import IncidentMutations
from gql.mutations.integration import IntegrationMutations
from gql.mutations.link import LinkMutations
from gql.mutations.maintenance import MaintenanceMutations
from gql.mutations.person import PersonMutations
from gql.mutations.relation import RelationMutations
from gql.mutations.responders import ResponderMutations
from gql.mutations.secret import SecretMutations
from gql.mutations.system import SystemMutations
from gql.mutations.template import TemplateMutations
from gql.mutations.timeline import TimelineMutations
from gql.mutations.token import TokenMutations
from gql.mutations.visitor import VisitorMutations
from gql.mutations.webhook import WebhookMutations
from gql.queries.audit import AuditQueries
from gql.queries.automation import AutomationQueries
from gql.queries.catalog import CatalogQueries
from gql.queries.channel import ChannelQueries
from gql.queries.dry_run import DryRunQueries
from gql.queries.explanation import ExplanationQueries
from gql.queries.incident import IncidentQueries
from gql.queries.integration import IntegrationQueries
from gql.queries.log import LogQueries
from gql.queries.maintenance import MaintenanceQueries
from gql.queries.markdown import MarkdownQueries
from gql.queries.metrics import MetricsQueries
from gql.queries.node import NodeQueries
from gql.queries.person import PersonQueries
from gql.queries.rate_limit import RateLimitQueries
from gql.queries.secret import SecretQueries
from gql.queries.system import SystemQueries
from gql.queries.template import TemplateQueries
from gql.queries.token import TokenQueries
from gql.queries.viewer import ViewerQueries
from gql.queries.visitor import VisitorQueries
from gql.queries.webhook import WebhookQueries
from gql.subscriptions.automation import AutomationSubscriptions
from gql.subscriptions.counting import CountSubscriptions
from gql.subscriptions.incident import IncidentSubscriptions
from gql.subscriptions.listing import ListSubscriptions
from gql.subscriptions.system import SystemSubscriptions


@strawberry.type(description="All queries.")
class Query(
    IncidentQueries,
    MetricsQueries,
    ViewerQueries,
    SystemQueries,
    MaintenanceQueries,
    LogQueries,
    AutomationQueries,
    CatalogQueries,
    TemplateQueries,
    TokenQueries,
    PersonQueries,
    SecretQueries,
    IntegrationQueries,
    ChannelQueries,
    WebhookQueries,
    VisitorQueries,
    ExplanationQueries,
    DryRunQueries,
    AuditQueries,
    NodeQueries,
    RateLimitQueries,
    MarkdownQueries,
):
    pass


@strawberry.type(description="All mutations. Every payload has the reasons of a refusal and a cursor of the log.")
class Mutation(
    IncidentMutations,
    ResponderMutations,
    TimelineMutations,
    LinkMutations,
    RelationMutations,
    SystemMutations,
    MaintenanceMutations,
    AutomationMutations,
    TemplateMutations,
    TokenMutations,
    SecretMutations,
    IntegrationMutations,
    ChannelMutations,
    WebhookMutations,
    VisitorMutations,
    PersonMutations,
):
    pass


@strawberry.type(description="All subscriptions: live, or resumed from a cursor.")
class Subscription(
    IncidentSubscriptions, ListSubscriptions, CountSubscriptions, SystemSubscriptions, AutomationSubscriptions
):
    pass


class IncidentSchema(strawberry.Schema):
    """A schema with a deadline for each execution, which masks errors that are not meant for clients."""

    #: The documents that were read last.
    documents: DocumentCache

    @override
    async def execute(self, query: str | None, *arguments: Any, **options: Any) -> ExecutionResult:
        context = options.get("context_value")
        try:
            result = await super().execute(query, *arguments, **options)
        except (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError):
            raise  # the endpoint has a status for each
        except Exception as error:  # noqa: BLE001 - refused() logs it
            return refused(error, context)
        publish(result, context)
        return result

    @override
    async def stream(self, query: str | None, *arguments: Any, **options: Any) -> Any:
        return _published(await super().stream(query, *arguments, **options), options.get("context_value"))

    @override
    def _get_execute_function(self) -> Callable[..., Any]:
        return _execute

    #: For mutations that the compiled path runs.
    run_mutation = staticmethod(run_mutation)

    @override
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


async def _published(results: AsyncGenerator[Any, None], context: Any) -> AsyncGenerator[Any, None]:
    """Yield results as clients may see them; an exception that escapes the executor becomes the last one."""
    try:
        async with aclosing(results):
            async for result in results:
                publish(result, context)
                yield result
    except Exception as error:  # noqa: BLE001 - refused() logs it
        yield refused(error, context)


def _execute(schema: GraphQLSchema, document: DocumentNode, **options: Any) -> Any:
    operation = get_operation_ast(document, options.get("operation_name"))
    if operation is not None and operation.operation is OperationType.MUTATION:
        return execute_mutation(schema, document, **options)
    run = partial(execute_in_time, schema, document, **options)
    result, context = run(), options.get("context_value")
    if not isinstance(context, Context) or not isawaitable(result):
        return result
    is_query = operation is not None and operation.operation is OperationType.QUERY
    freshness = context.freshness if is_query else PRESENT
    if freshness.may_lag and context.domain.reads.has_replicas:
        freshness = replace(freshness, may_lag=operation is not None and may_lag(document, operation))
    return _of_one_moment(result, context, freshness, run)


async def _of_one_moment(
    execution: Awaitable[Any], context: Context, freshness: Freshness, again: Callable[[], Any]
) -> Any:
    reads = context.domain.reads
    with reads.snapshot(freshness) as snapshot:
        result = await execution
    if snapshot.must_repeat or (snapshot.is_on_replica and _lacks_a_position(result)):
        # What a replica has read so far is of a moment that the primary does not know.
        context.forget()
        with reads.snapshot(replace(freshness, may_lag=False)) as snapshot:
            result = await again()
    if isinstance(snapshot.failure, CursorExpiredError):
        return GraphQLExecutionResult(data=None, errors=[escaped(snapshot.failure)])
    return result


def _lacks_a_position(result: Any) -> bool:
    """Return whether an argument names a cursor that is expired, or that a replica has yet to reach."""
    return any(isinstance(error.original_error, CursorExpiredError) for error in result.errors or ())


def _parse_moment(value: Any) -> datetime:
    return parse_iso(value if isinstance(value, str) else str(value))


_DATE_TIME = ScalarDefinition(
    name="DateTime",
    description="A time as RFC 3339 text in UTC with milliseconds, such as `2026-03-01T09:30:00.000Z`.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=iso,
    parse_value=_parse_moment,
    parse_literal=None,
)


def _build(*, sort: bool) -> IncidentSchema:
    cache = DocumentCache()

    class Executor(DescribingExecutor):
        descriptions = Descriptions()

    built = IncidentSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=[
            Cursors,
            lambda: Checks(cache),
        ],
        execution_context_class=Executor,
        config=StrawberryConfig(sort_schema=sort, scalar_map={datetime: _DATE_TIME}),
    )
    make_inputs_quickly(built)
    built.documents = cache
    return built


#: Not sorted: sorting rebuilds the enums without Strawberry's conversion to and from Python's.
schema = _build(sort=False)


def sdl() -> str:
    """Return the schema as sorted text, as in `schema.graphql`."""
    return _build(sort=True).as_str().rstrip() + "\n"
