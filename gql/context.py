"""What resolvers may reach: one context per operation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import strawberry
from typing_extensions import override

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.messaging.buckets import Allowance
from domain.model.viewer import ANONYMOUS, Audience, Role, Viewer
from gql.loaders import Loaders
from gql.requests.admission import payer_of
from gql.sources import EventSource, LogSource, resumed


def nothing_so_far(_: Exception) -> dict[str, Any]:
    """What a mutation has done that does one thing or nothing."""
    return {}


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
    #: Where an SSE client left off.
    last_event_id: str | None = None
    #: The log's position as of the event being delivered, as a cursor; leaves in `extensions.cursor`.
    cursor: str | None = None
    #: What a WebSocket client sent with `connection_init`.
    connection_params: dict[str, Any] | None = None
    #: What its upgrade request said of who is calling, until `connection_init` comes.
    authorization: str | None = field(default=None, repr=False)
    #: What subscriptions read from; the log itself where nothing else is said.
    source: EventSource | None = None
    #: What the mutation field under way has done so far, as members of its payload, in case that it fails.
    so_far: Callable[[Exception], dict[str, Any]] = nothing_so_far
    #: What keeps an operation from writing where all of its mutation fields failed for the same outage.
    outage: UnavailableError | None = None
    _loaders: Loaders | None = field(default=None, init=False, repr=False)

    @property
    def loaders(self) -> Loaders:
        """What this operation has read, or this event's part of it."""
        # Made when first asked for: the context of an idle socket never is, and all loaders together take 20 KB.
        if self._loaders is None:
            self._loaders = Loaders(self.domain, self.audience)
        return self._loaders

    @property
    def events(self) -> EventSource:
        """What subscriptions read from."""
        return self.source or LogSource(self.domain.events, last_event_id=self.last_event_id)

    @property
    def audience(self) -> Audience:
        """The audience that the caller belongs to."""
        return self.viewer.audience

    @property
    def payer(self) -> str:
        """Who pays for this operation: whoever has a token, else the address."""
        return payer_of(self.viewer, self.address)

    async def spend(self, points: int) -> Allowance | None:
        """Charge the caller; what is left, None where nobody counts."""
        return await self.domain.buckets.spend(self.payer, points)

    def require(self, role: Role) -> None:
        """Let the caller pass when their role includes the needed one.

        Raises:
            UnauthenticatedError, ForbiddenError
        """
        self.viewer.require(role)

    def for_operation(self, source: EventSource | None = None) -> "Context":
        """A fresh context for the next operation of the same connection."""
        return Context(
            domain=self.domain,
            request_id=self.request_id,
            viewer=self.viewer,
            address=self.address,
            last_event_id=self.last_event_id,
            connection_params=self.connection_params,
            source=source,
        )

    def resumed(self, after: str | None) -> str | None:
        """Where a subscription goes on."""
        return resumed(self.last_event_id, after)

    def at_event(self, seq: int) -> None:
        """Get ready for the next event: its cursor, and loaders that have not seen anything older."""
        self.cursor = self.domain.events.cursor_of(seq)
        self.forget()

    def forget(self) -> None:
        """Read everything anew from here on, because what was read so far may have become old."""
        self._loaders = None


@dataclass(slots=True, kw_only=True)
class GroupContext(Context):
    """The context of a shared execution: it knows its audience and nobody in it."""

    shared_audience: Audience = Audience.PUBLIC

    @property
    @override
    def audience(self) -> Audience:
        """The audience that all of the group belong to."""
        return self.shared_audience

    @override
    def __getattribute__(self, name: str) -> Any:
        if name in _PERSONAL:
            # Whoever reaches this forgot to declare the field as one that depends on the caller.
            raise RuntimeError(f"a shared subscription must not look at the caller's {name}")
        # Not super(): a dataclass with slots is another class than the one this method was written in.
        return object.__getattribute__(self, name)

    @override
    async def spend(self, points: int) -> Allowance | None:
        """Charge nobody: each member paid when it came."""
        return None

    @override
    def resumed(self, after: str | None) -> str | None:
        """Nowhere in particular: members have caught up by themselves."""
        return after

    @override
    def require(self, role: Role) -> None:
        """Let the execution pass where all of its audience have the role; members were let in one by one."""
        if not _ROLE_OF[self.shared_audience].includes(role):
            raise RuntimeError(f"a shared subscription must not ask for the role {role}")


#: The least role that those of an audience have.
_ROLE_OF = {Audience.PUBLIC: Role.ANONYMOUS, Audience.AUTHENTICATED: Role.VIEWER, Audience.MANAGER: Role.RESPONDER}
_PERSONAL = frozenset({"viewer", "authorization", "connection_params", "last_event_id"})

Info = strawberry.Info[Context, None]
