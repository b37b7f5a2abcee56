"""A client of any server's API for the command line: operations over HTTP, subscriptions over Server-Sent Events."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from domain.errors import DomainError
from gql.cli.profiles import Target

#: The longest silence of a stream, whose heartbeat comes every 15 s.
_SILENCE_SECONDS = 45.0
_ANSWER_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
#: How often a write is repeated whose answer got lost; its idempotency key lets it happen once.
_REPEATS = 2
_PAUSE_SECONDS = 0.5
#: Codes of failures that pass.
_PASSING = {"RATE_LIMITED", "SUBSCRIPTION_LIMIT", "UNAVAILABLE", "TIMEOUT", "INTERNAL"}


class RefusedError(DomainError):
    """A failure that a retry would not change."""


class AwayError(DomainError):
    """A server that does not answer, or not now: a retry may help."""


class Api:
    """The API of one server."""

    def __init__(self, client: httpx.AsyncClient, target: Target) -> None:
        self._client = client
        self._target = target

    async def run(self, document: str, *, repeats: bool = False, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation; with `repeats`, send it again where its answer got lost.

        Raises:
            RefusedError: the server refuses it, in a whole or in `userErrors`.
            AwayError: the server does not answer, or not now.
        """
        for attempt in range(_REPEATS + 1):
            try:
                response = await self._client.post(
                    self._target.url, json={"query": document, "variables": variables}, timeout=_ANSWER_SECONDS
                )
                break
            except httpx.ConnectError as error:
                raise self._away(error) from error
            except httpx.TransportError as error:
                if not repeats or attempt == _REPEATS:
                    raise self._away(error) from error
                await asyncio.sleep(_PAUSE_SECONDS)
        data = self._answer(response)
        for payload in data.values():
            if isinstance(payload, dict) and payload.get("userErrors"):
                raise RefusedError(_said(payload["userErrors"][0]))
        return data

    async def follow(
        self, document: str, *, after: str, **variables: Any
    ) -> AsyncGenerator[tuple[str | None, Any], None]:
        """Yield cursors and the data of a subscription behind a cursor; no data where only the place moved on.

        Raises:
            RefusedError: the server refuses it, or it is complete.
            AwayError: the connection is lost.
        """
        body = {"query": document, "variables": {**variables, "after": after}}
        headers = {"accept": "text/event-stream"}
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        try:
            async with self._client.stream(
                "POST", self._target.url, json=body, headers=headers, timeout=timeout
            ) as got:
                if not got.headers.get("content-type", "").startswith("text/event-stream"):
                    await got.aread()
                    self._answer(got)
                async for event in _events(got.aiter_lines()):
                    yield self._taken(event)
        except httpx.TransportError as error:
            raise self._away(error) from error
        raise AwayError("The connection was closed.")

    def _taken(self, event: Mapping[str, str]) -> tuple[str | None, Any]:
        if event.get("event") == "complete":
            raise RefusedError("There is no more to come.")
        payload = json.loads(event["data"]) if event.get("data") else {}
        if payload.get("errors") and not payload.get("data"):
            raise _failure(payload["errors"][0])
        return event.get("id"), payload.get("data")

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not {"data", "errors"} & answer.keys():
            raise AwayError(f"{self._target.name} answered {response.status_code}, which is no answer of IncidentQL.")
        if answer.get("errors"):
            raise _failure(answer["errors"][0])
        data: dict[str, Any] = answer["data"]
        return data

    def _away(self, error: httpx.TransportError) -> AwayError:
        return AwayError(f"{self._target.name} does not answer: {str(error) or type(error).__name__}.")


@asynccontextmanager
async def calling(target: Target) -> AsyncIterator[Api]:
    """Yield the API of a server."""
    headers = {"authorization": f"Bearer {target.token}"} if target.token else {}
    # Reading certificates takes a tenth of a second, and no plain connection needs them.
    async with httpx.AsyncClient(headers=headers, verify=target.url.startswith("https:")) as client:
        yield Api(client, target)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    """Yield the events of a stream by their fields."""
    event: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            if name:
                event[name] = value.removeprefix(" ")
        elif event:
            yield event
            event = {}


def _failure(error: Mapping[str, Any]) -> DomainError:
    passes = error.get("extensions", {}).get("code") in _PASSING
    return (AwayError if passes else RefusedError)(_said(error))


def _said(error: Mapping[str, Any]) -> str:
    code = error.get("code") or error.get("extensions", {}).get("code")
    return f"{error['message']} ({code})" if code else str(error["message"])
