"""Cursors are opaque, signed and bound to their list."""

import base64
import hashlib
import hmac
import string
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidCursorError
from domain.model.cursor import CursorCodec
from tests.examples import examples

CODEC = CursorCodec(b"k" * 32)
ALPHABET = string.ascii_letters + string.digits + "-_"
JUNK = "+/=!. \né"
names = st.text(alphabet=string.ascii_lowercase + ":", min_size=1, max_size=12)
values = st.lists(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    max_size=4,
)


@examples(60)
@given(name=names, position=values)
def test_a_cursor_decodes_to_the_values_encoded(name: str, position: list[Any]) -> None:
    assert CODEC.decode(name, CODEC.encode(name, position)) == position


@examples(60)
@given(seq=st.integers(min_value=0, max_value=2**63 - 1))
def test_a_log_cursor_decodes_to_the_position_encoded(seq: int) -> None:
    assert CODEC.read_position(CODEC.position(seq)) == seq


@examples(60)
@given(name=names, position=values, data=st.data())
def test_a_tampered_cursor_never_decodes_to_another_position(
    name: str, position: list[Any], data: st.DataObject
) -> None:
    cursor = CODEC.encode(name, position)
    start = data.draw(st.integers(0, len(cursor)))
    end = data.draw(st.integers(start, len(cursor)))
    tampered = cursor[:start] + data.draw(st.text(ALPHABET + JUNK, max_size=3)) + cursor[end:]

    with suppress(InvalidCursorError):
        assert CODEC.decode(name, tampered) == position


#: Their lengths leave two, four and zero bits of the last character unused.
PLACES = [3, 30, 300]


@pytest.mark.parametrize("seq", PLACES)
def test_every_change_of_one_character_is_refused(seq: int) -> None:
    cursor = CODEC.position(seq)
    tampered = {cursor[:i] + letter + cursor[i + 1 :] for i in range(len(cursor)) for letter in ["", *ALPHABET, *JUNK]}

    assert _accepted(tampered - {cursor}) == []


@pytest.mark.parametrize("seq", PLACES)
def test_every_additional_character_is_refused(seq: int) -> None:
    cursor = CODEC.position(seq)

    assert (
        _accepted({cursor[:i] + letter + cursor[i:] for i in range(len(cursor) + 1) for letter in ALPHABET + JUNK})
        == []
    )


@examples(60)
@given(name=names, other=names, position=values)
def test_a_cursor_of_another_list_is_refused(name: str, other: str, position: list[Any]) -> None:
    if name != other:
        _refused(other, CODEC.encode(name, position))


def test_a_cursor_of_another_database_is_refused() -> None:
    with pytest.raises(InvalidCursorError):
        CursorCodec(b"another key").read_position(CODEC.position(3))


def test_a_cursor_of_a_list_is_no_position_in_the_log() -> None:
    with pytest.raises(InvalidCursorError):
        CODEC.read_position(CODEC.encode("created_at:desc", [3]))


@pytest.mark.parametrize("text", ["", "a", "abc", "{}", "0", "\0", "💥", "a" * 10_000])
def test_a_malformed_cursor_is_refused(text: str) -> None:
    _refused("log", text)


def test_a_position_without_its_signature_is_refused() -> None:
    payload = base64.urlsafe_b64encode(b'["log",3]').rstrip(b"=").decode()

    _refused("log", payload)


def test_a_refusal_names_the_field_at_fault() -> None:
    with pytest.raises(InvalidCursorError) as caught:
        CODEC.decode("log", "nonsense", field="before")

    assert caught.value.field == ["before"]


def _refused(name: str, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        CODEC.decode(name, cursor)


def _accepted(cursors: Iterable[str]) -> list[str]:
    accepted = []
    for cursor in sorted(cursors):
        with suppress(InvalidCursorError):
            CODEC.read_position(cursor)
            accepted.append(cursor)
    return accepted


@examples(60)
@given(places=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)))
def test_cursors_of_the_log_compare_as_their_places_do(places: tuple[int, int]) -> None:
    one, other = places

    assert (CODEC.position(one) < CODEC.position(other)) is (one < other)
    assert len(CODEC.position(one)) == len(CODEC.position(other))


def test_a_cursor_of_the_log_that_a_former_version_issued_is_readable() -> None:
    former = "r2sGys_StpbUBFsibG9nIiw0Ml0"

    assert CODEC.read_position(former) == 42
    assert CODEC.decode("log", former) == [42]
    _refused("log", former[:-1] + "1")


def test_a_cursor_of_a_list_that_a_former_version_issued_is_readable() -> None:
    former = "9GVxs_jUJ6idhVsiaW5jaWRlbnRzOnRpdGxlOmFzYyIsIkzDrW5lYSBcIlxuXHUwMDFmfyDngasiLCJpbmNfMSIsMyxudWxsXQ"

    assert CODEC.decode("incidents:title:asc", former) == ['L\xednea "\n\x1f\x7f \u706b', "inc_1", 3, None]
    _refused("incidents:title:desc", former)
    _refused("incidents:title:asc", former[:-1] + "R")


def test_a_cursor_that_was_issued_earlier_is_issued_again() -> None:
    texts = 'L\xednea "\n\x1f\x7f \u706b'

    assert CODEC.position(42) == "000000000000002aoBn_QTkhTJxF4g"
    assert CODEC.encode("incidents:title:asc", [texts, "inc_1", 3, None]) == (
        "W9nBVxDcjSQ5Y1siaW5jaWRlbnRzOnRpdGxlOmFzYyIsIkzDrW5lYSBcIlxuXHUwMDFmfyDngasiLCJpbmNfMSIsMyxudWxsXQ"
    )


def test_a_key_longer_than_a_block_signs_as_hmac_has_it() -> None:
    key = bytes(range(100))
    place = CursorCodec(key).position(7)

    assert base64.urlsafe_b64decode(place[16:] + "==") == hmac.digest(key, f"log {place[:16]}".encode(), "sha256")[:10]


def test_cursors_of_lists_are_signed_as_blake2_has_it() -> None:
    key = b"k" * 32
    raw = base64.urlsafe_b64decode(CODEC.encode("l", [7]) + "==")

    assert raw[:10] == hashlib.blake2b(raw[10:], key=key, digest_size=10).digest()
