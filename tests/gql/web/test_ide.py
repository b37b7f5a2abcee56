"""The IDE at /graphql: its clients, its policy and its files."""

import asyncio
import base64
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from gql.app import create_app
from gql.schema import sdl
from gql.web import ide

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
OWN = {"ide.css", "ide.js"}
# Six are the files of the npm packages; GraphiQL's two have one line break more.
SHA256 = {
    "graphiql.min.js": "xWTeBbldGE4sW6XOryY1gh9r+S8tV3e3TZEAT/a1kdE=",
    "graphiql.min.css": "xs1Lg/AcXh/0l113vJVxhNzm3sAVX7+cxNkZDrqKe50=",
    "react.production.min.js": "Ipu/TQ50iCCVZBUsZyNJfxrDk0E2yhaEIz0vqI+kFG8=",
    "react-dom.production.min.js": "nbMykgB6tsOFJ7OdVmPpdqMFVk4ZsqWocT6issAPUF0=",
    "graphql-ws.min.js": "EZhvg6ANJrBsgLvLAa0uuHNLepLJVCFYS+xlb5U/bqw=",
    "graphiql-plugin-explorer.umd.js": "3hUuhBXdXlfCj6RTeEkJFtEh/kUG+TCDASFpFPLrzvE=",
    "style.css": "fA0LPUlukMNR6L4SPSeFqDTYav8QdWjQ2nr559Zln1U=",
}


@asynccontextmanager
async def visiting(domain: Domain, closing: asyncio.Event | None = None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(domain, closing))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


@pytest.fixture
async def client(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    async with visiting(domain) as visitor:
        yield visitor


async def files_of(client: httpx.AsyncClient) -> dict[str, str]:
    """Return the paths of the page's files by name."""
    page = (await client.get("/graphql", headers=BROWSER)).text
    paths = re.findall(r'(?:src|href)="(graphql/ide/[^"]+)"', page)
    return {path.rpartition("/")[2]: f"/{path}" for path in paths}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param(BROWSER["accept"], 200, id="browser"),
        pytest.param("application/json, TEXT/HTML;q=0.5", 200, id="html too"),
        pytest.param("*/*", 400, id="curl"),
        pytest.param("text/*", 406, id="some text"),
        pytest.param("application/json, text/html;q=0.0", 400, id="html refused"),
        pytest.param("", 400, id="nothing"),
    ],
)
async def test_only_clients_that_accept_html_get_the_ide(client: httpx.AsyncClient, accept: str, status: int) -> None:
    answer = await client.get("/graphql", headers={"accept": accept})
    media = "text/html" if status == 200 else "application/json"
    assert (answer.status_code, answer.headers["content-type"]) == (status, f"{media}; charset=utf-8")


async def test_a_query_in_the_url_is_run_for_a_browser(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql", params={"query": "{__typename}"}, headers=BROWSER)
    assert answer.json()["data"] == {"__typename": "Query"}


async def test_the_ide_loads_files_of_this_server_only(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql", headers=BROWSER)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    others = ("x-content-type-options", "referrer-policy", "vary", "cache-control")
    assert [answer.headers[name] for name in others] == ["nosniff", "no-referrer", "Accept", "no-cache"]


async def test_the_ide_s_files_have_the_reviewed_hashes(client: httpx.AsyncClient) -> None:
    paths = await files_of(client)
    served = {name: (await client.get(path)).content for name, path in paths.items()}
    hashes = {name: base64.b64encode(hashlib.sha256(data).digest()).decode() for name, data in served.items()}
    assert hashes.keys() == SHA256.keys() | OWN
    assert {name: hashes[name] for name in SHA256} == SHA256


async def test_the_ide_s_files_are_compressed_and_cached(client: httpx.AsyncClient) -> None:
    for path in (await files_of(client)).values():
        answer = await client.get(path, headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_a_stream_of_events_is_never_compressed(domain: Domain) -> None:
    closing = asyncio.Event()
    closing.set()
    async with visiting(domain, closing) as client:
        answer = await client.get(
            "/graphql",
            params={"query": "subscription { incidentEvents { id } }"},
            headers={"accept": "text/event-stream", "accept-encoding": "gzip"},
        )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("name", ["ide.html", "fetch.umd.js", "../__init__.py", "%2e%2e/ide.html", ""])
async def test_only_the_ide_s_own_files_are_served(client: httpx.AsyncClient, name: str) -> None:
    folder = (await files_of(client))["ide.js"].removesuffix("ide.js")
    assert (await client.get(f"{folder}{name}")).status_code == 404


def test_a_changed_file_has_a_new_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ide.Ide().page().body
    shutil.copytree(ide._STATIC, tmp_path / "static")
    monkeypatch.setattr(ide, "_STATIC", tmp_path / "static")
    assert ide.Ide().page().body == before
    (tmp_path / "static" / "ide.css").write_text("body { color: red }")
    assert ide.Ide().page().body != before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("_PACKAGE", "no_such_package", id="not installed"),
        pytest.param("_THIRD_PARTY", ("graphiql.min.js", "gone.js"), id="incomplete"),
    ],
)
async def test_a_page_without_the_package_of_the_ide_shows_links(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(ide, name, value)
    async with visiting(domain) as client:
        answer = await client.get("/graphql", headers=BROWSER)
        assert answer.status_code == 200
        assert "is not installed" in answer.text
        links = re.findall(r'href="(graphql[^"]+)"', answer.text)
        schema, introspection = [await client.get(f"/{link}", headers=BROWSER) for link in links]
    assert schema.text == sdl()
    assert introspection.json()["data"]["__schema"]["types"]


async def test_the_ide_can_be_disabled(settings: Settings) -> None:
    async with running_domain(replace(settings, ide=False)) as domain, visiting(domain) as client:
        answer = await client.get("/graphql", headers=BROWSER)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json; charset=utf-8")
        assert answer.json()["errors"][0]["message"]
        assert (await client.get(f"/graphql/ide/{ide._version()}/ide.js")).status_code == 404
        assert (await client.get("/graphql/schema")).status_code == 200


async def test_the_icon_is_served(client: httpx.AsyncClient) -> None:
    page = (await client.get("/graphql", headers=BROWSER)).text
    [link] = re.findall(r'rel="icon" href="([^"]+)"', page)
    answer = await client.get(f"/{link}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.content.startswith(b"<svg ")


async def test_the_schema_as_text_is_hidden_without_introspection(settings: Settings) -> None:
    async with running_domain(replace(settings, introspection=False)) as domain, visiting(domain) as client:
        assert (await client.get("/graphql/schema")).status_code == 404


def test_the_environment_disables_the_ide() -> None:
    assert [Settings.from_environment(given).ide for given in ({}, {"INCIDENTQL_IDE": "false"})] == [True, False]


async def test_the_schema_can_be_read_as_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql/schema")
    assert (answer.headers["content-type"], answer.text) == ("text/plain; charset=utf-8", sdl())
