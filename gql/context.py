"""The context of resolvers, one per operation."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import strawberry
from typing_extensions import override

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.messaging.buckets import Allowance
from domain.model.counts import Counting
from domain.model.freshness import ANY, Freshness
from domain.model.listing import Listing
from domain.model.viewer import ANONYMOUS, Audience, Role, Viewer
from domain.services.lists import ListStep
from domain.services.live_counts import CountsStep
from gql.counting import UNKNOWN
from gql.loaders import Loaders
from gql.requests.admission import payer_of
from gql.sources import EventSource, ListSource, LogSource, resumed


def nothing_so_far(_: Exception) -> dict[str, Any]:
    """Return no partial results, for a mutation that does one thing or nothing."""
    return {}


class Projecting(Protocol):
    """A reader of a mutation's answer, in its transaction."""

    def within(self, show: Callable[[Any], dict[str, Any]]) -> AbstractContextManager[None]:
        """Have the write in the block read what its payload shows, of which `show` returns the members."""


@dataclass(slots=True, kw_only=True)
class Context:
    """The caller, the services and this operation's loaders."""

    domain: Domain
    request_id: str
    viewer: Viewer = ANONYMOUS
    #: The address of the caller's connection.
    address: str = ""
    #: The operation's cost, and the rest of its caller's rate limit; None where there is no limit.
    cost: int = 0
    allowance: Allowance | None = None
    #: Whether it is paid for: on the compiled path, which then failed.
    is_paid: bool = False
    #: How recent the answer of a query has to be.
    freshness: Freshness = ANY
    #: The last event that an SSE client received.
    last_event_id: str | None = None
    #: The log's position as of the event being delivered, as a cursor; sent as `extensions.cursor`.
    cursor: str | None = None
    #: The payload of a WebSocket client's `connection_init`.
    connection_params: dict[str, Any] | None = None
    #: The `Authorization` of its upgrade request, until `connection_init` comes.
    authorization: str | None = field(default=None, repr=False)
    #: The source of a subscription's events; None for the log itself.
    source: EventSource | None = None
    #: The partial results of the running mutation field, as members of its payload, in case that it fails.
    so_far: Callable[[Exception], dict[str, Any]] = nothing_so_far
    #: The outage for which all mutation fields of an operation failed.
    outage: UnavailableError | None = None
    #: The type and the name of the operation, once they are known, and the codes with which its mutations failed.
    kind: str = UNKNOWN
    name: str | None = None
    user_errors: tuple[str, ...] = ()
    #: When it began to run, by `time.perf_counter`, and whether as a compiled function.
    run_at: float = 0.0
    is_compiled: bool = False
    #: What reads the answer of a mutation in its transaction.
    projecting: Projecting | None = None
    #: The payload of a mutation, once it is there.
    payload: Any = None
    _loaders: Loaders | None = field(default=None, init=False, repr=False)

    @property
    def loaders(self) -> Loaders:
        """The loaders of this operation or, in a subscription, of this event."""
        # Made on first use: all loaders together take 20 KB, and an idle socket's context never uses them.
        if self._loaders is None:
            self._loaders = Loaders(self.domain, self.audience)
        return self._loaders

    @property
    def events(self) -> EventSource:
        """The source of a subscription's events."""
        return self.source or LogSource(self.domain.events, last_event_id=self.last_event_id)

    @property
    def audience(self) -> Audience:
        """The audience that the caller belongs to."""
        return self.viewer.audience

    @property
    def payer(self) -> str:
        """The name that this operation is charged to: the token, else the address."""
        return payer_of(self.viewer, self.address)

    def listed(self, listing: Listing, after: str | None) -> AsyncGenerator[ListStep[Any], None]:
        """Yield the steps of a live list: those of its group, or from a cursor on where it is not shared."""
        if isinstance(self.source, ListSource):
            return self.source.listed(listing)
        return self.domain.lists.follow(listing, self.audience, self.resumed(after))

    def counted(self, counting: Counting) -> AsyncGenerator[CountsStep, None]:
        """Yield live counts: those of its group, or its own where they are not shared."""
        if isinstance(self.source, ListSource):
            return self.source.counted(counting)
        return self.domain.metrics.follow(counting, self.audience)

    async def spend(self, points: int) -> Allowance | None:
        """Charge the caller; return what is left of their rate limit, None where there is none."""
        return await self.domain.buckets.spend(self.payer, points)

    def require(self, role: Role) -> None:
        """Check that the caller's role includes the needed one.

        Raises:
            UnauthenticatedError, ForbiddenError
        """
        self.viewer.require(role)

    def for_operation(self, source: EventSource | None = None, *, freshness: Freshness = ANY) -> "Context":
        """Return a fresh context for the next operation of the same connection."""
        return Context(
            domain=self.domain,
            request_id=self.request_id,
            viewer=self.viewer,
            address=self.address,
            last_event_id=self.last_event_id,
            connection_params=self.connection_params,
            source=source,
            freshness=freshness,
        )

    def resumed(self, after: str | None) -> str | None:
        """Return the cursor from which a subscription resumes."""
        return resumed(self.last_event_id, after)

    def at_event(self, seq: int) -> None:
        """Prepare the context for the next event: set its cursor, and forget what was read before."""
        self.cursor = self.domain.events.cursor_of(seq)
        self.forget()

    def forget(self) -> None:
        """Drop all loaded values, which may be out of date, so that they are read again."""
        self._loaders = None


@dataclass(slots=True, kw_only=True)
class GroupContext(Context):
    """The context of a shared execution, which knows the audience of its members but none of them."""

    shared_audience: Audience = Audience.PUBLIC

    @property
    @override
    def audience(self) -> Audience:
        """The audience of all members of the group."""
        return self.shared_audience

    @override
    def __getattribute__(self, name: str) -> Any:
        if name in _PERSONAL:
            # Reached by a field that was not declared as dependent on the caller.
            raise RuntimeError(f"a shared subscription must not look at the caller's {name}")
        # Not super(): a dataclass with slots is another class than the one that this method was defined in.
        return object.__getattribute__(self, name)

    @override
    async def spend(self, points: int) -> Allowance | None:
        """Charge no caller: each member paid when it joined."""
        return None

    @override
    def resumed(self, after: str | None) -> str | None:
        """Return the cursor unchanged: members have caught up by themselves."""
        return after

    @override
    def require(self, role: Role) -> None:
        """Check that all of the audience have the role; each member was checked when it joined."""
        if not _ROLE_OF[self.shared_audience].includes(role):
            raise RuntimeError(f"a shared subscription must not ask for the role {role}")


#: The least role that callers of an audience have.
_ROLE_OF = {Audience.PUBLIC: Role.ANONYMOUS, Audience.AUTHENTICATED: Role.VIEWER, Audience.MANAGER: Role.RESPONDER}
_PERSONAL = frozenset({"viewer", "authorization", "connection_params", "last_event_id"})

Info = strawberry.Info[Context, None]
