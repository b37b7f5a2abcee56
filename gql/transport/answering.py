"""From what became of a request to the HTTP response that says so."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from domain.errors import UnavailableError
from gql.errors import internal
from gql.requests.headers import VARIES
from gql.transport.statuses import Outcome, RefusalError, outcome_of


def answer(
    result: ExecutionResult, data: GraphQLHTTPResponse, media: str, *, outage: UnavailableError | None = None
) -> Response:
    """The response with that result, which is shown as `data`; of an operation that wrote nothing for an outage."""
    outcome = outcome_of(result) if outage is None else Outcome.UNAVAILABLE
    headers = {}
    if outcome in _SAY_WHEN:
        waits = [(error.extensions or {}).get("retryAfterSeconds") for error in result.errors or ()]
        wait = outage.retry_after_seconds if outage is not None else next(filter(None, waits))
        headers["retry-after"] = str(wait)
    return _response(data, outcome, media, headers)


def batch_answer(answers: Sequence[GraphQLHTTPResponse], media: str) -> Response:
    """The response with all results of a batch; each says for itself whether it succeeded."""
    return _response(answers, Outcome.DONE, media)


def refusal(error: RefusalError, media: str) -> Response:
    """The response to a request of which nothing was run."""
    body = {"errors": [{"message": error.message, "extensions": {"code": error.code}}]}
    return _response(body, error.outcome, media, error.headers)


def failure(request_id: str, media: str) -> Response:
    """The response to a request that a bug stopped; the log has the rest under the id."""
    return _response({"errors": [internal(request_id)]}, Outcome.FAILED, media)


_SAY_WHEN = {Outcome.RATE_LIMITED, Outcome.UNAVAILABLE}


class Lingering:
    """An ASGI application that sends a response at once, and ends it only after a wait."""

    def __init__(self, response: Response, wait: Callable[[], Awaitable[None]]) -> None:
        self._response = response
        self._wait = wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - a dunder
        async def hold(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send({**message, "more_body": True})
            await self._wait()
            await send({"type": "http.response.body", "body": b""})

        await self._response(scope, receive, hold)


def _response(body: Any, outcome: Outcome, media: str, headers: Mapping[str, str] | None = None) -> Response:
    usual = {"content-type": f"{media}; charset=utf-8", **VARIES}
    return Response(orjson.dumps(body), outcome.status(media), headers={**usual, **(headers or {})})
