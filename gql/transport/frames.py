"""Framing of shared results for sockets, encoded once for all with the same operation id and credential."""

import json
from functools import lru_cache

from domain.services.sessions import Watched
from gql.transport.members import SharedResult
from gql.transport.outbox import text_frame

_UNFRAMED = b"asgi "
#: Longer ids are not cached: no two clients share one, and a client may send one of a megabyte.
_LONGEST_SHARED_ID = 64


class SocketFraming:
    """The encoding of a subscription's messages, and the credential that they need."""

    __slots__ = ("_credential", "_form", "_prefix", "_wired")

    def __init__(self, operation_id: str, credential: Watched | None, *, wired: bool) -> None:
        self._prefix = b'{"id":%s,"type":"next","payload":' % json.dumps(operation_id).encode()
        self._form = self._prefix if wired else _UNFRAMED + self._prefix
        self._wired = wired
        self._credential = credential

    def frame_of(self, result: SharedResult) -> bytes | None:
        """Return the result as the outbox takes it; None where the credential is over."""
        if result.framing is not self:
            result.framing, result.frame = self, self._framed(result)
        return result.frame

    def _framed(self, result: SharedResult) -> bytes | None:
        if self._credential is not None and self._credential.is_over(result.at):
            return None
        frame = result.frames.get(self._form)
        if frame is None:
            message = self._prefix + result.payload + b"}"
            frame = result.frames[self._form] = text_frame(message) if self._wired else message
        return frame


def framing_of(operation_id: str, credential: Watched | None, *, wired: bool) -> SocketFraming:
    """Return the framing, one object for the many sockets of a token whose clients count operations from one."""
    if len(operation_id) > _LONGEST_SHARED_ID:
        return SocketFraming(operation_id, credential, wired=wired)
    return _shared_framing(operation_id, credential, wired=wired)


@lru_cache(maxsize=1024)
def _shared_framing(operation_id: str, credential: Watched | None, *, wired: bool) -> SocketFraming:
    return SocketFraming(operation_id, credential, wired=wired)
