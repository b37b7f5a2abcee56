"""Bodies of requests, read within a size and a time."""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import orjson
from cross_web import parse_content_type
from starlette.requests import Request

from gql.requests.statuses import JSON, HttpOutcome, RefusalError

#: The rest of a body that is not wanted would otherwise be read, to be thrown away.
_HANG_UP = {"connection": "close"}
_LINGER_SECONDS = 1.0
#: Characters of JSON that are read once more, slowly; room for the longest message, all of it escaped.
_LONGEST_MENDED = 200_000
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


async def read_json(request: Request, *, most_bytes: int, seconds: float) -> Any:
    """The JSON in the body, whatever it is.

    Raises:
        RefusalError: it is too large, comes too slowly, or is no JSON in UTF-8.
    """
    content_type, parameters = parse_content_type(request.headers.get("content-type") or "")
    if content_type != JSON or parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise RefusalError(HttpOutcome.WRONG_TYPE, f"Send {JSON} in UTF-8.", headers={"accept-post": JSON})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError(HttpOutcome.WRONG_TYPE, "Send the body as it is, not compressed.")
    try:
        async with asyncio.timeout(seconds):
            body = await _body(request, most_bytes)
    except TimeoutError as error:
        message = f"The body did not arrive within {seconds:g} s."
        raise RefusalError(HttpOutcome.TOO_SLOW, message, code="TIMEOUT", headers=_HANG_UP) from error
    return decoded(body, "The body")


def decode(text: str | bytes) -> Any:
    """What the JSON says, with a NUL character in place of half of a surrogate pair.

    Such a half, which JavaScript makes by cutting a text within an emoji, is no Unicode, and nothing here can keep it.
    As a NUL it is refused where it stands, with its field, instead of with the request or the socket as a whole.

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
    """Return what the JSON says.

    Raises:
        RefusalError: it is no JSON.
    """
    try:
        return decode(text)
    except ValueError as error:
        raise RefusalError(HttpOutcome.ILL_FORMED, f"{what} cannot be parsed as JSON.") from error


def _without_halves(text: str | bytes) -> str | None:
    """The same JSON without halves of surrogate pairs; None where that is not all that is wrong with it."""
    try:
        whole = text if isinstance(text, str) else text.decode()
        if _HALF_ESCAPED.search(whole) is None:
            return None
        return _HALF.sub(r"\\u0000", json.dumps(json.loads(whole), ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError):
        return None


async def linger(request: Request, *, most_bytes: int) -> None:
    """Let a client that is still sending see the answer.

    Hanging up on unread bytes resets the connection, and takes the answer with it that the client has not read yet.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            dropped = 0
            while dropped <= most_bytes:
                message = await request.receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
            await asyncio.sleep(_LINGER_SECONDS)


async def _body(request: Request, most_bytes: int) -> bytes:
    """The body, given up as soon as it is known to be too large: from its header, or from what came of it."""
    announced = request.headers.get("content-length", "")
    body = bytearray()
    if not announced.isdecimal() or int(announced) <= most_bytes:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                break
        else:
            return bytes(body)
    raise RefusalError(HttpOutcome.TOO_LARGE, f"A request may have {most_bytes} bytes at most.", headers=_HANG_UP)
