"""Markdown as HTML that is safe on any page: for the status page, the board and clients of the API.

CommonMark with GitHub's tables, strikethrough, line breaks and bare addresses. There is no HTML in it, images are
links, and links lead to the web or to a mailbox alone. A text that would take long is shown as it is written.
"""

import html
import re
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

#: The places at which the parser may look for what begins there; prose has one for every ten characters. Some texts
#: make it look again and again, such as thousands of brackets, or lines below a deep quote.
_MOST_STEPS = 6_000
#: Lists count twice. Beyond it, the library would leave out what is nested.
_DEEPEST = 30
#: The cells of a table that a text may have: short rows are filled up.
_MOST_CELLS = 4_000
#: The characters of all addresses together: a reference is written once and used often.
_MOST_OF_ADDRESSES = 100_000
#: The texts that are kept, and their length: lists and feeds show the same ones again and again.
_KEPT, _KEPT_LENGTH = 4_096, 2_000
_SCHEMES = frozenset({"http", "https", "mailto"})
#: An address in a text, from behind its scheme. Quotes and brackets of sentences around it are cut off afterwards.
_BARE = re.compile(r"://[^\s<>\"`]{1,2000}")
#: As many characters as show that it is one of these.
_LONGEST_SCHEME = 6
_SCHEME_BEFORE = re.compile(r"(?<![A-Za-z0-9.+-])https?\Z", re.IGNORECASE)
_ENDS_OF_SENTENCES = ".,;:!?'*_~…"
_BRACKETS = {")": "(", "]": "["}
#: Headings begin below the title of a page and that of a part of it, whatever the author began with.
_FIRST_HEADING, _LAST_HEADING = 3, 6
_ALIGNED = re.compile(r"text-align:(left|right|center)")


class _TooComplexError(Exception):
    """The text would take too long, or become too large."""


def html_of(text: str) -> str:
    """Return the HTML of a text in Markdown, in time that grows with its length; paragraphs and the like, no page.

    Headings are `h3` to `h6`: the first is an `h3`, and each is at most one level below the one before it. Links have
    `rel="nofollow noopener noreferrer"`, and those to the web the class `external`. Cells of tables have the
    class `left`, `right` or `center`. Nothing else of the text becomes an attribute. 25,000 characters take 0.2 seconds
    at most, and prose of that length a few milliseconds.
    """
    return _kept(text) if len(text) <= _KEPT_LENGTH else _made(text)


def _made(text: str) -> str:
    try:
        return str(_renderer().render(text, {"steps": 0}))
    except _TooComplexError:
        lines = html.escape(text).split("\n")
        return f"<p>{'<br>'.join(lines)}</p>\n"


_kept = lru_cache(maxsize=_KEPT)(_made)


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _DEEPEST + 10, "xhtmlOut": False})
    made.enable(["table", "strikethrough"])
    # Both go first, in every chain of rules, as what they count is how often the chains are begun.
    chains: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    made.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    made.block.ruler.before("table", "count", _count_blocks, chains)
    made.inline.ruler.before("text", "count", _count)
    made.inline.ruler.after("text", "address", _address)
    made.core.ruler.push("safe", _make_safe)
    made.validateLink = _is_safe  # type: ignore[method-assign] # the library's own place for this rule
    return made


def _step(env: MutableMapping[str, Any]) -> None:
    env["steps"] += 1
    if env["steps"] > _MOST_STEPS:
        raise _TooComplexError


def _count(state: StateInline, _silent: bool) -> bool:  # noqa: FBT001 - the library's signature
    _step(state.env)
    return False


