"""The deadline of an execution."""

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
    """A field that was abandoned because its operation took longer than `seconds`."""

    code = "TIMEOUT"
    sentence = "Reading this took longer than {seconds:g} s and was given up; the mutation itself is over."

    def __init__(self, seconds: float) -> None:
        super().__init__(self.sentence.format(seconds=seconds))
        self.seconds = seconds


class LateWriteError(LateError):
    """A mutation that was running at the deadline."""

    sentence = (
        "This took longer than {seconds:g} s. What was being written may still be committed: "
        "look before you send it again, or send it with the same `idempotencyKey`."
    )


class NotBegunError(LateError):
    """A mutation that had not begun at the deadline."""

    sentence = "The operation took longer than {seconds:g} s before this one's turn came. Nothing was written by it."


class Deadline:
    """The deadline of one operation; 0 seconds set none.

    It ends waiting, but no transaction: the database layer finishes each one that has begun.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._clock = asyncio.get_running_loop().time
        self._at = self._clock() + seconds if seconds else None

    @property
    def is_over(self) -> bool:
        """True once the deadline has passed."""
        return self._at is not None and self._clock() >= self._at

    async def keep(self, pending: Awaitable[T], late: type[LateError]) -> T:
        """Return the awaited value, if it comes before the deadline.

        Raises:
            LateError: the deadline passed; the error is of the class `late`.
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
    """Return the result of graphql-core's execute or an awaitable of it; after the deadline, the error TIMEOUT."""
    seconds = Bounds.around(options.get("context_value")).execution_seconds
    result = execute(schema, document, **options)
    if not isawaitable(result) or seconds == 0:
        return result
    return _within(seconds, result)


def late(seconds: float) -> GraphQLError:
    """Return the error of an operation that was given up after so many seconds."""
    return GraphQLError(_LATE.format(seconds=seconds), extensions={"code": "TIMEOUT"})


async def _within(seconds: float, execution: Awaitable[ExecutionResult]) -> ExecutionResult:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await execution
    except TimeoutError:
        # A resolver's own TimeoutError is an error of its field, and never gets here.
        if not limit.expired():
            raise
        return ExecutionResult(data=None, errors=[late(seconds)])
