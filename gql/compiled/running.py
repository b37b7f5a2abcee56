"""Runs operations as compiled functions where that can be done, and leaves all others to the generic path.

Nothing is refused here. An operation with anything wrong about it falls back before it is charged; when the database
fails afterwards, it falls back as one that is paid for.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from graphql import DocumentNode, GraphQLError, VariableValues, get_argument_values, get_variable_values
from strawberry import Schema
from strawberry.types import ExecutionResult

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.filters import size_of
from domain.model.paging import PageRequest
from domain.model.selection import AllOf, OneOf, Wanted
from domain.model.viewer import Audience
from gql.compiled.cache import Compiled, CompiledCache
from gql.compiled.declarations import cursor_name
from gql.compiled.plan import Asked
from gql.context import Context
from gql.errors import publish
from gql.limits.bounds import Bounds
from gql.limits.cache import DocumentCache
from gql.limits.checks import charged, priced
from gql.limits.nulls import misplaced_null
from gql.limits.timing import late
from gql.limits.variables import unreadable
from gql.pagination import PageArguments

logger = logging.getLogger(__name__)

#: What is read in one go, in points: some ten milliseconds, during which nobody else has their turn.
_MOST_COST = 1_000
#: Values that all filters compare with: to write the statement takes a tenth of a millisecond for each.
_MOST_COMPARED = 150


class CompiledOperations:
    """The compiled path for the queries of one domain, for documents that were seen and validated before."""

    def __init__(self, schema: Schema, documents: DocumentCache, domain: Domain) -> None:
        self._schema = schema._schema  # noqa: SLF001 - the only way to graphql-core's own
        self._documents = documents
        self._domain = domain
        self._cursors = domain.reads.cursors
        self._bounds = Bounds.of(domain.settings)
        #: The functions, with counts of how they fare.
        self.cache = CompiledCache(self._schema, domain.reads)

    async def execute(
        self, query: str | None, variables: Mapping[str, Any] | None, operation_name: str | None, context: Context
    ) -> ExecutionResult | None:
        """Run an operation; None where the generic path has to run it."""
        ready = self._ready(query or "", variables, operation_name, context)
        if isinstance(ready, str):
            self.cache.reasons[ready] += 1
            return None
        compiled, wanted, cost = ready
        # The generic path answers a refusal: it charges nothing more.
        context.is_paid = await charged(context, cost) is not None
        if context.is_paid:
            return None
        result = await self._answered(compiled, wanted)
        if result is None:
            context.is_paid = True
            self.cache.reasons["the database"] += 1
            return None
        self.cache.hits += 1
        result.extensions = priced(cost, self._bounds, context.allowance)
        if result.errors:
            publish(result, context)
        return result

    def _ready(
        self, query: str, variables: Mapping[str, Any] | None, operation_name: str | None, context: Context
    ) -> tuple[Compiled, Wanted, int] | str:
        """Return all that it takes to run an operation, or the reason why it takes the generic path."""
        if not self._domain.reads.can_project:
            return "no connection"
        kept = self._documents.find(query, self._bounds)
        if kept is None or kept.errors is None or kept.errors:
            return "not validated"
        compiled = self.cache.find(kept, operation_name, variables, context.audience)
        if compiled is None:
            return "not compiled"
        if variables and self._is_refused(kept.document, compiled, variables):
            return "variables"
        cost = compiled.costs.of(variables)
        if cost > min(_MOST_COST, self._bounds.cost):
            return "large"
        wanted = self._wanted(compiled, variables)
        return "arguments" if wanted is None else (compiled, wanted, cost)

    def _is_refused(self, document: DocumentNode, compiled: Compiled, variables: Mapping[str, Any]) -> bool:
        operation = compiled.plan.operation
        wrong = unreadable(self._schema, operation, variables)
        return bool(wrong) or misplaced_null(self._schema, document, operation, variables) is not None

    async def _answered(self, compiled: Compiled, wanted: Wanted) -> ExecutionResult | None:
        seconds = self._bounds.execution_seconds
        found: list[Any] | None = []
        names = [
            cursor_name(asked.declaration.cursors, rows.order) if isinstance(rows, AllOf) else ""
            for asked, rows in zip(compiled.plan.root_fields, wanted.rows, strict=True)
        ]
        try:
            if wanted.rows:
                async with asyncio.timeout(seconds or None):
                    found = await compiled.read(wanted)
            if found is None:
                return None
            data = compiled.answer(found, wanted.pages, self._cursors.encode, names)
        except TimeoutError:
            return ExecutionResult(data=None, errors=[late(seconds)])
        except Exception:
            # Such as a value in the database that no enum has: the generic path says so as it always did.
            logger.exception("a compiled operation failed")
            return None
        return ExecutionResult(data=data, errors=None)

    def _wanted(self, compiled: Compiled, variables: Mapping[str, Any] | None) -> Wanted | None:
        """Read the arguments; None where one of them is refused, or only the generic path takes it."""
        definitions = compiled.plan.operation.variable_definitions
        values: VariableValues | None = None
        if definitions:
            coerced = get_variable_values(self._schema, definitions, dict(variables or {}), max_errors=1)
            if isinstance(coerced, list):
                return None
            values = coerced
        with suppress(GraphQLError, DomainError):
            rows: list[OneOf | AllOf] = []
            names: dict[int, str] = {}
            compared = 0
            for asked, constant in zip(compiled.plan.root_fields, compiled.root_rows, strict=True):
                chosen = constant or _chosen(asked, values, compiled.audience)
                if chosen is None:
                    return None
                if isinstance(chosen, AllOf):
                    compared += size_of(chosen.tree)
                    if compared > _MOST_COMPARED:
                        return None
                    names[id(asked)] = cursor_name(asked.declaration.cursors, chosen.order)
                rows.append(chosen)
            pages = [
                self._page(_arguments(asked, constant, values), names.get(id(asked), asked.declaration.cursors))
                for asked, constant in zip(compiled.plan.page_fields, compiled.page_arguments, strict=True)
            ]
            return Wanted(rows=rows, pages=pages)
        return None

    def _page(self, arguments: Mapping[str, Any], cursors: str) -> PageRequest:
        given = PageArguments(
            first=arguments.get("first"),
            after=arguments.get("after"),
            last=arguments.get("last"),
            before=arguments.get("before"),
        )
        return given.request(self._cursors, cursors)


def _chosen(asked: Asked, values: VariableValues | None, audience: Audience) -> OneOf | AllOf | None:
    assert asked.declaration.choose is not None
    return asked.declaration.choose(_arguments(asked, None, values), audience)


def _arguments(asked: Asked, constant: Mapping[str, Any] | None, values: VariableValues | None) -> Mapping[str, Any]:
    return get_argument_values(asked.field, asked.node, values) if constant is None else constant
