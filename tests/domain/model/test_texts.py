"""What texts may say."""

from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import InvalidInputError
from domain.model.texts import (
    checked_dedupe_key,
    checked_description,
    checked_label,
    checked_message,
    checked_title,
    checked_url,
)

REFUSED: dict[str, tuple[Callable[[str], object], str, str]] = {
    "an empty title": (checked_title, "", "title"),
    "a blank title": (checked_title, " \t\n", "title"),
    "a title of 201 characters": (checked_title, "x" * 201, "title"),
    "a title with a NUL": (checked_title, "a\0b", "title"),
    "an empty message": (checked_message, "", "message"),
    "a message of 20,001 characters": (checked_message, "x" * 20_001, "message"),
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
    "the longest message": (checked_message, "x" * 20_000, "x" * 20_000),
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
    "url",
    [
        "https://wiki.example.com/runbooks/1?q=a%20b#top",
        "http://localhost:3000",
        "HTTPS://Example.com/",
        "https://[::1]:8080/x",
        "https://bücher.example/ä",
        "https://user@host.example/",
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
        "https://example.com:0/",
        "https://example.com:70000/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_anything_else_is_not_a_link(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_url(url)
    assert caught.value.field == ["url"]
