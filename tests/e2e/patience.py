"""A client that retries after outages, and counts no write whose result it does not know."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from typing_extensions import override

from tests.e2e.api import Api, mutation_text
from tests.e2e.server import TOKEN, Server

_PAUSE_SECONDS = 0.05
_WAIT_SECONDS = 0.5
_TIMEOUT_SECONDS = 40
_LATER = {"UNAVAILABLE", "TIMEOUT"}


class AwayError(httpx.TransportError):
    """An answer with UNAVAILABLE or TIMEOUT, as an outage should give it."""


class PatientApi(Api):
    """A client that pauses before each write and longer after an outage."""

    @override
    async def attempt(self, mutation: str, **input: Any) -> dict[str, Any]:
        """Return the payload of a mutation that succeeds or is refused.

        Raises:
            AwayError: an outage kept it from being done, or from being known to be done.
        """
        await asyncio.sleep(_PAUSE_SECONDS)
        response = await self.post(mutation_text(mutation), input=input)
        body = response.json()
        payload = (body.get("data") or {}).get(mutation) or {}
        codes = {error["code"] for error in payload.get("userErrors", ())}
        codes |= {error["extensions"]["code"] for error in body.get("errors", ())}
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE or codes & _LATER:
            assert "TIMEOUT" in codes or response.headers.get("retry-after"), (response.status_code, response.text)
            await asyncio.sleep(_WAIT_SECONDS)
            raise AwayError(response.text)
        assert response.is_success, (response.status_code, response.text)
        assert payload, response.text
        assert codes.isdisjoint({"UNAUTHENTICATED", "FORBIDDEN", "INTERNAL"}), response.text
        return dict(payload)


@asynccontextmanager
async def patient_api_of(server: Server) -> AsyncIterator[PatientApi]:
    """Yield a patient client of a server, as its admin."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, timeout=_TIMEOUT_SECONDS, verify=False) as client:
        yield PatientApi(client, server.graphql_url)
