"""Words of texts for search."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from domain.model.words import Word, check_search, query_of, words_of
from tests.examples import examples

STORED = {
    "letters and digits, folded": ("Die Straße_1: ﬁx-it!", ["die", "strasse", "1", "fix", "it"]),
    "long words, cut": ("x" * 100, ["x" * 64]),
    "accents of Latin, Greek and Cyrillic": ("Café ÅNGSTRÖM Ελλάς Ёлка", ["cafe", "angstrom", "ελλασ", "елка"]),
    "letters with a stroke": ("Łódź Øre æon ŒUVRE Þór", ["lodz", "ore", "aeon", "oeuvre", "thor"]),
    "a dot or none": ("İstanbul ILIK ılık", ["istanbul", "ilik", "ilik"]),
    "vowel signs of Hindi": ("हिन्दी में", ["हिन्दी", "में"]),
    "points of Hebrew": ("שָׁלוֹם", [unicodedata.normalize("NFC", "שָׁלוֹם")]),
    "Han by pairs": ("本番障害", ["本番", "番障", "障害", "害"]),
    "one character of Han": ("害", ["害"]),
    "Han beside Latin": ("DC1障害", ["dc1", "障害", "害"]),
    "half-width Kana": ("ﾃﾞｽﾄ", ["デス", "スト", "ト"]),
    "Hangul by pairs": ("결제가", ["결제", "제가", "가"]),
    "Thai with its marks": ("กี่นา", ["กี่น", "นา", "า"]),
    "emoji": ("🔥🚀 down🔥", ["🔥", "🚀", "down", "🔥"]),
    "emoji without joiners and tones": (
        "👨\u200d👩 👍🏽 ❤\ufe0f 1\ufe0f\u20e3",
        ["👨", "👩", "👍", "❤", "1"],
    ),
    "flags by pairs": ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
    "what cannot be seen, gone": ("pay\xadment می\u200cخواهم", ["payment", "میخواهم"]),
    "zero-width spaces, between words": ("pay\u200bment", ["pay", "ment"]),
    "signs, between words": ("a+b=c £5 90°C", ["a", "b", "c", "5", "90", "c"]),
}


@pytest.mark.parametrize(("text", "words"), STORED.values(), ids=STORED.keys())
def test_a_text_is_stored_as(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_the_last_word_of_a_query_may_be_a_prefix() -> None:
    assert query_of("Pay fails") == (Word(parts=("pay",), prefix=False), Word(parts=("fails",), prefix=True))


def test_text_without_spaces_is_searched_by_pairs_of_characters() -> None:
    han = Word(parts=("本番", "番障"), prefix=True)
    assert query_of("本番障 DC1") == (han, Word(parts=("dc1",), prefix=True))
    assert query_of("害 x") == (Word(parts=("害",), prefix=True), Word(parts=("x",), prefix=True))


def test_words_that_occur_twice_in_a_query_count_once() -> None:
    assert query_of("a a a") == (Word(parts=("a",), prefix=False), Word(parts=("a",), prefix=True))


@pytest.mark.parametrize("text", ["", " ", "?!", "_", "\u0301", "\u200b", "\0"])
def test_a_text_without_words_searches_for_nothing(text: str) -> None:
    assert query_of(text) == ()
    assert words_of(text) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([" ".join(map(str, range(33)))], "This searches for 33 words, and 32 is the most; in scripts without"),
        (["a b " * 5, " ".join(map(str, range(30)))], "This searches for 33 words"),
        (["".join(map(chr, range(0x4E00, 0x4E00 + 34)))], "This searches for 33 words"),
        (["x" * 1_001], "A text to search for may have 1,000 characters."),
    ],
    ids=["one text", "two texts", "without spaces", "long"],
)
def test_too_many_words_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        check_search(texts)
    assert caught.value.field == ["filter", "text"]


def test_as_many_words_as_are_allowed_pass() -> None:
    most = [" ".join(map(str, range(32))), "?"]
    check_search(most)
    check_search(["x" * 1_000])
    with pytest.raises(InvalidInputError):
        check_search([*most, "more"])


@examples(100)
@given(st.text())
def test_words_find_themselves_and_contain_no_query_syntax(text: str) -> None:
    words = words_of(text)
    assert all(0 < len(word) <= 64 for word in words)
    assert not set(" '\"\\*:&|!()<-\0") & set("".join(words))
    for word in words:
        asked = query_of(word)
        assert all(any(stored.startswith(part) for stored in words) for each in asked for part in each.parts)


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_those_that_they_are_beside_other_letters(text: str) -> None:
    assert words_of(text) == words_of(f"{text} \u00e9")[:-1]
