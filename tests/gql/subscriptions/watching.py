"""Subscriptions within the process, consumed as the transports do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from domain.bootstrap import Domain
from domain.model.viewer import ANONYMOUS, Viewer
from gql.context import Context
from gql.schema import schema
from tests.client import Json
from tests.inside import inside

_WAIT_SECONDS = 60


class Watcher:
    """An open subscription."""

    def __init__(self, results: Any) -> None:
        self._results = results

    async def next(self) -> Json:
        """Return the next result as a client gets it; fail when none comes in time."""
        async with asyncio.timeout(_WAIT_SECONDS):
            result = await anext(self._results)
        shown: Json = {"data": result.data, "extensions": result.extensions}
        if result.errors:
            shown["errors"] = [error.formatted for error in result.errors]
        return shown

    async def data(self, count: int) -> list[Json]:
        """Return the one field of each of the next results, none of which may have errors."""
        shown = [await self.next() for _ in range(count)]
        assert [result["errors"] for result in shown if "errors" in result] == []
        return [next(iter(result["data"].values())) for result in shown]

    async def error(self) -> Json:
        """Return the code and message of a subscription that has to fail."""
        [error] = (await self.next())["errors"]
        return {"message": error["message"], **error["extensions"]}

    async def ended(self) -> bool:
        """Return whether the subscription has ended."""
        async with asyncio.timeout(_WAIT_SECONDS):
            return await anext(self._results, None) is None


@asynccontextmanager
async def watching(
    domain: Domain, document: str, *, viewer: Viewer = ANONYMOUS, last_event_id: str | None = None, **variables: Any
) -> AsyncIterator[Watcher]:
    """Open a subscription of this viewer, and close it at the end."""
    context = Context(domain=domain, request_id="req_test", viewer=viewer, last_event_id=last_event_id)
    results: Any = await schema.stream(document, variable_values=variables, context_value=context)
    async with aclosing(results):
        yield Watcher(results)


async def now(domain: Domain) -> str:
    """Return the cursor of the log's head."""
    return inside(domain).cursors.position(await domain.events.head())
