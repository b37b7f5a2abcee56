"""How long an execution may take."""

import asyncio
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any, TypeVar

from graphql import DocumentNode, ExecutionResult, GraphQLError, GraphQLSchema, execute

from domain.errors import DomainError
from gql.limits.bounds import Bounds

T = TypeVar("T")
_LATE = "This took longer than {seconds:g} s and was given up. Ask for less at a time."


class LateError(DomainError):
    """A field that was given up because its operation took too long, after so many seconds."""

    code = "TIMEOUT"
    sentence = "Reading this took longer than {seconds:g} s and was given up; the mutation itself is over."

    def __init__(self, seconds: float) -> None:
        super().__init__(self.sentence.format(seconds=seconds))
        self.seconds = seconds


class LateWriteError(LateError):
    """A mutation that was under way when the time was over."""

    sentence = (
        "This took longer than {seconds:g} s. What was being written may still be committed: "
        "look before you send it again, or send it with the same `idempotencyKey`."
    )


class NotBegunError(LateError):
    """A mutation whose turn had not come when the time was over."""

    sentence = "The operation took longer than {seconds:g} s before this one's turn came. Nothing was written by it."


class Deadline:
    """When the time of one operation is over; 0 seconds set no limit.

    Waiting ends, transactions do not: the database layer finishes each one that has begun.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._at = self._clock() + seconds if seconds else None

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self._at is not None and self._clock() >= self._at

    async def keep(self, pending: Awaitable[T], late: type[LateError]) -> T:
        """What is awaited, in time.

        Raises:
            LateError: it is not there in time; `late` is which.
        """
        try:
            async with asyncio.timeout_at(self._at) as limit:
                return await pending
        except TimeoutError as error:
            # A resolver's own TimeoutError is a failure of its own.
            if not limit.expired():
                raise
            raise late(self.seconds) from error


def execute_in_time(schema: GraphQLSchema, document: DocumentNode, **options: Any) -> Any:
    """What graphql-core's execute returns, or will; after too long a time, the error TIMEOUT instead."""
    seconds = Bounds.around(options.get("context_value")).execution_seconds
    result = execute(schema, document, **options)
    if not isawaitable(result) or seconds == 0:
        return result
    return _within(seconds, result, _LATE.format(seconds=seconds))


async def _within(seconds: float, execution: Awaitable[ExecutionResult], message: str) -> ExecutionResult:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await execution
    except TimeoutError:
        # A resolver's own TimeoutError is an error of its field, and never arrives here.
        if not limit.expired():
            raise
        return ExecutionResult(data=None, errors=[GraphQLError(message, extensions={"code": "TIMEOUT"})])
