"""Reading of metrics as a monitor reads them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from domain.bootstrap import Domain
from gql.app import create_app

LOCAL = "http://127.0.0.1"
Samples = dict[str, float]


def samples_in(text: str) -> Samples:
    """Return the value of each sample, by its name with its labels in order, as it is written in queries."""
    return {
        shown(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def shown(name: str, labels: dict[str, str]) -> str:
    """Return a sample's name with its labels."""
    given = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{given}}}" if given else name


class Scraper:
    """A client on the server's own machine."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def text(self) -> str:
        """Return all metrics as text."""
        answer = await self.http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return answer.text

    async def samples(self) -> Samples:
        """Return all samples."""
        return samples_in(await self.text())

    async def moved(self, before: Samples) -> Samples:
        """Return by how much each sample has changed, of those that have."""
        after = await self.samples()
        return {name: after[name] - before.get(name, 0.0) for name in after if after[name] != before.get(name, 0.0)}


@asynccontextmanager
async def scraping(domain: Domain, **options: Any) -> AsyncIterator[Scraper]:
    """Yield a client of an application of its own."""
    transport = httpx.ASGITransport(app=create_app(domain), **options)
    async with httpx.AsyncClient(transport=transport, base_url=LOCAL) as http:
        yield Scraper(http)
