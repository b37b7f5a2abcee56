"""What resolvers may reach: one context per operation."""

from dataclasses import dataclass, field
from typing import Any

import strawberry

from domain.bootstrap import Domain
from domain.messaging.buckets import Allowance
from domain.model.viewer import ANONYMOUS, Audience, Role, Viewer
from gql.loaders import Loaders


@dataclass(slots=True, kw_only=True)
class Context:
    """The caller, the services and this operation's loaders."""

    domain: Domain
    request_id: str
    viewer: Viewer = ANONYMOUS
    #: Where the caller's connection comes from.
    address: str = ""
    #: What this operation costs, and what its caller may still spend; None where nobody is limited.
    cost: int = 0
    allowance: Allowance | None = None
    #: Where an SSE client left off; wins over the `after` of its document, which is the one it started with.
    last_event_id: str | None = None
    #: The log's position as of the event being delivered, as a cursor; leaves in `extensions.cursor`.
    cursor: str | None = None
    #: What a WebSocket client sent with `connection_init`.
    connection_params: dict[str, Any] | None = None
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.domain, self.audience)

    @property
    def audience(self) -> Audience:
        """The audience that the caller belongs to."""
        return self.viewer.audience

    @property
    def payer(self) -> str:
        """Who pays for this operation: whoever has a token, else the address."""
        return f"address:{self.address}" if self.viewer.role is Role.ANONYMOUS else self.viewer.actor.id

    def for_operation(self) -> "Context":
        """A fresh context for the next operation of the same connection."""
        return Context(
            domain=self.domain,
            request_id=self.request_id,
            viewer=self.viewer,
            address=self.address,
            last_event_id=self.last_event_id,
            connection_params=self.connection_params,
        )

    def at_event(self, seq: int) -> None:
        """Get ready for the next event: its cursor, and loaders that have not seen anything older."""
        self.cursor = self.domain.cursors.position(seq)
        self.forget()

    def forget(self) -> None:
        """Read everything anew from here on, because what was read so far may have become old."""
        self.loaders = Loaders(self.domain, self.audience)


Info = strawberry.Info[Context, None]
