"""Our server as `incidentql serve` runs it, or without one of its optimisations."""

import asyncio
import math
import sys
from typing import Any
from unittest.mock import patch

import uvloop

from domain.settings import Settings
from gql.cli.serving import serve
from gql.transport.outbox import text_frame

transports: list[Any] = []


async def write_to_all(group: Any, delivery: Any) -> None:
    """Write one frame to every transport: the least that fan-out can cost."""
    group._delivered = delivery.seq
    if len(transports) != len(group.members):
        transports[:] = [member._outbox._protocol.transport for member in group.members]
    frame = text_frame(b'{"id":"1","type":"next","payload":' + delivery.payload + b"}")
    for transport in transports:
        transport.write(frame)


#: Pre-framed writes: without the protocol object, messages go through ASGI's `send`. Shared executions. Slices, which
#: leave time to others during fan-out. All of fan-out but writing.
IDEAS: dict[str, Any] = {
    "wire": patch("gql.cli.serving.ProtocolScope", lambda app, _: app),
    "sharing": patch("gql.transport.joining.shared_operation", lambda *_: None),
    "slices": patch("gql.transport.members._SLICE_SECONDS", math.inf),
    "delivery": patch("gql.transport.groups.Group._deliver", write_to_all),
}


if __name__ == "__main__":
    port, database, token, *ideas = sys.argv[1:]
    for one in ideas:
        IDEAS[one].start()
    settings = Settings(
        port=int(port),
        database_url=f"sqlite:///{database}",
        admin_token=token,
        ide=False,
        # All of the load comes from one address, and "ours per socket" shares nothing.
        max_connections_per_address=1_000_000,
        max_sockets_per_caller=1_000_000,
        max_subscriptions_per_token=1_000_000,
        max_subscriptions_per_address=1_000_000,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, demo=False, say=print))
