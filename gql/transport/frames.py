"""What becomes of a delivery on its way to a socket: the same for all whose id and credential are the same."""

import json
from functools import lru_cache

from domain.services.sessions import Watched
from gql.transport.members import Delivery
from gql.transport.outbox import text_frame

_UNFRAMED = b"asgi "
#: Nobody shares longer ids, and a client may send one of a megabyte: none of those is kept.
_LONGEST_SHARED_ID = 64


class SocketWay:
    """How a subscription's messages look on the wire, and who may have them."""

    __slots__ = ("_credential", "_form", "_prefix", "_wired")

    def __init__(self, operation_id: str, credential: Watched | None, *, wired: bool) -> None:
        self._prefix = b'{"id":%s,"type":"next","payload":' % json.dumps(operation_id).encode()
        self._form = self._prefix if wired else _UNFRAMED + self._prefix
        self._wired = wired
        self._credential = credential

    def frame_of(self, delivery: Delivery) -> bytes | None:
        """The delivery as the outbox takes it, made once for all that have the same id."""
        if self._credential is not None and self._credential.is_over(delivery.at):
            return None
        frame = delivery.frames.get(self._form)
        if frame is None:
            message = self._prefix + delivery.payload + b"}"
            frame = delivery.frames[self._form] = text_frame(message) if self._wired else message
        return frame


def way_of(operation_id: str, credential: Watched | None, *, wired: bool) -> SocketWay:
    """One object for the many sockets of a token whose clients count their operations from one."""
    if len(operation_id) > _LONGEST_SHARED_ID:
        return SocketWay(operation_id, credential, wired=wired)
    return _shared_way(operation_id, credential, wired=wired)


@lru_cache(maxsize=1024)
def _shared_way(operation_id: str, credential: Watched | None, *, wired: bool) -> SocketWay:
    return SocketWay(operation_id, credential, wired=wired)
