"""Type-prefixed, time-ordered identifiers: one and the same in GraphQL, logs and the database."""

import hashlib
import os
import secrets
import threading
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: Two letters at a time: every request has an id, and letter by letter it would take as long as parsing one.
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
#: A letter for each value of a byte, each letter as often as any other.
_LETTERS = _ALPHABET.encode() * 8
_SUFFIX_LENGTH = 26
_SHIFTS = tuple(range(120, -1, -10))
_LOW = (1 << 62) - 1
_lock = threading.Lock()
_last = 0


def new_id(prefix: str, *, millis: int | None = None) -> str:
    """Return a fresh id such as `inc_01h455vb4pex5vsknk084sn02q`; later ids of one process sort after earlier ones.

    UUIDv7 (RFC 9562, 5.7) in TypeID's base 32 form. `millis` is a Unix time for ids of past things, else now.
    """
    stamp = _next_stamp() if millis is None else millis << 12 | secrets.randbits(12)
    drawn = os.urandom(13)
    # As `_encode` has it after `_laid_out`, but for the last 60 bits, which need not be a number to become letters.
    head = stamp >> 12 << 20 | 0x7 << 16 | (stamp & 0xFFF) << 4 | 0b10 << 2 | drawn[12] & 0b11
    pairs = _PAIRS
    return (
        f"{prefix}_{pairs[head >> 60]}{pairs[head >> 50 & 1023]}{pairs[head >> 40 & 1023]}{pairs[head >> 30 & 1023]}"
        f"{pairs[head >> 20 & 1023]}{pairs[head >> 10 & 1023]}{pairs[head & 1023]}"
        f"{drawn[:12].translate(_LETTERS).decode()}"
    )


def prefix_of(identifier: str) -> str | None:
    """Return the type prefix of a well-formed id, or None for anything else."""
    prefix, separator, suffix = identifier.rpartition("_")
    if not separator or not prefix or len(suffix) != _SUFFIX_LENGTH or not set(suffix) <= set(_ALPHABET):
        return None
    return prefix


def is_id(text: str, prefix: str) -> bool:
    """Return whether the text has the form of an id of that type.

    Only such texts may reach a query: PostgreSQL refuses some others instead of finding nothing.
    """
    return prefix_of(text) == prefix


def with_prefix(identifier: str, prefix: str) -> str:
    """Return the id with another prefix, for a part that exists once per object and has no id of its own."""
    return f"{prefix}_{identifier.rpartition('_')[2]}"


def derived_id(prefix: str, *names: str, millis: int) -> str:
    """Return the id that these names always have with that Unix time, for things that another program has named.

    Of the form of UUIDv7; its random bits are a digest (RFC 9562, 6.9 leaves their making open).
    """
    drawn = int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:10], "big")
    return f"{prefix}_{_encode(_laid_out(millis << 12 | drawn >> 62 & 0xFFF, drawn))}"


def millis_of(identifier: str) -> int:
    """Return the Unix time at which an id was made."""
    number = 0
    for letter in identifier.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(letter)
    return number >> 80


def _next_stamp() -> int:
    """Return the Unix time in 4096ths of a millisecond, never the same twice (RFC 9562, 6.2 method 3)."""
    global _last  # noqa: PLW0603 - the one counter that makes ids of a process monotonic
    stamp = (time.time_ns() << 12) // 1_000_000
    with _lock:
        if stamp <= _last:
            stamp = _last + 1
        _last = stamp
    return stamp


def _laid_out(stamp: int, drawn: int) -> int:
    return (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | drawn & _LOW


def _encode(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
