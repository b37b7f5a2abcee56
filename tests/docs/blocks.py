"""The code blocks of the pages, and which test runs each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_TOUR = re.compile(r"(?:#|//|<!--) tour: ([\w.-]+)(?: -->)?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A code block: its page and number, its language, its name in the tour if any, and its text."""

    page: Path
    number: int
    language: str
    tour: str | None
    text: str

    @property
    def id(self) -> str:
        """The id of its test case."""
        return f"{self.page.relative_to(ROOT).as_posix()}-{self.number}-{self.tour or self.language}"


@cache
def blocks() -> tuple[Block, ...]:
    """Return all blocks of all pages."""
    return tuple(found for page in PAGES for found in _blocks_of(page))


def blocks_in(*languages: str, tour: bool = False) -> list[Block]:
    """Return the blocks in these languages, either those of the tour or the others."""
    return [block for block in blocks() if block.language in languages and (block.tour is not None) == tour]


def tour_block(name: str) -> Block:
    """Return a block of the tour."""
    [found] = [block for block in blocks() if block.tour == name]
    return found


def text_of(name: str, url: str) -> str:
    """Return a block of the tour, for the address of a server."""
    return tour_block(name).text.replace("127.0.0.1:8000", url.removeprefix("http://"))


def _blocks_of(page: Path) -> Iterator[Block]:
    for number, (language, indented) in enumerate(_BLOCK.findall(page.read_text()), start=1):
        text = dedent(indented)
        name = _TOUR.match(text)
        yield Block(page=page, number=number, language=language, tour=name[1] if name else None, text=text)
