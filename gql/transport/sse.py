"""GraphQL over SSE, distinct connections mode; the cursor is each event's id, so that EventSource resumes by itself."""

from collections.abc import Callable

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
