"""Checks of every operation between its text and its execution, on every transport."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, OperationType
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext
from typing_extensions import override

from domain.messaging.buckets import Allowance
from domain.model.moment import iso
from gql.context import Context
from gql.limits.bounds import Bounds, limited
from gql.limits.cache import DocumentCache
from gql.limits.costs import ENDLESS, cost_of
from gql.limits.nulls import misplaced_null
from gql.limits.validation import LONG_CHARACTERS
from gql.limits.variables import unreadable
from gql.requests.admission import overdrawn
from gql.requests.current import note_operation

#: The cost of an invalid document: validating it takes as long as many a query.
_WRONG_POINTS = 10


class Checks(SchemaExtension):
    """An extension that validates the document within bounds, computes its cost and charges the caller."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._cost: int | None = None
        self._bounds: Bounds | None = None

    @override
    async def on_parse(self) -> AsyncIterator[None]:
        context = self.execution_context
        bounds = self._bounds = Bounds.around(context.context)
        if context.query and context.graphql_document is None:
            context.parse_options["max_tokens"] = bounds.tokens
            # An error is left to the core, which knows how to report it on streams, too.
            with suppress(GraphQLError):
                context.graphql_document = self._cache.parsed(context.query, bounds)
            await _yield_to_loop(context)
        yield

    @override
    async def on_validate(self) -> AsyncIterator[None]:
        context = self.execution_context
        document = context.graphql_document
        if document is not None and not context.pre_execution_errors:
            context.pre_execution_errors = await self._refusals(context, document)
        yield

    @override
    def get_results(self) -> dict[str, Any]:
        if self._cost is None or self._bounds is None:
            return {}
        return priced(self._cost, self._bounds, getattr(self.execution_context.context, "allowance", None))

    async def _refusals(self, context: ExecutionContext, document: DocumentNode) -> list[GraphQLError]:
        bounds = self._bounds or Bounds.around(context.context)
        schema = context.schema._schema  # noqa: SLF001 - no public name leads to graphql-core's own
        errors = await self._cache.errors(schema, context.query or "", document, bounds)
        await _yield_to_loop(context)
        if errors:
            late = await charged(context.context, _WRONG_POINTS)
            return list(errors) if late is None else [late]
        operation = chosen(document, context._provided_operation_name)  # noqa: SLF001 - the public one guesses
        if isinstance(operation, GraphQLError):
            return [operation]
        _note(context.context, operation)
        if wrong := unreadable(schema, operation, context.variables):
            return wrong
        await _yield_to_loop(context)
        null = misplaced_null(schema, document, operation, context.variables)
        if null is not None:
            return [null]
        cost = cost_of(schema, document, operation, context.variables)
        if operation.operation is not OperationType.SUBSCRIPTION or cost > bounds.cost:
            self._cost = cost
        if cost > bounds.cost:
            points = "more" if cost >= ENDLESS else f"{cost} points"
            return [limited("COST_LIMIT", f"This costs {points}, and {bounds.cost} points are the most. Ask for less.")]
        refusal = await charged(context.context, cost)
        if context.context is not None:
            context.context.run_at = time.perf_counter()
        return [] if refusal is None else [refusal]


def _note(context: Context | None, operation: OperationDefinitionNode) -> None:
    """Note what an operation is, for counts and for the log."""
    if context is None:
        return
    context.kind = operation.operation.value
    context.name = operation.name.value if operation.name is not None else None
    note_operation(context.name)


def priced(cost: int, bounds: Bounds, allowance: Allowance | None) -> dict[str, Any]:
    """Return the cost as `extensions` show it."""
    said: dict[str, Any] = {"requested": cost, "limit": bounds.cost}
    if allowance is not None:
        said["rateLimit"] = {
            "limit": allowance.limit,
            "remaining": allowance.remaining,
            "resetAt": iso(allowance.reset_at),
        }
    return {"cost": said}


def chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode | GraphQLError:
    """Return the operation to run. The core would run the first of several when none was named."""
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    if name is None and len(operations) > 1:
        message = "The document holds several operations: name one in `operationName`."
        return GraphQLError(message, operations, extensions={"code": "OPERATION_RESOLUTION_FAILURE"})
    return next(part for part in operations if name is None or (part.name is not None and part.name.value == name))


async def charged(context: Context | None, cost: int) -> GraphQLError | None:
    """Charge the caller; return the rate limit's refusal, or None where the points sufficed."""
    if context is None:
        return None
    if context.is_paid:
        context.is_paid = False
    else:
        context.cost = cost
        context.allowance = await context.spend(max(1, cost))
    refusal = overdrawn(context.allowance)
    return None if refusal is None else GraphQLError(refusal.message, extensions=refusal.extensions)


async def _yield_to_loop(context: ExecutionContext) -> None:
    if len(context.query or "") > LONG_CHARACTERS:
        await asyncio.sleep(0)
