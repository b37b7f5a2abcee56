"""The board's page and files, and the documents that it sends."""

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from graphql import OperationDefinitionNode, parse, validate

from domain.bootstrap import Domain
from gql.app import create_app
from gql.limits.costs import cost_of
from gql.schema import schema
from gql.web import board
from gql.web.board_documents import read_documents

DOCUMENTS = read_documents(board._BOARD / "documents")
_FRAGMENT_FILES = list((board._BOARD / "documents").glob("fragments*.graphql"))
#: What a browser may have to load for the first page, compressed.
MOST_BYTES = 90_000
#: So much of it is what the API answers.
OF_ANSWERS = 5_000
#: What one document may cost of the 10,000 points of a request; a page follows several, and is opened often.
MOST_POINTS = 1_500
#: What somebody asks for by hand, and what it may cost.
_BY_HAND = {"DryRunAutomation": 3_000}
_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["']([^"']+)["']""")


@pytest.fixture
async def client(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as visitor:
        yield visitor


async def links_of(client: httpx.AsyncClient, path: str = "/") -> list[str]:
    """Return the files that the page of an address names, as absolute paths."""
    answer = await client.get(path)
    names = re.findall(r'(?:src|href)="([^"]+\.(?:js|css))"', answer.text)
    return [str(answer.url.join(name).path) for name in names]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/", None),
        ("/incidents/INC-42", "incident"),
        ("/systems/payments", "systems"),
        ("/maintenance", "maintenance"),
        ("/automations", "automations"),
        ("/settings/tokens", "settings"),
        ("/wall", "wall"),
    ],
)
async def test_each_address_of_the_board_is_its_page_with_the_files_that_it_needs(
    client: httpx.AsyncClient, path: str, place: str | None
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert re.search(r"<script>|<style|style=|\son\w+=|{{", answer.text) is None
    names = [link.partition("/board/")[2].partition("/")[2] for link in await links_of(client, path)]
    assert names == ["board.css", "places/first.js", *([f"places/{place}.js"] if place else [])]
    for link in await links_of(client, path):
        found = await client.get(link)
        assert (found.status_code, found.headers["cache-control"].endswith("immutable")) == (200, True)


async def test_the_first_page_is_under_90_kb(client: httpx.AsyncClient) -> None:
    total = 0
    for link in ["/", *await links_of(client)]:
        answer = await client.get(link)
        # As they are sent, with a line of headers each.
        total += len(gzip.compress(answer.content)) + sum(
            len(name) + len(value) + 4 for name, value in answer.headers.raw
        )
    assert 10_000 < total < MOST_BYTES - OF_ANSWERS


async def test_files_of_another_version_are_missing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/board/000000000000/board.css")).status_code == 404
    folder = (await links_of(client))[0].rpartition("/")[0]
    for name in ("../../etc/passwd", "documents/Incidents.graphql", "main.js", "places/nothing.js"):
        assert (await client.get(f"{folder}/{name}")).status_code == 404


def test_modules_set_no_html_but_in_the_renderer() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    found = [
        str(path.relative_to(board._BOARD)) for path in board._BOARD.rglob("*.js") if forbidden.search(path.read_text())
    ]
    assert found == ["lib/view.js"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_valid_and_cheap(name: str) -> None:
    document = parse(DOCUMENTS[name])
    assert validate(schema._schema, document) == []
    [operation] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    assert operation.name is not None
    assert operation.name.value == name
    assert cost_of(schema._schema, document, operation, {"first": 100}) <= _BY_HAND.get(name, MOST_POINTS)


def test_no_module_has_a_document_of_its_own() -> None:
    own = re.compile(r"[`\"'](?:query|mutation|subscription)\b[^\n]*[({]")
    assert [path.name for path in board._BOARD.rglob("*.js") if own.search(path.read_text())] == []


def test_each_document_is_sent_by_some_module() -> None:
    source = "\n".join(path.read_text() for path in board._BOARD.rglob("*.js"))
    assert [name for name in DOCUMENTS if f"documents.{name}" not in source] == []


def test_colours_are_named_in_one_file() -> None:
    literal = re.compile(r"#[0-9a-f]{3,8}\b", flags=re.IGNORECASE)
    styles: list[Path] = sorted((board._BOARD / "style").glob("*.css"))
    found = [
        path.name
        for path in styles
        if path.stem != "tokens" and literal.search(re.sub(r"@media print[^\n]*", "", path.read_text()))
    ]
    assert found == []


def test_each_module_is_loaded_by_another() -> None:
    imported: set[Path] = set()
    for path in board._BOARD.rglob("*.js"):
        imported |= {(path.parent / wanted).resolve() for wanted in _IMPORT.findall(path.read_text())}
    assert [str(path) for path in board._BOARD.rglob("*.js") if path.resolve() not in imported] == [
        str(board._BOARD / "main.js")
    ]


def test_the_names_of_a_views_rules_are_in_no_other_view() -> None:
    """All styles are one file in the browser, so that a name in two views would mean both."""
    named = re.compile(r"""class: (?:[^"`,]*\? )?["`]([^"`]*)["`](?: : ["`]([^"`]*)["`])?""")
    used: dict[str, set[str]] = {}
    for path in board._BOARD.rglob("*.js"):
        folder, *rest = path.relative_to(board._BOARD).parts
        view = Path(rest[0]).stem if folder == "views" else folder
        for name in " ".join(" ".join(pair) for pair in named.findall(path.read_text())).split():
            used.setdefault(name, set()).add(view)
    clashes: list[str] = []
    for path in (board._BOARD / "style").glob("*.css"):
        source = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        # What is nested below the view's own element means nothing elsewhere.
        is_nested = re.search(r"^ +&", source, flags=re.MULTILINE)
        for selector in [] if is_nested or path.stem in board._STYLES else re.findall(r"([^{}@;]+)\{", source):
            for part in selector.split(","):
                names = re.findall(r"\.([a-z][\w-]*)", part)
                if names and min(len(used.get(name, ())) for name in names) > 1:
                    clashes.append(f"{path.name}: {part.strip()}")
    assert clashes == []


def test_each_fragment_has_a_name_of_its_own() -> None:
    names = re.findall(r"^fragment (\w+)", "\n".join(map(Path.read_text, _FRAGMENT_FILES)), flags=re.MULTILINE)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/incidents/", "../incidents"),
        ("/incidents/INC-4/?tab=log", "../INC-4?tab=log"),
        ("/feed.atom/", "../feed.atom"),
        ("/incidents//", None),
        ("/nowhere/", None),
        ("//evil.test/", None),
    ],
)
async def test_a_slash_too_many_leads_nowhere_but_here(client: httpx.AsyncClient, path: str, place: str | None) -> None:
    # Also for who names another host, and below a path of a proxy.
    answer = await client.get(f"http://a.test{path}", headers={"host": "evil.test"})
    assert (answer.status_code, answer.headers.get("location")) == ((404, None) if place is None else (307, place))
