"""Reading of request bodies, with limits on their size and time."""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import orjson
from cross_web import parse_content_type
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from gql.requests.incoming import Incoming
from gql.requests.statuses import JSON, HttpOutcome, RefusalError
from gql.requests.waiting import in_time

#: Without it the rest of a refused body would be read only to be dropped.
_HANG_UP = {"connection": "close"}
_LINGER_SECONDS = 1.0
#: What most clients say; everything else is taken apart.
_PLAIN_JSON = JSON.encode()
#: The length of JSON that may be parsed a second time, slowly; room for the longest message, all of it escaped.
_LONGEST_MENDED = 200_000
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


async def read_json(request: Incoming, *, most_bytes: int, seconds: float) -> Any:
    """Return the JSON in the body.

    Raises:
        RefusalError: it is too large, comes too slowly, or is no JSON in UTF-8.
    """
    if request.headers.get(b"content-type") != _PLAIN_JSON:
        _check_type(request.header(b"content-type") or "")
    return decoded(await read_bytes(request, most_bytes=most_bytes, seconds=seconds), "The body")


async def read_bytes(request: Incoming, *, most_bytes: int, seconds: float) -> bytes:
    """Return the body, of whatever type.

    Raises:
        RefusalError: it is too large, comes too slowly, or is compressed.
    """
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RefusalError(HttpOutcome.WRONG_TYPE, "Send the body as it is, not compressed.")
    try:
        return await in_time(_body(request, most_bytes), seconds)
    except TimeoutError as error:
        message = f"The body did not arrive within {seconds:g} s."
        raise RefusalError(HttpOutcome.TOO_SLOW, message, code="TIMEOUT", headers=_HANG_UP) from error


def decode(text: str | bytes) -> Any:
    """Return the value of the JSON, with a NUL character in place of each lone surrogate.

    JavaScript makes a lone surrogate by cutting a text within an emoji. It is no Unicode, and no database keeps it. As
    a NUL it is refused with its field, instead of with the whole request or socket.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        mended = _without_halves(text) if len(text) <= _LONGEST_MENDED else None
        if mended is None:
            raise
        return orjson.loads(mended)


def decoded(text: str | bytes, what: str) -> Any:
    """Return the value of the JSON.

    Raises:
        RefusalError: it is no JSON.
    """
    try:
        return decode(text)
    except ValueError as error:
        raise RefusalError(HttpOutcome.ILL_FORMED, f"{what} cannot be parsed as JSON.") from error


def _without_halves(text: str | bytes) -> str | None:
    """Return the JSON without lone surrogates; None where there is another error in it."""
    try:
        whole = text if isinstance(text, str) else text.decode()
        if _HALF_ESCAPED.search(whole) is None:
            return None
        return _HALF.sub(r"\\u0000", json.dumps(json.loads(whole), ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError):
        return None


async def linger(receive: Receive, *, most_bytes: int) -> None:
    """Give a client that is still sending the time to read the answer.

    Closing a connection with unread bytes resets it, and the client loses the answer that it has not read yet.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            dropped = 0
            while dropped <= most_bytes:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
            await asyncio.sleep(_LINGER_SECONDS)


def _check_type(given: str) -> None:
    content_type, parameters = parse_content_type(given)
    if content_type != JSON or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise RefusalError(HttpOutcome.WRONG_TYPE, f"Send {JSON} in UTF-8.", headers={"accept-post": JSON})


async def _body(request: Incoming, most_bytes: int) -> bytes:
    """Return the body; refuse it as soon as its header or the bytes received show that it is too large."""
    announced = request.headers.get(b"content-length", b"")
    body = bytearray()
    if not announced.isdigit() or int(announced) <= most_bytes:
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > most_bytes:
                break
            if not message.get("more_body"):
                return bytes(body)
    raise RefusalError(HttpOutcome.TOO_LARGE, f"A request may have {most_bytes} bytes at most.", headers=_HANG_UP)
