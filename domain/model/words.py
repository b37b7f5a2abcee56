"""Words of texts for search: the same when a text is stored and when it is searched for, on any database."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.errors import InvalidInputError

#: The most words in a filter; each is a look-up.
MOST_WORDS = 32
LONGEST_SEARCH = 1_000
#: The most characters of a word; the rest of a longer one is ignored.
_LONGEST = 64
#: The most characters of a folded text: three times the longest message, because folding makes up to 18 of one.
_MOST_CHARACTERS = 75_000

# Invisible within a word or an emoji: joiners, marks of direction, variation selectors, tags, tones of skin.
_DROPPED = re.compile(
    "[\xad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]+"
)
_LATIN_GREEK_CYRILLIC = (
    "0-9a-z\xdf-\u02af\u0370-\u052f\u1c80-\u1c8f\u1e00-\u1fff\u2c60-\u2c7f\ua640-\ua69f\ua720-\ua7ff\uab30-\uab6f"
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
#: Accents: only of these scripts. In others, marks are vowels and part of the word.
_ACCENTS = re.compile(f"(?<=[{_LATIN_GREEK_CYRILLIC}])[{_MARKS}]+")
#: Latin letters with a stroke and the like, which are one character for Unicode; as people type them without.
_PLAIN = str.maketrans(
    {
        "\u0131": "i",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ŋ": "n",
    }
)
#: Scripts without spaces between words: Thai and Lao, Myanmar, Khmer, Kana and Bopomofo, Han. Hangul has spaces, but
#: what Korean puts behind a noun belongs to the same word.
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3040-\u312f\u3130-\u318f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff"
    "\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U000323af]"
)
#: Arrows, symbols and emoji, those of a later Unicode among them.
_SYMBOLS = re.compile("[\u2190-\u23ff\u2460-\u2bff\u3030\u303d\U0001f000-\U0001faff]")
_REGIONS = re.compile("[\U0001f1e6-\U0001f1ff]")

#: Of ASCII alone, which needs no look at kinds of characters.
_PLAIN_WORDS = re.compile("[0-9a-z]+")
_RUNS = re.compile("(?P<unspaced>(?:nm*)+)|(?P<symbols>[rs]+)|w[wm]*")
_UNITS = re.compile("nm*")
_SIGNS = re.compile("rr|.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word of a query: parts that one text must contain, the last of them perhaps only as a prefix."""

    parts: tuple[str, ...]
    prefix: bool


def words_of(text: str) -> list[str]:
    """Return a text's words in order of appearance: without case and accents, at most 64 characters each.

    Symbols are words of their own. In scripts without spaces each two neighbours are a word, and so is the last one.
    """
    if text.isascii():
        return [word[:_LONGEST] for word in _PLAIN_WORDS.findall(text.lower())]
    return [part for run in _runs(text) for part in run.stored()]


def query_of(text: str) -> tuple[Word, ...]:
    """Return the distinct words to search for; none where the text has no word in it."""
    runs = _runs(text)
    return tuple(dict.fromkeys(run.wanted(last=run is runs[-1]) for run in runs))


def check_search(texts: Iterable[str]) -> None:
    """Check the texts that a filter searches for.

    Raises:
        InvalidInputError: one has more than 1,000 characters, or all have more than 32 words.
    """
    count = 0
    for text in texts:
        if len(text) > LONGEST_SEARCH:
            raise InvalidInputError(
                f"A text to search for may have {LONGEST_SEARCH:,} characters.", field=["filter", "text"]
            )
        count += sum(len(word.parts) for word in query_of(text))
    if count > MOST_WORDS:
        raise InvalidInputError(
            f"This searches for {count} words, and {MOST_WORDS} is the most; "
            "in scripts without spaces, each two characters count as one.",
            field=["filter", "text"],
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """Characters that belong together: a word, symbols, or text without spaces."""

    pieces: tuple[str, ...]
    unspaced: bool = False

    def stored(self) -> Iterator[str]:
        if not self.unspaced:
            yield from self.pieces
            return
        yield from self._pairs()
        # So that every character begins a word: a single one is found as a prefix.
        yield self.pieces[-1][:_LONGEST]

    def wanted(self, *, last: bool) -> Word:
        if not self.unspaced:
            return Word(parts=tuple(dict.fromkeys(self.pieces)), prefix=last)
        return Word(parts=tuple(dict.fromkeys(self._pairs())) or (self.pieces[0][:_LONGEST],), prefix=True)

    def _pairs(self) -> Iterator[str]:
        for first, second in zip(self.pieces, self.pieces[1:], strict=False):
            yield (first + second)[:_LONGEST]


def _runs(text: str) -> list[_Run]:
    folded = _folded(text)
    # One sign per character, which names its kind.
    kinds = folded.translate(_KINDS)
    return [_run(found, folded, kinds) for found in _RUNS.finditer(kinds)]


def _run(found: re.Match[str], folded: str, kinds: str) -> _Run:
    start, end = found.span()
    if found["unspaced"]:
        units = _UNITS.finditer(kinds, start, end)
        return _Run(tuple(folded[unit.start() : unit.end()] for unit in units), unspaced=True)
    if found["symbols"]:
        signs = _SIGNS.finditer(kinds, start, end)
        return _Run(tuple(folded[sign.start() : sign.end()] for sign in signs))
    return _Run((folded[start:end][:_LONGEST],))


def _folded(text: str) -> str:
    """Return the text in normal form C, without case, accents, letter styles and invisible characters."""
    if text.isascii():
        return text.lower()
    plain = _DROPPED.sub("", unicodedata.normalize("NFKD", text)[:_MOST_CHARACTERS]).casefold().translate(_PLAIN)
    # Folding the case may leave composed letters, as a composed one may leave capitals.
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))
    return unicodedata.normalize("NFC", plain.translate(_PLAIN))


class _Kinds(dict[int, str]):
    """A cache of characters' kinds: word, mark, no spaces, symbol, region; a space for all others."""

    def __missing__(self, code: int) -> str:
        kind = self[code] = _kind(chr(code))
        return kind


_KINDS = _Kinds()


def _kind(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "M":
        return "m"
    if category[0] in "LN":
        return "n" if _NO_SPACES.match(character) else "w"
    if _REGIONS.match(character):
        return "r"
    return "s" if _SYMBOLS.match(character) and category[0] in "SPC" else " "
