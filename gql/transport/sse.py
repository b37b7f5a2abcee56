"""GraphQL over SSE, distinct connections mode: each event's id is its cursor, so that EventSource resumes by itself."""

import asyncio
from collections import Counter, deque
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
from gql.transport.groups import Group
from gql.transport.joining import Joining
from gql.transport.members import SharedResult
from gql.transport.outages import is_lost_to_outage, reports_outage
from gql.transport.outbox import MOST_BYTES, MOST_FRAMES

_FORM = b"sse"


class SharedResponse(dict[str, Any]):
    """A group's encoded result in the place of the response that the library expects."""

    def __init__(self, result: SharedResult) -> None:
        super().__init__()
        self.result = result


class ResumableSSE(SSETransport):
    """An encoder that adds the `id:` line which a client sends back as `Last-Event-ID`."""

    @override
    def encode_next(self, response: GraphQLHTTPResponse, encode_json: Callable[[object], str]) -> str:
        if isinstance(response, SharedResponse):
            return _frame_of(response.result)
        event = super().encode_next(response, encode_json)
        cursor = (response.get("extensions") or {}).get("cursor")
        return f"id: {cursor}\r\n{event}" if cursor is not None else event


class StreamMember:
    """An SSE stream as a member of a group: a bounded queue that its response empties."""

    def __init__(self, cut: asyncio.Event, dropped: Counter[str]) -> None:
        self.last = 0
        self._dropped = dropped
        self.group: Group | None = None
        self._reported = 0
        self._waiting: deque[SharedResult] = deque()
        self._waiting_bytes = 0
        self._filled = asyncio.Event()
        self._cut = cut
        self._ended = False
        self._errors: list[Any] | None = None

    def report(self) -> None:
        """Queue the place up to which all was delivered, where no result has it."""
        reached = self.group.reached(self) if self.group is not None else 0
        if self.group is None or reached <= max(self.last, self._reported):
            return
        self._reported = reached
        result = self.group.progress(reached)
        # Without data, so that it is no event: clients only take over the id.
        result.frames[_FORM] = f"id: {result.cursor}\r\n\r\n".encode()
        self.deliver(result)

    def deliver(self, result: SharedResult) -> None:
        """Queue a result; cut a stream that is read too slowly, so that its client resumes from its last id."""
        if self._cut.is_set():
            return
        self._waiting.append(result)
        self._waiting_bytes += len(result.payload)
        if len(self._waiting) > MOST_FRAMES or self._waiting_bytes > MOST_BYTES:
            self._waiting.clear()
            self._cut.set()
            self._dropped["slow_consumer"] += 1
        self._filled.set()

    def finish(self, errors: list[Any] | None) -> None:
        """Note that nothing more comes; after an outage, cut the stream so that its client resumes."""
        if reports_outage(errors):
            self._cut.set()
            self._dropped["unavailable"] += 1
            return
        self._ended, self._errors = True, errors
        self._filled.set()

    async def results(self) -> AsyncGenerator[SharedResult | ExecutionResult, None]:
        """Yield all delivered results until the end."""
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
    """Return the result that names the errors of a subscription that ended."""
    return ExecutionResult(
        data=None, errors=[GraphQLError(error["message"], extensions=error.get("extensions")) for error in errors]
    )


async def shared_results(joining: Joining, cut: asyncio.Event) -> AsyncGenerator[Any, None]:
    """Yield the results that a subscriber missed, then those of its group."""
    member = StreamMember(cut, joining.groups.dropped)
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
    member.group = joining.group
    joining.groups.streams.add(member)
    try:
        async with aclosing(member.results()) as results:
            async for result in results:
                yield result
    finally:
        joining.groups.streams.discard(member)
        joining.leave()
        joining.group.leave(member)


async def counted(
    results: AsyncGenerator[Any, None], claims: Claims, context: Context, *, alone: bool
) -> AsyncGenerator[Any, None]:
    """Yield the results, counted as the caller's stream and, where it is unshared, as their subscription."""
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
    """Yield the results, and the masked error of a bug that ends them."""
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
    """Yield the results up to one lost to an outage, then cut the stream so that its client resumes."""
    with suppress(UnavailableError):
        async with aclosing(results):
            async for result in results:
                if is_lost_to_outage(result, query, operation_name):
                    break
                yield result
            else:
                return
    cut.set()
    # A return would end the stream as if it were complete.
    await asyncio.Event().wait()


def _frame_of(result: SharedResult) -> str:
    """Return the event's text, made once for all streams of a group."""
    frame = result.frames.get(_FORM)
    if frame is None:
        head = f"id: {result.cursor}\r\n".encode() if result.cursor is not None else b""
        frame = result.frames[_FORM] = head + b"event: next\r\ndata: " + result.payload + b"\r\n\r\n"
    return frame.decode()


async def until(
    ends: Sequence[Callable[[], Awaitable[object]]], is_over: Callable[[], bool], stream: AsyncIterator[str]
) -> AsyncIterator[str]:
    """Yield the stream until one of `ends` comes; its client resumes from the last cursor that it saw."""
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
