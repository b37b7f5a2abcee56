"""The client's file and its types, as browsers and build tools fetch them."""

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from gql.app import create_app
from gql.schema import schema

#: What a page may spend on it.
MOST_BYTES = 6_000
PAGE = {"origin": "https://status.example.com"}


@pytest.fixture
async def client(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as visitor:
        yield visitor


async def test_the_client_is_under_6_kb_and_needs_nothing_else(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/client.js", headers={"accept-encoding": "br, gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert len(raw) < MOST_BYTES
    source = gzip.decompress(raw).decode()
    assert source == (await client.get("/client.js", headers={"accept-encoding": "identity"})).text
    assert [line for line in source.splitlines() if line.startswith("import")] == []


async def test_the_client_knows_which_subscriptions_send_nothing_at_first(client: httpx.AsyncClient) -> None:
    found = re.search(r"const EVENTS = /\\b\((.*)\)\\b/", (await client.get("/client.js")).text)
    assert found is not None
    events = set(found[1].split("|"))
    # One that is in neither would miss what happens before its first result, or its present state.
    present = {"automationRun", "incident", "incidentCounts", "incidentList", "systemList"}
    assert fields_of_subscription() - events <= present
    assert {"automationRuns", "incidentChanges", "incidentEvents"} <= events


def fields_of_subscription() -> set[str]:
    kind = schema._schema.subscription_type
    assert kind is not None
    return set(kind.fields)


async def test_its_types_lie_beside_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/client.d.ts")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "export function connect" in answer.text


@pytest.mark.parametrize("encoding", ["gzip", "identity", "gzip;q=0"])
async def test_a_browser_that_has_it_gets_no_second_copy(client: httpx.AsyncClient, encoding: str) -> None:
    headers = {"accept-encoding": encoding}
    first = await client.get("/client.js", headers=headers)
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await client.get("/client.js", headers=headers | {"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    changed = await client.get("/client.js", headers=headers | {"if-none-match": '"an-older-one"'})
    assert changed.status_code == 200
    assert changed.headers["cache-control"] == "no-cache"


async def test_each_encoding_has_its_own_tag(client: httpx.AsyncClient) -> None:
    tags = [
        (await client.get("/client.js", headers={"accept-encoding": name})).headers["etag"] for name in ("gzip", "")
    ]
    assert len(set(tags)) == 2


@pytest.mark.parametrize("origins", [(), ("https://status.example.com",), ("https://another.example.com",)])
async def test_pages_of_any_origin_may_import_it(domain: Domain, origins: tuple[str, ...]) -> None:
    settings = replace(domain.settings, cors_origins=origins, automations=False)
    async with running_domain(settings) as other:
        transport = httpx.ASGITransport(app=create_app(other))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as visitor:
            answer = await visitor.get("/client.js", headers=PAGE)
    assert answer.headers["access-control-allow-origin"] in {"*", PAGE["origin"]}
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.text.startswith("// IncidentQL's client")
