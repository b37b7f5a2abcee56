"""The pages as a whole: a test runs each code block, and links and named files exist."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, blocks

#: The languages, and the tests that run what is written in them. `text` is pictures and names of folders.
RUN_BY = {
    ("sh", False): "test_commands.py",
    ("graphql", False): "test_graphql.py",
    ("yaml", False): "test_automations.py",
    ("yml", False): "test_integrations.py",
    ("json", False): "test_integrations.py",
    ("js", False): "test_statuspage.py",
    ("python", False): "test_pagerduty.py, test_mcp.py",
    ("sh", True): "test_tour.py",
    ("js", True): "test_tour.py",
    ("html", True): "test_tour.py",
    ("toml", True): "test_tour.py",
    ("python", True): "test_tour.py",
    ("yaml", True): "test_tour.py",
    ("html", False): "test_status_page.py",
    ("text", False): "no test",
}
_LINK = re.compile(r"(?<!!)\[[^]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:domain|gql|tests|scripts|docs)/[\w./-]*)`")


def test_every_block_is_in_a_language_that_a_test_runs() -> None:
    assert [block.id for block in blocks() if (block.language, block.tour is not None) not in RUN_BY] == []


def test_every_block_of_the_tour_is_run_by_the_tests_of_the_tour() -> None:
    files = [Path(__file__).parent / name for name in ("test_tour.py", "test_front_ends.py")]
    source = "".join(file.read_text() for file in files)
    names = [block.tour for block in blocks() if block.tour is not None]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if f'"{name}"' not in source] == []


def test_no_block_is_overlooked() -> None:
    fences = {page: page.read_text().count("```") for page in PAGES}
    counted = Counter(block.page for block in blocks())
    assert {page.name: count for page, count in fences.items() if count != 2 * counted[page]} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_have_targets(page: Path) -> None:
    assert [target for target in _LINK.findall(_FENCED.sub("", page.read_text())) if not is_there(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_files_named_by_a_page_exist(page: Path) -> None:
    assert [name for name in _PATH.findall(page.read_text()) if not (ROOT / name).exists()] == []


def is_there(page: Path, target: str) -> bool:
    """Return whether a link's target exists; addresses of the internet are not checked."""
    if target.startswith(("https://", "http://")):
        return True
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    return not anchor or anchor in {slug(heading) for heading in _HEADING.findall(_FENCED.sub("", file.read_text()))}


def slug(heading: str) -> str:
    """Return the anchor of a heading, as the usual hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
