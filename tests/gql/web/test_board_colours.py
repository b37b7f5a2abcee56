"""The colours of all pages: words can be read on every background in every theme, whatever comes to stand on what."""

import re
from itertools import product

import pytest

from gql.web import board
from gql.web.status.colors import Color, color_of, contrast

_WORDS = ("text", "muted", "accent", "critical", "major", "minor", "good", "maintenance")
_PLAIN = ("page", "surface", "sunken")
_TINTS = ("tint-critical", "tint-major", "tint-minor", "tint-good", "tint-accent")
#: What words have, and shapes: WCAG 2.2, 1.4.3 and 1.4.11; high contrast is 1.4.6.
_AA, _SHAPES, _AAA = 4.5, 3.0, 7.0
_SETS = list(product(("usual", "contrast"), ("light", "dark")))
_SHEET = board.styles()


class Colors:
    """The colours of a theme by their names."""

    def __init__(self, name: str, scheme: str) -> None:
        self._is_dark = scheme == "dark"
        self._values = _declared(r":root")
        if name == "contrast":
            self._values |= _declared(r':root\[data-theme="contrast"\]')

    def __getitem__(self, name: str) -> Color:
        value = self._values[name]
        if mixed := re.fullmatch(r"color-mix\(in srgb, var\(--([\w-]+)\) (\d+)%, var\(--([\w-]+)\)\)", value):
            share = int(mixed[2]) / 100
            red, green, blue = (
                round(one * share + other * (1 - share))
                for one, other in zip(self[mixed[1]], self[mixed[3]], strict=True)
            )
            return red, green, blue
        both = re.fullmatch(r"light-dark\((#\w{6}), (#\w{6})\)", value)
        assert both is not None, value
        return color_of(both[1 + self._is_dark])


def _declared(selector: str) -> dict[str, str]:
    found = re.search(rf"^{selector} \{{([^}}]*)\}}", _SHEET, flags=re.MULTILINE)
    assert found is not None
    return dict(re.findall(r"--([\w-]+): ([^;]+);", found[1]))


@pytest.mark.parametrize(("name", "scheme"), _SETS)
def test_words_are_read_on_every_background(name: str, scheme: str) -> None:
    colors = Colors(name, scheme)
    least = _AAA if name == "contrast" else _AA
    pairs = [
        *product(_WORDS, (*_PLAIN, *_TINTS)),
        ("on-accent", "accent"),
        *(("on-mark", mark) for mark in ("critical", "major", "minor", "good", "maintenance")),
    ]
    assert [pair for pair in pairs if contrast(colors[pair[0]], colors[pair[1]]) < least] == []


@pytest.mark.parametrize(("name", "scheme"), _SETS)
def test_the_borders_of_controls_are_seen(name: str, scheme: str) -> None:
    colors = Colors(name, scheme)
    assert [where for where in _PLAIN if contrast(colors["control"], colors[where]) < _SHAPES] == []


def test_high_contrast_is_the_same_by_hand_and_by_the_system() -> None:
    by_system = re.search(r"prefers-contrast: more\) \{\s*:root:not[^{]*\{([^}]*)\}", _SHEET)
    assert by_system is not None
    assert dict(re.findall(r"--([\w-]+): ([^;]+);", by_system[1])) == _declared(r':root\[data-theme="contrast"\]')


def test_texts_have_only_the_colours_of_words() -> None:
    found = set(re.findall(r"(?:^|[;{ ])color: var\(--([\w-]+)\)", _SHEET))
    assert found - {*_WORDS, "on-accent", "on-mark"} == set()
