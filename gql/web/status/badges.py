"""The state for other sites: badges as pictures, and one sentence as JSON."""

import math
import unicodedata

import orjson
from markupsafe import Markup

from domain.errors import NotFoundError
from domain.model.moment import iso
from domain.model.texts import cut
from gql.web.status.kept import Made
from gql.web.status.reading import Reader
from gql.web.status.state import kind_of, state_of
from gql.web.status.texts import Texts

#: White can be read on each of them.
_COLORS = {
    "good": "#17744a",
    "healthy": "#17744a",
    "none": "#595e64",
    "maintenance": "#1f5fa6",
    "minor": "#7d6000",
    "degraded": "#a84a06",
    "major": "#a84a06",
    "unhealthy": "#c0241c",
    "critical": "#c0241c",
}
_LONGEST_NAME, _LONGEST_SENTENCE = 40, 60
_PADDING = 8
#: The width of a letter of 11 pixels; the text is fitted to the place that this makes for it.
_USUAL, _FULL = 6.2, 11.0
_SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}">'
    '<title>{label}</title><clipPath id="c"><rect width="{width}" height="20" rx="4"/></clipPath>'
    '<g clip-path="url(#c)"><rect width="{left}" height="20" fill="#3b4046"/>'
    '<rect x="{left}" width="{right}" height="20" fill="{color}"/></g>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
    '<text x="{name_at}" y="14" textLength="{name_width}">{name}</text>'
    '<text x="{word_at}" y="14" textLength="{word_width}">{word}</text></g></svg>'
)


async def badge(reader: Reader, texts: Texts, key: str | None = None) -> Made:
    """Return the badge of a system, or of all of them, as SVG.

    Raises:
        NotFoundError: there is no system with that key.
    """
    page = await reader.state()
    now = reader.now()
    if key is None:
        state = state_of(page, texts, now)
        name, word, kind = reader.site, _plain(state.sentence), state.kind
    else:
        shown = next((each for each in page.systems if each.system.key == key), None)
        if shown is None:
            raise NotFoundError("System", key, field=["key"])
        kind = kind_of(shown)
        name, word = shown.system.name, _plain(texts.say(f"health.{kind}"))
    picture = _drawn(cut(name, _LONGEST_NAME), cut(word, _LONGEST_SENTENCE), _COLORS[kind])
    return Made(position=page.position, at=now, content=picture.encode())


async def summary(reader: Reader, texts: Texts) -> Made:
    """Return the state in one sentence, as JSON for pages of any origin."""
    page = await reader.state()
    now = reader.now()
    state = state_of(page, texts, now)
    content = {
        "name": reader.site,
        "kind": state.kind,
        "sentence": _plain(state.sentence),
        "openIncidents": len(page.open),
        "language": texts.code,
        "updatedAt": iso(page.updated_at),
    }
    return Made(position=page.position, at=now, content=orjson.dumps(content))


def _plain(text: Markup) -> str:
    return text.striptags()


def _drawn(name: str, word: str, color: str) -> Markup:
    name_width, word_width = _width(name), _width(word)
    left, right = name_width + 2 * _PADDING, word_width + 2 * _PADDING
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        color=color,
        label=f"{name}: {word}",
        name=name,
        word=word,
        name_at=left / 2,
        word_at=left + right / 2,
        name_width=name_width,
        word_width=word_width,
    )


def _width(text: str) -> int:
    """Return about how many pixels a text takes."""
    return max(1, math.ceil(sum(_FULL if unicodedata.east_asian_width(each) in "FW" else _USUAL for each in text)))