def _count_blocks(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:  # noqa: FBT001 - as above
    _step(state.env)
    if state.level > _DEEPEST:
        raise _TooComplexError
    return False


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - as above
    line = state.src[state.bMarks[start] : state.eMarks[start]]
    # All lines below may be rows: whether they are, the library finds out row by row.
    if (line.count("|") + 1) * (end - start) > _MOST_CELLS:
        return False
    return table(state, start, end, silent)


def _address(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """Make a link of an address that stands in the text; the library for this takes quadratic time."""
    if state.src[state.pos] != ":" or state.linkLevel > 0:
        return False
    scheme, rest = (
        _SCHEME_BEFORE.search(state.pending[-_LONGEST_SCHEME:]),
        _BARE.match(state.src, state.pos, state.posMax),
    )
    if scheme is None or rest is None:
        return False
    found = _without_sentence(rest.group())
    url = state.md.normalizeLink(scheme.group() + found)
    if not state.md.validateLink(url):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme.group())]
        state.push("link_open", "a", 1).attrs = {"href": url}
        state.push("text", "", 0).content = scheme.group() + found
        state.push("link_close", "a", -1)
    state.pos += len(found)
    return True


def _without_sentence(address: str) -> str:
    """Return an address without the signs that belong to the sentence around it."""
    surplus = {close: address.count(close) - address.count(begin) for close, begin in _BRACKETS.items()}
    end = len(address)
    while end and (address[end - 1] in _ENDS_OF_SENTENCES or surplus.get(address[end - 1], 0) > 0):
        if address[end - 1] in surplus:
            surplus[address[end - 1]] -= 1
        end -= 1
    return address[:end]


def _is_safe(url: str) -> bool:
    """Return whether a link may lead there: to the web or a mailbox, and nowhere that it hides behind a user's name."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "mailto":
        return bool(parts.path)
    return parts.scheme in _SCHEMES and bool(parts.hostname) and "@" not in parts.netloc


def _make_safe(state: StateCore) -> None:
    """Change what the library made: images to links, levels of headings, and attributes."""
    above: list[str] = []
    length = 0
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = _level_of(token, above)
        elif token.type == "fence":
            token.info = ""
        elif token.type == "table_open":
            # Wide ones scroll by themselves, which keyboards can do only with what has the focus.
            token.attrs["tabindex"] = "0"
        elif token.children:
            token.children = _without_images(token.children)
            length += sum(_mark(child) for child in token.children if child.type == "link_open")
        if "style" in token.attrs:
            aligned = _ALIGNED.fullmatch(str(token.attrs.pop("style")))
            token.attrs |= {"class": aligned[1]} if aligned else {}
    if length > _MOST_OF_ADDRESSES:
        raise _TooComplexError


def _level_of(heading: Token, above: list[str]) -> str:
    """Return the element of a heading: one level below the nearest heading before it of which it is a part.

    `above` are the author's levels of the headings that this place in the text is below. None is skipped, because
    readers who jump from heading to heading by their levels would look for what is missing.
    """
    if heading.type == "heading_open":
        while above and above[-1] >= heading.tag:
            above.pop()
        above.append(heading.tag)
    return f"h{min(_LAST_HEADING, _FIRST_HEADING - 1 + len(above))}"


def _mark(link: Token) -> int:
    """Give a link the attributes that all have, and return how long its address is."""
    href = str(link.attrs["href"])
    is_of_web = not href.lower().startswith("mailto:")
    # A title would be a text that touch screens and keyboards do not show.
    link.attrs = {"href": href, "rel": "nofollow noopener noreferrer", **({"class": "external"} if is_of_web else {})}
    return len(href)


def _without_images(tokens: Sequence[Token]) -> list[Token]:
    found: list[Token] = []
    is_in_link = False
    for token in tokens:
        if token.type in {"link_open", "link_close"}:
            is_in_link = token.type == "link_open"
        if token.type != "image":
            found.append(token)
            continue
        address = str(token.attrs["src"])
        shown = Token("text", "", 0, content=_words_of(token.children or []) or address)
        if is_in_link or not address:
            found.append(shown)
        else:
            found += [Token("link_open", "a", 1, attrs={"href": address}), shown, Token("link_close", "a", -1)]
    return found


def _words_of(tokens: Sequence[Token]) -> str:
    """Return the words that stand for an image."""
    return "".join(token.content or _words_of(token.children or []) for token in tokens).strip()
