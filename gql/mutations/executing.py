"""Execution of mutations: each field has a payload of its own, also where it or another field fails."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLResolveInfo,
    GraphQLSchema,
    MiddlewareManager,
    execute,
    get_named_type,
    get_operation_ast,
)

from domain.errors import UnavailableError
from gql.compiled.refusing import refused_arguments
from gql.context import Context, nothing_so_far
from gql.limits.bounds import Bounds
from gql.limits.timing import Deadline, LateError, LateWriteError, NotBegunError
from gql.mutations.answers import failure
from gql.types.payloads import Payload


def execute_mutation(schema: GraphQLSchema, document: DocumentNode, **options: Any) -> Any:
    """Return the result of graphql-core's execute, or an awaitable of it.

    A field that fails, for whatever reason, says so in its payload. An error at its path would null `data`, and hide
    what its neighbours committed. Whatever can be refused of their payloads is refused before any of them is run.
    """
    context: Context = options["context_value"]
    operation = get_operation_ast(document, options.get("operation_name"))
    if operation is not None and context.payload is None:
        variables = options.get("variable_values")
        refused = refused_arguments(schema, document, operation, variables, context.domain, context.audience)
        if refused is not None:
            return ExecutionResult(data=None, errors=[refused])
    seconds = Bounds.around(context).execution_seconds
    around = options.pop("middleware", None)
    middleware = MiddlewareManager(*(around.middlewares if around else ()), _Answering(context, Deadline(seconds)))
    return execute(schema, document, middleware=middleware, **options)


async def run_mutation(info: GraphQLResolveInfo[Context], resolve: Callable[..., Any], **arguments: Any) -> Payload:
    """Run one mutation field by itself and return its payload, also where it fails."""
    context = info.context
    answering = _Answering(context, Deadline(context.domain.settings.execution_seconds))
    return cast("Payload", await answering.resolve(resolve, None, info, **arguments))


class _Answering:
    """A middleware between graphql-core and the resolvers of one operation."""

    def __init__(self, context: Context, deadline: Deadline) -> None:
        self._context = context
        self._deadline = deadline
        self._all_away = True

    def resolve(
        self, next_: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **arguments: Any
    ) -> Any | Awaitable[Any]:
        """Return the resolver's value or an awaitable of it; for a mutation always a payload."""
        payload = _payload_of(info) if info.path.prev is None else None
        if payload is not None:
            return self._answered(payload, lambda: next_(source, info, **arguments))
        found = next_(source, info, **arguments)
        # Only around the resolver, not its children: of nested timeouts only the outermost is reported.
        return self._deadline.keep(found, LateError) if info.is_awaitable(found) else found

    async def _answered(self, payload: type[Payload], mutate: Callable[[], Awaitable[Payload]]) -> Payload:
        self._context.so_far = nothing_so_far
        if self._context.payload is not None:
            return cast("Payload", self._context.payload)
        try:
            answer = await self._in_time(mutate)
        except Exception as error:  # noqa: BLE001 - the payload says so, and the log has what is a bug
            self._note(error if isinstance(error, UnavailableError) else None)
            answer = failure(self._context, payload, error)
        else:
            self._note(None)
        if self._context.projecting is not None:
            self._context.payload = answer
        return answer

    async def _in_time(self, mutate: Callable[[], Awaitable[Payload]]) -> Payload:
        if self._deadline.is_over:
            raise NotBegunError(self._deadline.seconds)
        return await self._deadline.keep(mutate(), LateWriteError)

    def _note(self, outage: UnavailableError | None) -> None:
        self._all_away = self._all_away and outage is not None
        self._context.outage = outage if self._all_away else None


def _payload_of(info: GraphQLResolveInfo[Any]) -> type[Payload] | None:
    """Return the class of a field's payload; None for `__typename` and the like."""
    definition = get_named_type(info.return_type).extensions.get("strawberry-definition")
    origin = getattr(definition, "origin", None)
    return origin if isinstance(origin, type) and issubclass(origin, Payload) else None
