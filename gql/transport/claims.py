"""Limits on the sockets and unshared subscriptions that a process serves for one caller."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from graphql import GraphQLError

from domain.settings import Settings
from gql.context import Context
from gql.requests.admission import BY_ADDRESS


class Claims:
    """The subscriptions and sockets of each caller, with their limits.

    A subscription that several callers share costs as much as one. So only those count that a caller shares with no
    other. Sockets count whether or not there are subscriptions in them.
    """

    def __init__(self, settings: Settings) -> None:
        self._per_token = settings.max_subscriptions_per_token
        self._per_address = settings.max_subscriptions_per_address
        self._most_sockets = settings.max_sockets_per_caller
        #: For each subscription, the claims of each caller; with the key itself, so that claims do not keep equal ones.
        self._callers: dict[Hashable, tuple[Hashable, Counter[str]]] = {}
        self._alone: Counter[str] = Counter()
        self._sockets: Counter[str] = Counter()
        #: How many subscriptions were admitted, and how often one was refused; and how many streams are open.
        self.admitted = 0
        self.refused = 0
        self.streams = 0

    def __len__(self) -> int:
        return len(self._callers) + len(self._sockets)

    def check(self, context: Context, subscription: Hashable) -> None:
        """Check that a caller may have this subscription.

        Raises:
            GraphQLError: no other caller shares it, and this one has as many unshared subscriptions as allowed.
        """
        most = self._per_address if context.payer.startswith(BY_ADDRESS) else self._per_token
        if subscription not in self._callers and self._alone[context.payer] >= most:
            self.refused += 1
            raise _too_many(
                f"You have {most} subscriptions here that nobody shares with you, and no more are allowed. End some, "
                "or ask for the same as others do."
            )

    def enter(self, context: Context, subscription: Hashable) -> "Claim":
        """Return the caller's claim on a subscription, to be released with `leave`.

        Raises:
            GraphQLError: as from `check`.
        """
        self.check(context, subscription)
        self.admitted += 1
        return Claim(self, self._changed(subscription, context.payer, by=1), context.payer)

    def leave(self, subscription: Hashable, caller: str) -> None:
        """Release one claim of the caller."""
        self._changed(subscription, caller, by=-1)

    def check_socket(self, context: Context) -> None:
        """Check that a caller may open another WebSocket or stream.

        Raises:
            GraphQLError: they have as many as allowed.
        """
        if self._sockets[context.payer] >= self._most_sockets:
            raise _too_many(f"You have {self._most_sockets} sockets and streams here, and no more are allowed.")

    def open_socket(self, caller: str) -> None:
        """Count a socket that was opened."""
        self._sockets[caller] += 1

    def close_socket(self, caller: str) -> None:
        """Stop counting a socket that was closed."""
        self._sockets[caller] -= 1
        if not self._sockets[caller]:
            del self._sockets[caller]

    @contextmanager
    def stream(self, context: Context) -> Iterator[None]:
        """Count a stream while the block runs."""
        caller = context.payer
        self.open_socket(caller)
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1
            self.close_socket(caller)

    def _changed(self, subscription: Hashable, caller: str, *, by: int) -> Hashable:
        same, callers = self._callers.setdefault(subscription, (subscription, Counter()))
        before = _only(callers)
        callers[caller] += by
        if not callers[caller]:
            del callers[caller]
        if not callers:
            del self._callers[subscription]
        after = _only(callers)
        if before == after:
            return same
        if before is not None:
            self._alone[before] -= 1
            if not self._alone[before]:
                del self._alone[before]
        if after is not None:
            self._alone[after] += 1
        return same


class Claim:
    """One caller's claim on a subscription."""

    __slots__ = ("_caller", "_claims", "_subscription")

    def __init__(self, claims: Claims, subscription: Hashable, caller: str) -> None:
        self._claims: Claims | None = claims
        self._subscription = subscription
        self._caller = caller

    def leave(self) -> None:
        """Release the claim; a second call does nothing."""
        claims, self._claims = self._claims, None
        if claims is not None:
            claims.leave(self._subscription, self._caller)


def _only(callers: Counter[str]) -> str | None:
    """Return the only caller of a subscription; None where there is none, or several."""
    return next(iter(callers)) if len(callers) == 1 else None


def _too_many(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "SUBSCRIPTION_LIMIT"})
