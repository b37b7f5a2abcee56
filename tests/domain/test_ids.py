"""Identifiers: prefixed, ordered by time, never twice."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.ids import new_id, prefix_of

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _number(identifier: str) -> int:
    value = 0
    for character in identifier.rpartition("_")[2]:
        value = value << 5 | ALPHABET.index(character)
    return value


def test_an_id_has_its_prefix_and_26_characters() -> None:
    identifier = new_id("inc")
    assert identifier.startswith("inc_")
    assert len(identifier) == 30


def test_an_id_is_a_uuid_of_version_7_with_the_time_first() -> None:
    number = _number(new_id("inc"))
    assert (number >> 76 & 0xF, number >> 62 & 0b11) == (7, 0b10)
    assert abs((number >> 80) - time.time() * 1000) < 5_000


def test_the_time_of_an_id_can_be_given() -> None:
    assert _number(new_id("inc", millis=1_700_000_000_123)) >> 80 == 1_700_000_000_123


def test_ids_of_one_process_are_sorted_also_within_a_millisecond() -> None:
    ids = [new_id("inc") for _ in range(5_000)]
    assert ids == sorted(ids)


def test_ids_go_on_upwards_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    last = new_id("inc")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    ids = [last, *(new_id("inc") for _ in range(3))]
    assert ids == sorted(set(ids))


def test_ids_made_on_many_threads_are_unique() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = [
            identifier
            for batch in threads.map(lambda _: [new_id("x") for _ in range(500)], range(8))
            for identifier in batch
        ]
    assert len(set(ids)) == 4_000


@pytest.mark.parametrize("millis", [None, 1_700_000_000_123], ids=["now", "of the past"])
def test_the_last_letters_of_ids_can_be_any(millis: int | None) -> None:
    ids = [new_id("x", millis=millis) for _ in range(5_000)]
    assert [set(letters) for letters in zip(*(identifier[-12:] for identifier in ids), strict=True)] == [
        set(ALPHABET)
    ] * 12
    # The bits of the variant are in the letter before them, with two that are drawn as well.
    assert {identifier[-13] for identifier in ids} >= set(ALPHABET[8:12])


@pytest.mark.parametrize("prefix", ["inc", "upd", "a_b"])
def test_the_prefix_of_an_id_is_parsed(prefix: str) -> None:
    assert prefix_of(new_id(prefix)) == prefix


@pytest.mark.parametrize(
    "text",
    ["", "inc", "inc_", "_" + "0" * 26, "inc_" + "0" * 25, "inc_" + "0" * 27, "inc_" + "u" * 26, "inc_" + "A" * 26],
)
def test_a_malformed_id_has_no_prefix(text: str) -> None:
    assert prefix_of(text) is None
