"""Bodies of answers, read no further than they are kept."""

import zlib
from collections.abc import Callable
from typing import Any

import httpx
import orjson

KEPT_BYTES = 65_536
#: Deeper JSON stays text: recursion over it would exhaust the stack.
_DEEPEST = 64
#: By how much a compressed body may be larger than its content.
_OVERHEAD_BYTES = 4_096
_ENCODINGS = {"iso-8859-1": "latin-1", "latin-1": "latin-1", "windows-1252": "cp1252"}
#: PostgreSQL stores no such character in JSON.
_NUL = "\\u0000"

_Decode = Callable[[bytes, int], bytes]


async def read_body(response: httpx.Response) -> tuple[bytes, bool]:
    """Return the first 64 kB of the body, decompressed, and whether it was truncated.

    Raises:
        zlib.error: it is not compressed as its header says.
        httpx.TransportError: the connection broke.
    """
    decode = _decoder(response.headers.get("content-encoding", ""))
    body = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        body += decode(chunk, KEPT_BYTES + 1 - len(body))
        if len(body) > KEPT_BYTES or received > KEPT_BYTES + _OVERHEAD_BYTES:
            return bytes(body[:KEPT_BYTES]), True
    return bytes(body), False


def shown_body(content: bytes, *, truncated: bool, headers: httpx.Headers) -> Any:
    """Return the body as JSON if it is JSON, else as text; None if it is empty."""
    if not content:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not truncated and (kind == "application/json" or kind.endswith("+json")):
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return _text(content, headers)
        if _is_flat_enough(value) and _NUL.encode() not in content:
            return value
    return _text(content, headers)


def _decoder(encoding: str) -> _Decode:
    # We accept no compression; a body that is compressed even so gets the same bound.
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return lambda chunk, _room: chunk
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    return unpacking.decompress


def _text(content: bytes, headers: httpx.Headers) -> str:
    charset = headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    # Not every codec of Python's: some take minutes for what others take a millisecond for.
    return content.decode(_ENCODINGS.get(charset, "utf-8"), "replace").replace("\0", "\ufffd")


def _is_flat_enough(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            member
            for item in level
            if isinstance(item, dict | list)
            for member in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False
