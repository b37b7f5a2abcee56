"""Answers to agents: the official library speaks the protocol, and the tools run operations as the endpoint does."""

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import orjson
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.model.freshness import PRESENT
from gql.context import Context
from gql.requests.admission import address_of
from gql.requests.headers import request_id_of
from gql.schema import schema
from gql.transport.answering import shown
from gql.transport.endpoint import Endpoint
from gql.transport.operations import OperationRequest
from gql.web.guarding import Call
from gql.web.mcp.arguments import INPUT, arguments_of
from gql.web.mcp.tools import TOOLS, AgentTool

logger = logging.getLogger(__name__)

_CALL = "incidentql.call"
_INSTRUCTIONS = (
    "Incidents are problems that systems have or had. Read before you write, name incidents by their id, and give "
    "writes that may be repeated an idempotencyKey. Updates are public unless their visibility says otherwise."
)


class Agents:
    """The tools on an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._server: Server[Any] = Server(
            "incidentql",
            version=version("incidentql"),
            title="IncidentQL",
            instructions=_INSTRUCTIONS,
            get_tool_input_schema=lambda name: _shown(TOOLS[name]).input_schema if name in TOOLS else None,
            on_list_tools=self._list,
            on_call_tool=self._run,
        )

    def answering(self, call: Call, body: bytes) -> ASGIApp:
        """Return the application that answers a request whose body was read."""

        async def answer(scope: Scope, rest: Receive, send: Send) -> None:
            bodies = [body]

            async def receive() -> Message:
                # After the body only the end of the connection comes: the library waits for that in a loop.
                return {"type": "http.request", "body": bodies.pop(), "more_body": False} if bodies else await rest()

            # One for each request: it keeps no session, and so it ends with the request that it was for.
            manager = StreamableHTTPSessionManager(
                self._server, stateless=True, json_response=True, max_request_body_size=max(1, call.most_bytes)
            )
            async with manager.run():
                await manager.handle_request({**scope, _CALL: call}, receive, send)

        return answer

    async def _list(self, context: ServerRequestContext[Any, Any], _: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_shown(tool) for tool in _allowed(_call_of(context)).values()])

    async def _run(self, context: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
        call = _call_of(context)
        tool = _allowed(call).get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name[:80]!r} for this token.")
        operation = Context(
            domain=call.domain,
            request_id=request_id_of(call.request.scope),
            viewer=call.viewer,
            address=address_of(call.request),
            # An agent looks at what it has just written, and no tool takes a cursor of that.
            freshness=PRESENT,
        )
        given = params.arguments or {}
        unknown = sorted(given.keys() - _shown(tool).input_schema["properties"])
        if unknown:
            # The API passes over variables that an operation lacks; of a misspelt filter, that would be all incidents.
            return _refusal(f"BAD_USER_INPUT ({unknown[0][:80]}): This tool has no such argument.")
        request = OperationRequest(
            query=tool.operation,
            document_id=None,
            operation_name=None,
            variables={INPUT: given} if _takes_input(tool) else given,
            extensions=None,
        )
        answer: Mapping[str, Any] = shown(await self._endpoint.run_known(request, operation))
        return _result(answer)


def _call_of(context: ServerRequestContext[Any, Any]) -> Call:
    assert context.request is not None
    call: Call = context.request.scope[_CALL]
    return call


def _allowed(call: Call) -> dict[str, AgentTool]:
    """Return the tools that a caller may use."""
    return {name: tool for name, tool in TOOLS.items() if call.viewer.role.includes(tool.role)}


def _takes_input(tool: AgentTool) -> bool:
    return f"${INPUT}:" in tool.operation


@cache
def _shown(tool: AgentTool) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=arguments_of(schema._schema, tool.operation),  # noqa: SLF001 - the only way to graphql-core's own
        annotations=ToolAnnotations(
            read_only_hint=not tool.writes,
            destructive_hint=tool.replaces,
            idempotent_hint=tool.repeats or not tool.writes,
            open_world_hint=False,
        ),
    )


def _result(answer: Mapping[str, Any]) -> CallToolResult:
    """Return what a tool says: the data, or for an error its code and a sentence."""
    data = answer.get("data")
    refusals = [refusal for payload in (data or {}).values() for refusal in _refusals_of(payload)]
    errors = [_line(error["message"], error.get("extensions") or {}) for error in answer.get("errors") or ()]
    lines = [*errors, *(_line(refusal["message"], refusal) for refusal in refusals)]
    if lines:
        return _refusal("\n".join(lines))
    return CallToolResult(content=[TextContent(type="text", text=orjson.dumps(data).decode())], structured_content=data)


def _refusal(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _refusals_of(payload: Any) -> list[Mapping[str, Any]]:
    return payload.get("userErrors", []) if isinstance(payload, dict) else []


def _line(message: str, details: Mapping[str, Any]) -> str:
    field = ".".join(map(str, details.get("field") or ()))
    return f"{details.get('code', 'INTERNAL')}{f' ({field})' if field else ''}: {message}"
