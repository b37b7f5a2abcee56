"""Following a subscription within the process, as the transports do."""

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
    """One subscription that is under way."""

    def __init__(self, results: Any) -> None:
        self._results = results

    async def next(self) -> Json:
        """The next result as a client gets it; fails when none comes in time."""
        async with asyncio.timeout(_WAIT_SECONDS):
            result = await anext(self._results)
        shown: Json = {"data": result.data, "extensions": result.extensions}
        if result.errors:
            shown["errors"] = [error.formatted for error in result.errors]
        return shown

    async def data(self, count: int) -> list[Json]:
        """The one field of each of the next results, none of which may have errors."""
        shown = [await self.next() for _ in range(count)]
        assert [result["errors"] for result in shown if "errors" in result] == []
        return [next(iter(result["data"].values())) for result in shown]

    async def error(self) -> Json:
        """The code and message of a subscription that has to fail."""
        [error] = (await self.next())["errors"]
        return {"message": error["message"], **error["extensions"]}

    async def ended(self) -> bool:
        """Whether nothing more comes, ever."""
        async with asyncio.timeout(_WAIT_SECONDS):
            return await anext(self._results, None) is None


@asynccontextmanager
async def watching(
    domain: Domain, document: str, *, viewer: Viewer = ANONYMOUS, last_event_id: str | None = None, **variables: Any
) -> AsyncIterator[Watcher]:
    """A subscription of this viewer; it is closed properly at the end."""
    context = Context(domain=domain, request_id="req_test", viewer=viewer, last_event_id=last_event_id)
    results: Any = await schema.stream(document, variable_values=variables, context_value=context)
    async with aclosing(results):
        yield Watcher(results)


async def now(domain: Domain) -> str:
    """The cursor of the log's end."""
    return inside(domain).cursors.position(await domain.events.head())
