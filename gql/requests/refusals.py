"""JSON answers to requests that are refused or fail."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import DomainError, UnavailableError
from gql.requests.bodies import linger
from gql.requests.current import Doing, current
from gql.requests.headers import VARIES, request_id_of
from gql.requests.incoming import Incoming
from gql.requests.statuses import GRAPHQL_JSON, JSON, HttpOutcome, RefusalError

logger = logging.getLogger(__name__)

_USUAL = {
    media: (
        (b"content-type", f"{media}; charset=utf-8".encode()),
        *((name.encode(), value.encode()) for name, value in VARIES.items()),
    )
    for media in (JSON, GRAPHQL_JSON)
}
_OF_CODE = {
    "FORBIDDEN": HttpOutcome.FORBIDDEN,
    "NOT_FOUND": HttpOutcome.NOT_FOUND,
    "RATE_LIMITED": HttpOutcome.RATE_LIMITED,
}


async def answered(
    request: Incoming, work: Callable[[Incoming], Awaitable[ASGIApp]], *, most_bytes: int
) -> ASGIApp | None:
    """Return the answer of `work`, or the answer to its failure; None where the client has disconnected.

    A client whose body is too large may send about `most_bytes` more before the connection is closed.
    """
    request_id = request_id_of(request.scope)
    # As `doing` does, which would cost each request a generator.
    token = current.set(Doing(request_id))
    try:
        return await work(request)
    except ClientDisconnect:
        return None  # the client disconnected before its request was read
    except RefusalError as error:
        response = refusal(error, request.media)
        if error.outcome is HttpOutcome.TOO_LARGE:
            return Lingering(response, partial(linger, request.receive, most_bytes=most_bytes))
        return response
    except DomainError as error:
        return refusal(outcome_of(error), request.media)
    except Exception:
        logger.exception("request %s failed", request_id, extra={"request_id": request_id})
        return json_response({"errors": [internal(request_id)]}, HttpOutcome.FAILED, request.media)
    finally:
        current.reset(token)


def refusal(error: RefusalError, media: str) -> "JsonResponse":
    """Return the response to a refused request."""
    body = {"errors": [{"message": error.message, "extensions": error.extensions}]}
    return json_response(body, error.outcome, media, error.headers)


def internal(request_id: str) -> dict[str, Any]:
    """Return the masked error of a bug: the request id, under which the log has the rest."""
    message = f"Something went wrong here. Mention the request id {request_id} when you report it."
    return {"message": message, "extensions": {"code": "INTERNAL", "requestId": request_id}}


class JsonResponse:
    """An ASGI application that sends JSON: two messages and nothing else."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status = status
        self.headers = [*headers, (b"content-length", b"%d" % len(body))]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002, D102 - a dunder
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_response(
    body: Any, outcome: HttpOutcome, media: str, headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """Return the response with that body and the status of its outcome in that media type."""
    usual = _USUAL[media]
    more = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()] if headers else ()
    return JsonResponse(orjson.dumps(body), outcome.status(media), (*usual, *more))


class Lingering:
    """An ASGI application that sends a response at once and ends it after a wait."""

    def __init__(self, response: JsonResponse, wait: Callable[[], Awaitable[None]]) -> None:
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


def outcome_of(error: DomainError) -> RefusalError:
    """Return the refusal that an expected failure comes to."""
    outcome, headers = _OF_CODE.get(error.code, HttpOutcome.ILL_FORMED), {}
    if error.code == "UNAUTHENTICATED":
        outcome, headers = HttpOutcome.UNAUTHENTICATED, {"www-authenticate": "Bearer"}  # RFC 9110, 11.6.1
    elif isinstance(error, UnavailableError):
        outcome = HttpOutcome.UNAVAILABLE
    if error.retry_after_seconds is not None:
        headers = {"retry-after": str(error.retry_after_seconds)}
    extensions = {"field": error.field} if error.field else {}
    return RefusalError(outcome, error.message, code=error.code, headers=headers, extensions=extensions)
