"""Third-party clients in processes of their own: graphql-ws and graphql-sse on Node, and curl."""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from typing_extensions import override

from tests.e2e.server import TOKEN, Server
from tests.requirements_gate import CLIENTS, node_command

ARRIVAL_SECONDS = 60
EVENTS = """subscription Events($after: String) {
  incidentEvents(after: $after) { type incidentId changedFields cursor }
}"""


class Client:
    """A client process and its messages, which the Node clients print as JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        #: How far the subscription came.
        self.cursor: str | None = None

    async def message(self) -> dict[str, Any]:
        """Return the next message that the client printed."""
        line = await self._line()
        message: dict[str, Any] = json.loads(line)
        return message

    async def next(self, kind: str = "next") -> dict[str, Any]:
        """Skip to the next message of a kind and keep its cursor."""
        while (message := await self.message())["type"] != kind:
            assert message["type"] in {"connected", "closed"}, message
        self.cursor = message.get("payload", {}).get("extensions", {}).get("cursor", self.cursor)
        return message

    async def events(self, count: int) -> list[tuple[str, str]]:
        """Return type and incident of the next `count` events."""
        found = [(await self.next())["payload"]["data"]["incidentEvents"] for _ in range(count)]
        return [(event["type"], event["incidentId"]) for event in found]

    async def kill(self) -> None:
        """Kill the process with SIGKILL."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(ARRIVAL_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            raise EOFError((await self._process.stderr.read()).decode())
        return line.decode().rstrip("\r\n")


class Curl(Client):
    """curl on an SSE stream."""

    @override
    async def message(self) -> dict[str, Any]:
        """Return the next event of the stream."""
        fields: dict[str, str] = {}
        while line := await self._line():
            name, _, value = line.partition(": ")
            fields[name] = value
        if "event" not in fields:
            return await self.message()
        payload = json.loads(fields["data"]) if fields.get("data") else {}
        if fields["event"] == "next":
            assert fields["id"] == payload["extensions"]["cursor"]
        return {"type": fields["event"], "payload": payload}


@asynccontextmanager
async def graphql_ws(server: Server, query: str = EVENTS, **options: Any) -> AsyncIterator[Client]:
    """Run one operation in the graphql-ws client, as the admin by default."""
    settings = {"url": server.websocket_url, "token": TOKEN, "query": query} | options
    async with _client(*node_command(), "graphql-ws.mjs", json.dumps(settings)) as process:
        yield Client(process)


@asynccontextmanager
async def graphql_sse(server: Server, query: str = EVENTS, **options: Any) -> AsyncIterator[Client]:
    """Run one operation in the graphql-sse client, anonymously by default."""
    settings = {"url": server.graphql_url, "query": query} | options
    async with _client(*node_command(), "graphql-sse.mjs", json.dumps(settings)) as process:
        yield Client(process)


@asynccontextmanager
async def subscribed(kind: str, server: Server, *, after: str | None, resumed: bool = False) -> AsyncIterator[Client]:
    """Subscribe a client of a kind to `incidentEvents`; over SSE it resumes by `Last-Event-ID`."""
    variables = {"after": after}
    if kind == "graphql-ws":
        async with graphql_ws(server, variables=variables) as client:
            yield client
        return
    last_event_id = after if resumed else None
    if resumed:
        variables = {"after": None}
    if kind == "graphql-sse":
        async with graphql_sse(server, variables=variables, lastEventId=last_event_id) as client:
            yield client
        return
    parameters = urllib.parse.urlencode({"query": EVENTS, "variables": json.dumps(variables)})
    headers = ["-H", "Accept: text/event-stream"]
    if last_event_id is not None:
        headers += ["-H", f"Last-Event-ID: {last_event_id}"]
    async with _client("curl", "-sSN", *headers, f"{server.graphql_url}?{parameters}") as process:
        yield Curl(process)


async def statuspage(server: Server) -> dict[str, Any]:
    """Return all that the npm client of Statuspage reads."""
    async with _client(*node_command(), "statuspage.mjs", json.dumps({"url": server.url})) as process:
        return await Client(process).message()


async def node_output(module: str) -> str:
    """Return what the text of a module prints, run beside the installed clients."""
    async with _client(*node_command(), "--input-type=module", "--eval", module) as process:
        printed, failure = await process.communicate()
    assert process.returncode == 0, failure.decode()
    return printed.decode()


@asynccontextmanager
async def _client(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=CLIENTS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
