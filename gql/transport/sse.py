"""GraphQL over SSE, distinct connections mode; the cursor is each event's id, so that EventSource resumes by itself."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from anyio import CancelScope
from graphql import GraphQLError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import SSETransport
from strawberry.types.execution import ExecutionResult
from typing_extensions import override

from domain.errors import UnavailableError
from gql.context import Context
from gql.errors import refused
from gql.transport.claims import Claims
from gql.transport.joining import Joining
from gql.transport.members import SharedResult
from gql.transport.outages import is_lost_to_outage, reports_outage
from gql.transport.outbox import MOST_BYTES, MOST_FRAMES

_FORM = b"sse"


class SharedResponse(dict[str, Any]):
    """A group's result where the library expects a response: nothing of it is encoded again."""

    def __init__(self, result: SharedResult) -> None:
        super().__init__()
        self.result = result


class ResumableSSE(SSETransport):
    """Writes the `id:` line that a client sends back as `Last-Event-ID`."""

    @override
    def encode_next(self, response: GraphQLHTTPResponse, encode_json: Callable[[object], str]) -> str:
        if isinstance(response, SharedResponse):
            return _frame_of(response.result)
        event = super().encode_next(response, encode_json)
        cursor = (response.get("extensions") or {}).get("cursor")
        return f"id: {cursor}\r\n{event}" if cursor is not None else event


class StreamMember:
    """One SSE stream's place in a group: a bounded queue that its response empties."""

    def __init__(self, cut: asyncio.Event) -> None:
        self.last = 0
        self._waiting: deque[SharedResult] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()
        self._cut = cut
        self._ended = False
        self._errors: list[Any] | None = None

    def deliver(self, result: SharedResult) -> None:
        """Queue a result; a stream that is read too slowly is cut, and its client comes back with its last id."""
        if self._cut.is_set():
            return
        self._waiting.append(result)
        self._waiting_bytes += len(result.payload)
        if len(self._waiting) > MOST_FRAMES or self._waiting_bytes > MOST_BYTES:
            self._waiting.clear()
            self._cut.set()
        self._filled.set()

    def finish(self, errors: list[Any] | None) -> None:
        """Hear that nothing more comes; after an outage the stream is cut, and its client comes back."""
        if reports_outage(errors):
            self._cut.set()
            return
        self._ended, self._errors = True, errors
        self._filled.set()

    async def results(self) -> AsyncGenerator[SharedResult | ExecutionResult, None]:
        """Everything that was delivered, until the end."""
        while True:
            while self._waiting:
                result = self._waiting.popleft()
                self._waiting_bytes -= len(result.payload)
                yield result
            if self._ended:
                if self._errors:
                    yield failed(self._errors)
                return
            self._filled.clear()
            await self._filled.wait()


def failed(errors: list[Any]) -> ExecutionResult:
    """The result that says why a subscription ended."""
    return ExecutionResult(
        data=None, errors=[GraphQLError(error["message"], extensions=error.get("extensions")) for error in errors]
    )


async def shared_results(joining: Joining, cut: asyncio.Event) -> AsyncGenerator[Any, None]:
    """What a subscriber missed, then what its group shares."""
    member = StreamMember(cut)
    try:
        async with aclosing(joining.results(member)) as missed:
            async for result in missed:
                yield result
    except GraphQLError as error:
        yield ExecutionResult(data=None, errors=[error])
        return
    finally:
        if joining.group is None:
            joining.leave()
    if joining.group is None:
        if joining.errors:
            yield failed(joining.errors)
        return
    try:
        async with aclosing(member.results()) as results:
            async for result in results:
                yield result
    finally:
        joining.leave()
        joining.group.leave(member)


async def counted(
    results: AsyncGenerator[Any, None], claims: Claims, context: Context, *, alone: bool
) -> AsyncGenerator[Any, None]:
    """The results, as a stream of that caller's and, where it is shared with nobody, a subscription of theirs."""
    with claims.stream(context):
        try:
            claim = claims.enter(context, object()) if alone else None
        except GraphQLError as error:
            yield ExecutionResult(data=None, errors=[error])
            return
        try:
            async with aclosing(results):
                async for result in results:
                    yield result
        finally:
            if claim is not None:
                claim.leave()


async def masked(results: AsyncGenerator[Any, None], context: Context) -> AsyncGenerator[Any, None]:
    """The results; after a bug on their way here, what clients may hear of it."""
    try:
        async with aclosing(results):
            async for result in results:
                yield result
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - refused() logs it
        yield refused(error, context)


async def until_outage(
    results: AsyncGenerator[Any, None], cut: asyncio.Event, query: str | None, operation_name: str | None
) -> AsyncGenerator[Any, None]:
    """The results up to one that an outage spoiled, which cuts the stream instead: its client comes back."""
    with suppress(UnavailableError):
        async with aclosing(results):
            async for result in results:
                if is_lost_to_outage(result, query, operation_name):
                    break
                yield result
            else:
                return
    cut.set()
    # To return would be to end it as if it were complete.
    await asyncio.Event().wait()


def _frame_of(result: SharedResult) -> str:
    """The event's text, made once for all streams of a group."""
    frame = result.frames.get(_FORM)
    if frame is None:
        head = f"id: {result.cursor}\r\n".encode() if result.cursor is not None else b""
        frame = result.frames[_FORM] = head + b"event: next\r\ndata: " + result.payload + b"\r\n\r\n"
    return frame.decode()


async def until(
    ends: Sequence[Callable[[], Awaitable[object]]], is_over: Callable[[], bool], stream: AsyncIterator[str]
) -> AsyncIterator[str]:
    """The stream, cut off when one of its ends comes: its client comes back with the last cursor it saw."""
    waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(end()) for end in ends}
    following: asyncio.Future[str] | None = None
    assert isinstance(stream, AsyncGenerator)
    async with aclosing(stream):
        try:
            while True:
                following = asyncio.ensure_future(anext(stream))
                await asyncio.wait({following, *waiting}, return_when=asyncio.FIRST_COMPLETED)
                if any(end.done() for end in waiting):
                    return
                event = following.result()
                if is_over():
                    return
                yield event
        except StopAsyncIteration:
            return
        finally:
            # Shielded: a client that went away is a cancellation which anyio repeats at every further wait.
            with CancelScope(shield=True):
                for future in (*waiting, *([following] if following else [])):
                    if future.cancel():
                        await asyncio.wait({future})
