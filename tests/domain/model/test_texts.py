"""The rules for texts."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import InvalidInputError
from domain.model.texts import (
    as_line,
    checked_callers_key,
    checked_dedupe_key,
    checked_description,
    checked_label,
    checked_message,
    checked_name,
    checked_title,
    checked_url,
    fitted_text,
    is_blank,
    is_line,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def _key(text: str) -> str:
    return checked_callers_key(text, field="idempotencyKey", noun="Idempotency key")


REFUSED: dict[str, tuple[Callable[[str], object], str, str]] = {
    "an empty title": (checked_title, "", "title"),
    "a blank title": (checked_title, " \t\n", "title"),
    "a title of 201 characters": (checked_title, "x" * 201, "title"),
    "a title with a NUL": (checked_title, "a\0b", "title"),
    "a title with half of a surrogate pair": (checked_title, "a\ud800b", "title"),
    "a title of two lines": (checked_title, "a\nb", "title"),
    "a title with a tab": (checked_title, "a\tb", "title"),
    "a title of two lines as Unicode has them": (checked_title, "a\u2028b", "title"),
    "a title of two paragraphs": (checked_title, "a\u2029b", "title"),
    "a title with a terminal escape": (checked_title, "a\x1b[31mb", "title"),
    "a title with a delete": (checked_title, "a\x7fb", "title"),
    "a title with a C1 control": (checked_title, "a\x9b31mb", "title"),
    "a title with a next line": (checked_title, "a\x85b", "title"),
    "a title with a right-to-left override": (checked_title, "a\u202eb", "title"),
    "a title with an embedding": (checked_title, "a\u202ab\u202c", "title"),
    "a title with an isolate": (checked_title, "a\u2066b\u2069", "title"),
    "a title of zero-width spaces": (checked_title, "\u200b\u200b", "title"),
    "a title of joiners and marks of direction": (checked_title, "\u200d\u200c\u200e\u200f\u061c\u2060\ufeff", "title"),
    "a title of Hangul fillers": (checked_title, "\u3164\uffa0\u115f\u1160", "title"),
    "a title of a blank Braille pattern": (checked_title, "\u2800", "title"),
    "a title of soft hyphens": (checked_title, "\xad", "title"),
    "a title of tags": (checked_title, "\U000e0067\U000e007f", "title"),
    "a title of variation selectors": (checked_title, "\ufe0f\U000e0100", "title"),
    "a title of marks alone": (checked_title, "\u0301\u20dd\u093e", "title"),
    "a title of places without a sign": (checked_title, "\u2065\U000e0fff", "title"),
    "a name of two lines": (checked_name, "a\nb", "name"),
    "a name of 201 characters": (checked_name, "x" * 201, "name"),
    "a name of nothing to see": (checked_name, "\u200b", "name"),
    "a message with a terminal escape": (checked_message, "a\x1b[31mb", "message"),
    "a message with a form feed": (checked_message, "a\x0cb", "message"),
    "a message with a C1 control": (checked_message, "a\x9bb", "message"),
    "a message with half of a surrogate pair": (checked_message, "a\udfff", "message"),
    "a message of nothing to see": (checked_message, "\u200b\n\u3164", "message"),
    "a description of nothing to see": (checked_description, "\u200b", "description"),
    "a description with a terminal escape": (checked_description, "\x1b[2Jb", "description"),
    "a dedupe key of two lines": (checked_dedupe_key, "a\nb", "dedupeKey"),
    "a dedupe key of nothing to see": (checked_dedupe_key, "\u200b", "dedupeKey"),
    "a label of two lines": (checked_label, "a\nb", "label"),
    "a label of nothing to see": (checked_label, "\u200b", "label"),
    "a caller's blank key": (_key, " ", "idempotencyKey"),
    "a caller's key of two lines": (_key, "a\n", "idempotencyKey"),
    "a caller's key of 201 characters": (_key, "x" * 201, "idempotencyKey"),
    "an empty message": (checked_message, "", "message"),
    "a message of 25,001 characters": (checked_message, "x" * 25_001, "message"),
    "a description of 20,001 characters": (checked_description, "x" * 20_001, "description"),
    "a dedupe key of 201 characters": (checked_dedupe_key, "x" * 201, "dedupeKey"),
    "a label of 121 characters": (checked_label, "x" * 121, "label"),
}


@pytest.mark.parametrize(("check", "text", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_text_that_cannot_be_accepted_names_its_field(check: Callable[[str], object], text: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check(text)
    assert caught.value.field == [field]


ACCEPTED: dict[str, tuple[Callable[[Any], object], str | None, str | None]] = {
    "space around a title goes": (checked_title, "  Down  ", "Down"),
    "the longest title": (checked_title, "x" * 200, "x" * 200),
    "the longest message": (checked_message, "x" * 25_000, "x" * 25_000),
    "an emoji of joined ones": (checked_title, FAMILY, FAMILY),
    "an emoji of tags": (checked_title, SCOTLAND, SCOTLAND),
    "an emoji that is newer than we are": (checked_title, "\U0001fadf", "\U0001fadf"),
    "a non-joiner in Persian": (checked_title, "\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
    "a joiner in Hindi": (checked_title, "\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
    "a mark of direction in Hebrew": (checked_title, "\u05d0\u200f!", "\u05d0\u200f!"),
    "line breaks of any system": (checked_message, "a\r\nb\rc\nd\r", "a\nb\nc\nd"),
    "tabs of a message": (checked_message, "a\tb", "a\tb"),
    "isolates in a message": (checked_message, "\u2067\u05d0\u2069 ok", "\u2067\u05d0\u2069 ok"),
    "a caller's key stays as it is": (_key, " a ", " a "),
    "a blank description is none": (checked_description, "  ", None),
    "no description": (checked_description, None, None),
    "a blank dedupe key is the common one": (checked_dedupe_key, " ", ""),
    "no dedupe key is the common one": (checked_dedupe_key, None, ""),
    "a blank label is none": (checked_label, " ", None),
    "no label": (checked_label, None, None),
    "the longest label": (checked_label, "x" * 120, "x" * 120),
}


@pytest.mark.parametrize(("check", "text", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_texts_are_trimmed_and_blank_ones_are_none(
    check: Callable[[Any], object], text: str | None, expected: str | None
) -> None:
    assert check(text) == expected


@pytest.mark.parametrize(
    "character",
    [
        *"\u2800\ufffc\U00013441\U00013442\U0001d159",
        *"\u115f\u1160\u3164\uffa0\u2065\ufff0\ufff8\U000e0000\U000e0fff",
        *"\ufdd0\ufdef\ufffe\uffff\U0001fffe\U0010ffff",
        *"\u17b4\u034f\u180e\u2064\ufff9\U0001bca0\U0001d173\u3000\u1680",
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_invisible_characters_are_no_text_however_many(character: str) -> None:
    for text in (character, f" {character * 3}\u200b {character}"):
        for check in (checked_title, checked_name, checked_message, checked_label, checked_description, _key):
            if text.strip():
                with pytest.raises(InvalidInputError):
                    check(text)
        assert is_blank(text)
        assert as_line(text) is None
        assert fitted_text(text, longest=9) is None
    assert checked_title(f"a{character}b") == f"a{character}b"


@pytest.mark.parametrize("character", "\ufffd\u303f\u2422\U0001d157\u2205\ue000\U0001f1e9\U0001fffd\u0663\ua837")
def test_a_text_with_a_visible_character_is_accepted(character: str) -> None:
    assert checked_title(character) == character


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example.com/runbooks/1?q=a%20b#top",
        "http://localhost:3000",
        "HTTPS://Example.com/",
        "https://[::1]:8080/x",
        "https://bücher.example/ä",
        "https://\u0939\u093f\u0928\u094d\u0926\u0940.example/",
        "https://example.com./(a)|{b}",
    ],
)
def test_absolute_http_addresses_are_links(url: str) -> None:
    assert checked_url(f" {url} ") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "not a url",
        "/relative",
        "//host/path",
        "www.example.com",
        "https://",
        "https:///path",
        "http:/one-slash",
        "ftp://example.com/file",
        "javascript:alert(1)",
        "data:text/html,<script>",
        "mailto:a@example.com",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/\u202e",
        "https://exam\0ple.com",
        "https://.example/",
        "https://a..example/",
        "https://%20/",
        "https://\u3164/",
        "https://a.\u2800/",
        "https://exa mple.com/",
        'https://example.com/"',
        "https://example.com/'x'",
        "https://example.com/`x`",
        "https://example.com/<b>",
        "https://example.com\\@evil.example/",
        "https://example.com/\\..",
        "https://example.com/\u3164",
        "https://example.com/\xa0b",
        "https://example.com/\u200b",
        "https://user@host.example/",
        "https://user:password@host.example/",
        "https://@host.example/",
        "https://example.com:0/",
        "https://example.com:70000/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_an_address_of_another_form_is_no_link(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_url(url)
    assert caught.value.field == ["url"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  Ada\tLovelace\n", "Ada Lovelace"),
        ("\x1b[31mAda\u202e", "[31mAda"),
        ("a\0b\ud800c", "a b c"),
        ("x" * 300, "x" * 200),
        ("\u200b\u3164", None),
        (" ", None),
    ],
)
def test_a_foreign_text_is_shown_in_one_line_or_not_at_all(text: str, shown: str | None) -> None:
    assert as_line(text, longest=200) == shown


@pytest.mark.parametrize(
    ("text", "expected"), [("a  b", True), ("", False), ("\u200b", False), ("a\nb", False), ("a\x1bb", False)]
)
def test_a_line_has_a_visible_character_and_no_controls(text: str, expected: bool) -> None:
    assert is_line(text) is expected
