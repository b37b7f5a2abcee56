"""Runs operations as compiled functions where that can be done, and leaves all others to the generic path.

Nothing is refused here. An operation with anything wrong about it falls back before it is charged; when the database
fails afterwards, it falls back as one that is paid for.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import DocumentNode
from strawberry import Schema
from strawberry.types import ExecutionResult

from domain.bootstrap import Domain
from domain.model.selection import Wanted
from gql.compiled.cache import Compiled, CompiledCache
from gql.context import Context
from gql.errors import publish
from gql.limits.bounds import Bounds
from gql.limits.cache import DocumentCache
from gql.limits.checks import charged, priced
from gql.limits.nulls import misplaced_null
from gql.limits.timing import late
from gql.limits.variables import unreadable
from gql.requests.waiting import in_time

logger = logging.getLogger(__name__)

#: What is read in one go, in points: some ten milliseconds, during which nobody else has their turn.
_MOST_COST = 1_000


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
        compiled, wanted, names, cost = ready
        # The generic path answers a refusal: it charges nothing more.
        context.is_paid = await charged(context, cost) is not None
        if context.is_paid:
            return None
        result = await self._answered(compiled, wanted, names)
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
    ) -> tuple[Compiled, Wanted, Sequence[str], int] | str:
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
        read = compiled.arguments.read(variables)
        return "arguments" if read is None else (compiled, *read, cost)

    def _is_refused(self, document: DocumentNode, compiled: Compiled, variables: Mapping[str, Any]) -> bool:
        operation = compiled.plan.operation
        wrong = unreadable(self._schema, operation, variables)
        return bool(wrong) or misplaced_null(self._schema, document, operation, variables) is not None

    async def _answered(self, compiled: Compiled, wanted: Wanted, names: Sequence[str]) -> ExecutionResult | None:
        seconds = self._bounds.execution_seconds
        found: list[Any] | None = []
        try:
            if wanted.rows:
                found = await in_time(compiled.read(wanted), seconds)
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
