"""GraphQL over SSE, distinct connections mode; the cursor is each event's id, so that EventSource resumes by itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

from anyio import CancelScope
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import SSETransport
from typing_extensions import override


class ResumableSSE(SSETransport):
    """Writes the `id:` line that a client sends back as `Last-Event-ID`."""

    @override
    def encode_next(self, response: GraphQLHTTPResponse, encode_json: Callable[[object], str]) -> str:
        event = super().encode_next(response, encode_json)
        cursor = (response.get("extensions") or {}).get("cursor")
        return f"id: {cursor}\r\n{event}" if cursor is not None else event


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
                if not following.done():
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
