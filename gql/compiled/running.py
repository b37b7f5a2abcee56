"""Runs operations as compiled functions where that can be done, and leaves all others to the generic path.

Nothing is refused here. An operation with anything wrong about it falls back before it is charged; when the database
fails afterwards, it falls back as one that is paid for.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode, located_error
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable
from strawberry.types import ExecutionResult

from domain.bootstrap import Domain
from domain.messaging.buckets import Allowance
from domain.model.freshness import ANY, Freshness
from domain.model.selection import Wanted
from domain.model.viewer import Viewer
from gql.compiled.accepted import Read
from gql.compiled.cache import Compiled, CompiledCache
from gql.compiled.direct import RunMutation
from gql.compiled.mutating import PayloadReader
from gql.compiled.parts import PayloadPlan
from gql.context import Context
from gql.counting import MUTATION, QUERY
from gql.errors import publish
from gql.limits.bounds import Bounds
from gql.limits.cache import DocumentCache
from gql.limits.checks import charged, priced
from gql.limits.nulls import misplaced_null
from gql.limits.timing import late
from gql.limits.variables import unreadable
from gql.requests.admission import overdrawn
from gql.requests.current import note_operation
from gql.requests.waiting import in_time

logger = logging.getLogger(__name__)

#: What is read in one go, in points: some ten milliseconds, during which nobody else has their turn.
_MOST_COST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An operation that has nothing wrong about it, with all that it takes to run it."""

    compiled: Compiled
    wanted: Wanted
    names: Sequence[str]
    #: In points.
    cost: int

    @property
    def name(self) -> str | None:
        """The operation's name in its document."""
        name = self.compiled.plan.operation.name
        return None if name is None else name.value


