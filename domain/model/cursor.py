"""Opaque, signed cursors, which clients can keep but neither read nor make."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Any

import orjson

from domain.errors import InvalidCursorError

_MAC_BYTES = 10
_BLOCK_BYTES = 64
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
#: The name that places in the event log are bound to.
LOG = "log"
#: The hexadecimal digits of a place, as many for each, so that cursors of the log compare as their places do.
_PLACE_DIGITS = 16
_PLACE = re.compile(f"[0-9a-f]{{{_PLACE_DIGITS}}}")


class CursorCodec:
    """The encoding of positions as cursors, under a key that all processes of one database share."""

    def __init__(self, key: bytes) -> None:
        short = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
        self._inner, self._outer = _begun(short, 0x36), _begun(short, 0x5C)
        #: For cursors of lists: a page has one for each of its items, and HMAC takes three times as long.
        self._keyed = hashlib.blake2b(key=short, digest_size=_MAC_BYTES)

    def position(self, seq: int) -> str:
        """Return the cursor of a position in the event log: of two, the greater text is the later place."""
        place = f"{seq:0{_PLACE_DIGITS}x}"
        return place + _text(self._mac(f"{LOG} {place}".encode()))

    def read_position(self, cursor: str, *, field: str = "after") -> int:
        """Return the position in the event log behind a cursor.

        Raises:
            InvalidCursorError: this database did not issue it for the log.
        """
        place = cursor[:_PLACE_DIGITS]
        # The text that was issued and no other: int() takes more than one text for a number.
        if cursor.isascii() and _PLACE.fullmatch(place):
            seq = int(place, 16)
            if hmac.compare_digest(cursor, self.position(seq)):
                return seq
        return int(self._decoded(LOG, cursor, field=field)[0])

    def encode(self, name: str, values: Sequence[Any]) -> str:
        """Return the cursor of a position in the list of that name and order."""
        if name == LOG:
            return self.position(*values)
        payload = orjson.dumps([name, *values])
        return _text(self._signed(payload) + payload)

    def decode(self, name: str, cursor: str, *, field: str = "after") -> list[Any]:
        """Return the values behind a cursor of that list.

        Raises:
            InvalidCursorError: it was tampered with, or belongs to another list, order or database.
        """
        return [self.read_position(cursor, field=field)] if name == LOG else self._decoded(name, cursor, field=field)

    def _decoded(self, name: str, cursor: str, *, field: str) -> list[Any]:
        """Return the values behind a cursor that holds its name; those of the log did, too, in former versions.

        These were signed by HMAC, as all cursors were.
        """
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError as error:
            raise InvalidCursorError(field=[field]) from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        is_signed = hmac.compare_digest(mac, self._signed(payload)) or hmac.compare_digest(mac, self._mac(payload))
        # The decoder ignores junk and unused bits: only the exact text that was issued is a valid cursor.
        if not is_signed or _text(raw) != cursor:
            raise InvalidCursorError(field=[field])
        found, *values = orjson.loads(payload)
        if found != name:
            raise InvalidCursorError(field=[field])
        return list(values)

    def _signed(self, payload: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(payload)
        return keyed.digest()

    def _mac(self, payload: bytes) -> bytes:
        # The two steps of HMAC (RFC 2104) from states that are kept.
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        mac: bytes = outer.digest()
        return mac[:_MAC_BYTES]


def _begun(key: bytes, pad: int) -> Any:
    return hashlib.sha256(bytes(byte ^ pad for byte in key.ljust(_BLOCK_BYTES, b"\0")))


def _text(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()
