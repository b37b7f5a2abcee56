"""The limit of fan-out on this stack: uvicorn, with one pre-framed message written to every transport."""

import asyncio
import json
import struct
import sys
from typing import Any

import uvicorn
import uvloop

ACK = '{"type":"connection_ack"}'
#: What our server says of an event, made up, but of the same size.
CHANGE = "chg_01m83yksx6ek1tw8zxvywdy0ng"
INCIDENT = "inc_01m83yksx2f4k8pewt8vcqvm2t"

transports: dict[Any, Any] = {}


def event_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a write."""
    incident = {"id": INCIDENT, "title": fields["title"], "status": "INVESTIGATING", "severity": fields["severity"]}
    if "description" in fields:
        incident["description"] = fields["description"]
    return {
        "id": CHANGE,
        "type": "CREATED",
        "incidentId": INCIDENT,
        "cursor": "JWHe-VwbVBqLdlsibG9nIiwzMDFd",
        "incident": incident,
    }


def publish(event: dict[str, Any]) -> None:
    """Write one frame to every subscriber."""
    payload = {"data": {"incidentEvents": event}, "extensions": {"cursor": event["cursor"]}}
    message = {"id": "1", "type": "next", "payload": payload}
    text = json.dumps(message, separators=(",", ":")).encode()
    length = struct.pack("!BH", 126, len(text)) if len(text) >= 126 else bytes((len(text),))
    frame = b"\x81" + length + text
    for transport in transports.values():
        transport.write(frame)


async def socket(receive: Any, send: Any) -> None:
    """Serve one subscriber."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
    protocol = send.__self__
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            kind = json.loads(message["text"])["type"]
            if kind == "connection_init":
                await send({"type": "websocket.send", "text": ACK})
            elif kind == "subscribe":
                transports[protocol] = protocol.transport
    finally:
        transports.pop(protocol, None)


async def write(receive: Any, send: Any) -> None:
    """Serve one HTTP request that makes an event."""
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    event = event_of(json.loads(body)["variables"]["input"])
    publish(event)
    answer = json.dumps({"data": {"createIncident": {"incident": {"id": INCIDENT}}}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Serve sockets and writes."""
    await (socket(receive, send) if scope["type"] == "websocket" else write(receive, send))


if __name__ == "__main__":
    config = uvicorn.Config(
        app,
        port=int(sys.argv[1]),
        lifespan="off",
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        timeout_keep_alive=120,
        backlog=8192,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve())
