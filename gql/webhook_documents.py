"""The answers to subscription documents of webhooks: each change is executed as for a subscriber of that audience."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from graphql import GraphQLError, get_variable_values
from strawberry.types.execution import ExecutionResult, PreExecutionError

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, UnavailableError
from domain.ids import new_id
from domain.model.change import Change
from domain.model.viewer import Audience
from domain.services.events import AnyWatch
from gql.context import GroupContext
from gql.limits.bounds import Bounds
from gql.limits.costs import ENDLESS
from gql.limits.nulls import misplaced_null
from gql.limits.variables import unreadable
from gql.schema import IncidentSchema
from gql.transport.members import encoded
from gql.transport.outages import reports_outage
from gql.transport.outcomes import source_failed
from gql.transport.sharing import SharedOperation, shared_operation

#: The subscriptions to changes of incidents, each of which stands in the log.
_FIELDS = ("incidentEvents", "incidentChanges")


class OneChange:
    """The source of events of an execution that is about one change, or about none."""

    shows_present = False

    def __init__(self, change: Change | None) -> None:
        self._change = change

    async def start(self, after: str | None) -> int:  # noqa: ARG002 - documents of webhooks have none
        """Return a place before the change."""
        return 0

    async def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:  # noqa: ARG002 - see above
        """Yield the change, if it is wanted."""
        if self._change is not None and watch.wants(self._change):
            yield self._change


class WebhookDocuments:
    """The executor of documents, which the domain knows as a port."""

    def __init__(self, schema: IncidentSchema, domain: Domain) -> None:
        self._schema = schema
        self._domain = domain

    async def check(self, document: str, variables: Mapping[str, Any], audience: Audience) -> None:
        """Check a document that is to be saved, its cost included, and that its arguments can be used.

        Raises:
            InvalidInputError: it cannot be a webhook's.
        """
        operation = await self._operation(document)
        self._check_variables(operation, variables)
        bounds = Bounds.of(self._domain.settings)
        cost = operation.cost(variables)
        if cost > bounds.cost:
            points = "more" if cost >= ENDLESS else f"{cost} points"
            raise _refused(f"The document costs {points} for each change, and {bounds.cost} points are the most.")
        # Arguments such as keys of systems are looked up by the execution alone.
        await self._execute(document, variables, audience, None)

    async def answer(
        self, document: str, variables: Mapping[str, Any], audience: Audience, change: Change
    ) -> bytes | None:
        """Return the answer to a change as JSON; None where the document does not want it.

        Raises:
            UnavailableError: the database is away.
            InvalidInputError: the document is not valid any more, or has no answer.
        """
        return await self._execute(document, variables, audience, change)

    async def _operation(self, document: str) -> SharedOperation:
        core, cache = self._schema._schema, self._schema.documents  # noqa: SLF001 - no public name leads to it
        bounds = Bounds.of(self._domain.settings)
        try:
            errors = await cache.errors(core, document, cache.parsed(document, bounds), bounds)
        except GraphQLError as error:
            errors = [error]
        if errors:
            raise _refused(f"The document is not valid: {errors[0].message}")
        operation = shared_operation(core, document, None)
        if operation is None or operation.field not in _FIELDS:
            raise _refused(f"The document must be one subscription to {' or '.join(_FIELDS)}, and nothing else.")
        if operation.resumes:
            raise _refused("The document must not have `after`: a webhook gets every change from its creation on.")
        return operation

    def _check_variables(self, operation: SharedOperation, variables: Mapping[str, Any]) -> None:
        core = operation.schema
        declared = {each.variable.name.value for each in operation.operation.variable_definitions or ()}
        unknown = sorted(set(variables) - declared)
        if unknown:
            raise InvalidInputError("The document has no such variable.", field=["variables", unknown[0]])
        read = get_variable_values(core, operation.operation.variable_definitions or (), dict(variables), max_errors=1)
        wrong = unreadable(core, operation.operation, dict(variables)) or (read if isinstance(read, list) else [])
        null = misplaced_null(core, operation.document, operation.operation, dict(variables))
        fault = wrong[0] if wrong else null
        if fault is not None:
            raise InvalidInputError(f"The variables do not fit the document: {fault.message}", field=["variables"])

    async def _execute(
        self, document: str, variables: Mapping[str, Any], audience: Audience, change: Change | None
    ) -> bytes | None:
        context = GroupContext(
            domain=self._domain, request_id=new_id("req"), shared_audience=audience, source=OneChange(change)
        )
        results = await self._schema.stream(document, variable_values=dict(variables), context_value=context)
        async with aclosing(results):
            async for result in results:
                if isinstance(result, ExecutionResult | PreExecutionError):
                    return self._encoded(result, change, context)
        return None

    def _encoded(
        self, result: ExecutionResult | PreExecutionError, change: Change | None, context: GroupContext
    ) -> bytes:
        if reports_outage(result.errors):
            raise UnavailableError
        if source_failed(result) or result.data is None or change is None:
            messages = [error.message for error in result.errors or ()]
            raise _refused(f"The document could not be answered: {(messages or ['it has no data'])[0]}")
        return encoded(result, change.seq, context.cursor, at=self._domain.clock.now()).payload


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError(message, field=["document"])