class CompiledOperations:
    """The compiled path for the queries of one domain, for documents that were seen and validated before."""

    def __init__(self, schema: Schema, documents: DocumentCache, domain: Domain) -> None:
        self._schema = schema._schema  # noqa: SLF001 - the only way to graphql-core's own
        self._execute = schema._get_execute_function()  # noqa: SLF001 - what the generic path executes with
        self._run_mutation: RunMutation = schema.run_mutation  # type: ignore[attr-defined]  # ours has it
        self._executor = schema.execution_context_class
        self._documents = documents
        self._domain = domain
        self._cursors = domain.reads.cursors
        self._bounds = Bounds.of(domain.settings)
        #: The functions, with counts of how they fare.
        self.cache = CompiledCache(self._schema, domain.reads)

    async def execute(
        self,
        query: str | None,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        context: Context,
        *,
        may_write: bool = True,
    ) -> ExecutionResult | None:
        """Run an operation; None where the generic path has to run it, also one that writes where it may not."""
        ready = self._ready(query or "", variables, operation_name, context.viewer, self.cache.find)
        if isinstance(ready, str):
            self.cache.reasons[ready] += 1
            return None
        if isinstance(ready.compiled.plan, PayloadPlan) and not may_write:
            return None
        return await self.run(ready, variables, context)

    def ready(
        self, query: str, variables: Mapping[str, Any] | None, operation_name: str | None, viewer: Viewer
    ) -> Ready | None:
        """Return an operation to `run`; None where it takes the generic path, or is yet to be compiled."""
        ready = self._ready(query, variables, operation_name, viewer, self.cache.known)
        return None if isinstance(ready, str) else ready

    async def run(self, ready: Ready, variables: Mapping[str, Any] | None, context: Context) -> ExecutionResult | None:
        """Charge the caller, if that is yet to be done, and run; None where the generic path has to do it."""
        compiled = ready.compiled
        _note(context, ready)
        # The generic path answers a refusal: it charges nothing more.
        context.is_paid = await charged(context, ready.cost) is not None
        if context.is_paid:
            return None
        context.run_at, context.is_compiled = time.perf_counter(), True
        result = (
            await self._mutated(compiled, compiled.plan, ready.wanted, variables, context)
            if isinstance(compiled.plan, PayloadPlan)
            else await self._answered(ready, context.freshness)
        )
        if result is None:
            context.is_paid = True
            self.cache.reasons["the database"] += 1
            return None
        self.cache.hits += 1
        result.extensions = priced(ready.cost, self._bounds, context.allowance)
        if result.errors:
            publish(result, context)
        return result

    def run_at_once(self, ready: Ready, allowance: Allowance | None) -> dict[str, Any] | None:
        """Return the answer of a query that takes no waiting; None where `run` has to be asked, as if nobody had.

        The caller was charged, and has that allowance left.
        """
        wanted, compiled = ready.wanted, ready.compiled
        if isinstance(compiled.plan, PayloadPlan) or overdrawn(allowance) is not None:
            return None
        with suppress(Exception):  # it fails again, and is reported, where it is waited for
            found = compiled.read.read_at_once(wanted) if wanted.rows else []
            if found is not None:
                data = compiled.answer(found, wanted.pages, self._cursors.encode, ready.names)
                self.cache.hits += 1
                return {"data": data, "extensions": priced(ready.cost, self._bounds, allowance)}
        return None

    async def run_soon(self, ready: Ready, allowance: Allowance | None) -> ExecutionResult | None:
        """Return the result of a query once it is there; None where `run` has to be asked, as if nobody had.

        The caller was charged, and has that allowance left.
        """
        if isinstance(ready.compiled.plan, PayloadPlan) or overdrawn(allowance) is not None:
            return None
        result = await self._answered(ready)
        if result is not None:
            self.cache.hits += 1
            result.extensions = priced(ready.cost, self._bounds, allowance)
            publish(result, None)
        return result

    def _ready(
        self,
        query: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        viewer: Viewer,
        find: Callable[..., Compiled | None],
    ) -> Ready | str:
        """Return what it takes to run an operation, or the reason why it takes the generic path."""
        if not self._domain.reads.can_project:
            return "no connection"
        kept = self._documents.find(query, self._bounds)
        if kept is None or kept.errors is None or kept.errors:
            return "not validated"
        compiled = find(kept, operation_name, variables, viewer.audience)
        if compiled is None or not compiled.plan.is_allowed(viewer):
            return "not compiled" if compiled is None else "permissions"
        name, read = (None, None)
        if variables and compiled.arguments.take_long:
            name, read = compiled.accepted.find(variables)
        if read is None:
            found = self._read(kept.document, compiled, variables, viewer)
            if isinstance(found, str):
                return found
            read = found
            if name is not None:
                compiled.accepted.keep(name, read)
        return Ready(compiled=compiled, wanted=read.wanted, names=read.names, cost=read.cost)

    def _read(
        self, document: DocumentNode, compiled: Compiled, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> Read | str:
        if variables and self._is_refused(document, compiled, variables):
            return "variables"
        cost = compiled.costs.of(variables)
        if cost > min(_MOST_COST, self._bounds.cost):
            return "large"
        read = compiled.arguments.read(variables, viewer)
        return "arguments" if read is None else Read(*read, cost)

    def _is_refused(self, document: DocumentNode, compiled: Compiled, variables: Mapping[str, Any]) -> bool:
        operation = compiled.plan.operation
        wrong = unreadable(self._schema, operation, variables)
        return bool(wrong) or misplaced_null(self._schema, document, operation, variables) is not None

    async def _answered(self, ready: Ready, freshness: Freshness = ANY) -> ExecutionResult | None:
        compiled, wanted = ready.compiled, ready.wanted
        seconds = self._bounds.execution_seconds
        found: list[Any] | None = []
        try:
            if wanted.rows:
                reading = (
                    compiled.read_at_any(wanted)
                    if freshness is ANY
                    else compiled.read.read_fresh(wanted, _narrowed(freshness, compiled))
                )
                found = await in_time(reading, seconds)
            if found is None:
                return None
            data = compiled.answer(found, wanted.pages, self._cursors.encode, ready.names)
        except TimeoutError:
            return ExecutionResult(data=None, errors=[late(seconds)])
        except Exception:
            # Such as a value in the database that no enum has: the generic path says so as it always did.
            logger.exception("a compiled operation failed")
            return None
        return ExecutionResult(data=data, errors=None)

    async def _mutated(
        self,
        compiled: Compiled,
        plan: PayloadPlan,
        wanted: Wanted,
        variables: Mapping[str, Any] | None,
        context: Context,
    ) -> ExecutionResult:
        """Run a mutation, and add to its payload what was read in its transaction."""
        assert compiled.answering is not None
        assert compiled.rest is not None
        assert compiled.direct is not None
        reader = context.projecting = PayloadReader(plan, compiled.answering, wanted)
        try:
            data = await compiled.direct.run(variables, context, self._run_mutation)
        except Exception as error:  # noqa: BLE001 - a bug, which the executor would have told like this
            return ExecutionResult(data=None, errors=[located_error(error, [plan.field], [plan.key])])
        result = (
            ExecutionResult(data={plan.key: data}, errors=None)
            if data is not None
            else await self._generic(compiled.rest, variables, context)
        )
        shown = None if result.data is None else result.data.get(plan.key)
        found = None if context.payload is None else reader.found(context.payload)
        if found is None and context.payload is not None:
            # All of it once more, without the mutation: its payload is there.
            return await self._generic(compiled.document, variables, context, plan.operation)
        if shown is not None and found is not None:
            rows = compiled.answer(found, wanted.pages, self._cursors.encode, ())
            payload = {key: rows[key] if key in rows else shown[key] for key in plan.order}
            result.data = {**plan.answer, plan.key: payload}
        return result

    async def _generic(
        self,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        context: Context,
        operation: OperationDefinitionNode | None = None,
    ) -> ExecutionResult:
        result: Any = self._execute(
            self._schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=operation.name.value if operation is not None and operation.name is not None else None,
            executor_class=self._executor,
            is_awaitable=optimized_is_awaitable,
        )
        result = await result if isawaitable(result) else result
        return ExecutionResult(data=result.data, errors=result.errors)


def _note(context: Context, ready: Ready) -> None:
    """Note what an operation is, for counts and for the log."""
    context.kind = MUTATION if isinstance(ready.compiled.plan, PayloadPlan) else QUERY
    context.name = ready.name
    note_operation(context.name)


def _narrowed(freshness: Freshness, compiled: Compiled) -> Freshness:
    return freshness if compiled.may_lag else replace(freshness, may_lag=False)
