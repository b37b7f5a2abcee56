"""The words of the status page: the same in every language, with numbers and dates of each."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gql.web.status.texts import language_for, languages

TEMPLATES = Path(__file__).parents[3] / "gql" / "static" / "status" / "templates"
NOW = datetime(2026, 11, 30, 14, 2, tzinfo=UTC)
PLACEHOLDER = re.compile(r"{(\w+)}")


def leaves(texts: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in texts.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{start}{name}.")
        else:
            yield f"{start}{name}", value


def shapes(code: str) -> dict[str, Any]:
    """Return for each key the placeholders of its text, or the length of its list."""
    return {
        key: len(value) if isinstance(value, list) else set(PLACEHOLDER.findall(value))
        for key, value in leaves(languages()[code]._texts)
    }


@pytest.mark.parametrize("code", sorted(set(languages()) - {"en"}))
def test_every_language_has_the_same_texts_with_the_same_placeholders(code: str) -> None:
    english, other = shapes("en"), shapes(code)
    # Word order decides which of a date's parts a language needs.
    dates = {key for key in english if key.startswith("date")}
    assert {key: value for key, value in other.items() if key not in dates} == {
        key: value for key, value in english.items() if key not in dates
    }
    assert {name: word for name, word in leaves(languages()[code]._texts) if not word} == {}


def test_every_text_that_a_template_says_exists() -> None:
    said = {key for path in TEMPLATES.glob("*.html") for key in re.findall(r't\("([a-z_.]+)"[,)]', path.read_text())}
    known = {key.removesuffix(".one").removesuffix(".other") for key in shapes("en")}
    assert len(said) > 30
    assert said - known == set()


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100 %"), (0.999999, "99.99 %"), (0.9995, "99.95 %"), (0.5, "50 %"), (0, "0 %"), (0.07, "7 %")],
)
def test_an_uptime_is_never_rounded_up(share: float, shown: str) -> None:
    assert languages()["en"].percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((0, "less than a minute"), (59, "less than a minute"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h")),
        *((5_400, "1 h 30 min"), (86_400, "1 d 0 h"), (100_000, "1 d 3 h")),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, shown: str) -> None:
    assert languages()["en"].duration(seconds) == shown


def test_moments_are_elements_with_their_zone_and_their_year_where_it_is_another() -> None:
    english, german = languages()["en"], languages()["de"]
    assert english.moment(NOW, NOW) == '<time datetime="2026-11-30T14:02:00.000Z">30 November, 14:02 UTC</time>'
    assert german.plain_moment(NOW, NOW.replace(year=2027)) == "30. November 2026, 14:02 UTC"


def test_what_is_put_into_a_text_is_escaped() -> None:
    assert languages()["de"].say("state.down.one", name="<b>{n}") == "&lt;b&gt;{n} ist nicht verfügbar."


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, de;q=0.5, en;q=0.7", "en"),
        ("en;q=0, de;q=0.1", "de"),
        ("fr", "en"),
        ("*", "en"),
        ("de;q=broken, en", "en"),
        ("," * 10_000 + "de", "en"),
    ],
)
def test_the_language_is_what_the_reader_prefers_of_those_that_are_known(accepted: str, code: str) -> None:
    assert language_for("auto", accepted).code == code


def test_the_language_of_the_setting_is_that_of_all_readers() -> None:
    assert language_for("de", "en").code == "de"
