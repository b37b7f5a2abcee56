"""The connection under one WebSocket, with a timeout for each frame."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from typing_extensions import override

from gql.transport.outbox import SEND_SECONDS, Outbox

#: The key of the ASGI scope under which the outermost layer keeps the server's protocol object.
PROTOCOL = "incidentql.protocol"
_REASON_BYTES = 120


class TextAdapter(ASGIWebSocketAdapter):
    """A connection that drops a peer which does not take a text frame in time."""

    #: The outbox that writes to the socket too, once there is one.
    outbox: Outbox | None = None

    @property
    def protocol(self) -> Any:
        """The server's protocol object; None where it is unknown."""
        return self.ws.scope.get(PROTOCOL)

    @override
    async def send_json(self, message: Mapping[str, object]) -> None:
        encoded = self.view.encode_json(message)
        await self.send_text(encoded.decode() if isinstance(encoded, bytes) else encoded)

    async def send_text(self, text: str) -> None:
        """Send one frame.

        Raises:
            WebSocketDisconnected: the peer is gone, or did not take the frame in time.
        """
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.ws.send_text(text)
        except TimeoutError as error:
            self.abort()
            raise WebSocketDisconnected from error
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a send after the close that raced with it.
            raise WebSocketDisconnected from error

    def forget_handshake(self) -> None:
        """Free the handshake's headers and messages, which would take 5 KB for as long as the socket is open."""
        self.ws.scope["headers"] = ()
        for name in ("request", "response"):
            if hasattr(self.protocol, name):
                setattr(self.protocol, name, None)

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        transport = getattr(self.protocol, "transport", None)
        if transport is not None:
            transport.abort()

    @override
    async def close(self, code: int, reason: str) -> None:
        # A close frame has room for 123 bytes of reason (RFC 6455, 5.5).
        short = reason.encode()[:_REASON_BYTES].decode(errors="ignore")
        with suppress(RuntimeError, WebSocketDisconnect):
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self.ws.close(code=code, reason=short)
            except TimeoutError:
                self.abort()
            finally:
                if self.outbox is not None:
                    self.outbox.close()
