"""Refusals of operations that were read, but cannot be run as they came."""

from typing import Any, cast

from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from domain.errors import InvalidCursorError
from gql.context import Context
from gql.requests.statuses import EVENT_STREAM, HttpOutcome, RefusalError
from gql.transport.outcomes import outcome_of_code


def refusal_of(error: GraphQLError) -> RefusalError:
    """Return the refusal of a request for an error with a code."""
    code = str((error.extensions or {})["code"])
    return RefusalError(outcome_of_code(code), error.message, code=code)


def wrong_transport(kind: OperationType) -> RefusalError:
    """Return the refusal of an operation that this request cannot carry."""
    if kind is OperationType.MUTATION:
        return RefusalError(HttpOutcome.WRONG_METHOD, "Mutations need POST.", headers={"allow": "POST"})
    return RefusalError(HttpOutcome.ILL_FORMED, f"Subscriptions need a WebSocket, or `Accept: {EVENT_STREAM}`.")


def unresolved(operation_name: str | None) -> str:
    """Return what to say where a document has no operation of that name."""
    if operation_name is None:
        return "There is no operation in the document."
    return f"There is no operation {operation_name[:80]!r} in the document."


def refused(code: str, message: str) -> ExecutionResult:
    """Return the result of an operation of a batch that was not run."""
    return PreExecutionError(data=None, errors=[GraphQLError(message, extensions={"code": code})])


def error_of(error: InvalidCursorError) -> GraphQLError:
    """Return the error of an operation that names a cursor which is none."""
    return GraphQLError(error.message, extensions={"code": error.code, "field": error.field})


async def send_refused(operation: Operation[Context, None], result: ExecutionResult) -> None:
    """Send a result without `data`, because nothing was executed; the library would send null."""
    payload: dict[str, Any] = {"errors": [error.formatted for error in result.errors or ()]}
    if result.extensions:
        payload["extensions"] = result.extensions
    await operation.send_operation_message(cast("Message", {"id": operation.id, "type": "next", "payload": payload}))
