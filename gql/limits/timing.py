"""How long an execution may take."""

import asyncio
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationType,
    execute,
    get_operation_ast,
)

from gql.limits.bounds import Bounds

_LATE = {
    OperationType.QUERY: "This took longer than {seconds:g} s and was given up. Ask for less at a time.",
    OperationType.MUTATION: (
        "This took longer than {seconds:g} s. What was being written may still be committed: "
        "look before you send it again, or send it with the same `idempotencyKey`."
    ),
}


def execute_in_time(schema: GraphQLSchema, document: DocumentNode, **options: Any) -> Any:
    """What graphql-core's execute returns, or will; after too long a time, the error TIMEOUT instead.

    Waiting ends, transactions do not: the database layer finishes each one that has begun.
    """
    seconds = Bounds.around(options.get("context_value")).execution_seconds
    result = execute(schema, document, **options)
    if not isawaitable(result) or seconds == 0:
        return result
    operation = get_operation_ast(document, options.get("operation_name"))
    kind = OperationType.QUERY if operation is None else operation.operation
    return _within(seconds, result, _LATE[kind].format(seconds=seconds))


async def _within(seconds: float, execution: Awaitable[ExecutionResult], message: str) -> ExecutionResult:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await execution
    except TimeoutError:
        # A resolver's own TimeoutError is an error of its field, and never arrives here.
        if not limit.expired():
            raise
        return ExecutionResult(data=None, errors=[GraphQLError(message, extensions={"code": "TIMEOUT"})])
