"""A request as the server hands it on: its head, and its body, which may be yet to come."""

from collections.abc import Mapping

from starlette.types import Receive, Scope

from gql.requests.freshness import AFTER_HEADER
from gql.requests.statuses import JSON, HttpOutcome, RefusalError

#: Headers that say who is calling, what is sent and how recent the answer has to be. Of two, another server on the way
#: may have gone by the other one.
_SINGLE = ("Authorization", "Content-Type", AFTER_HEADER)


class Incoming:
    """One HTTP request, of which no more is made than what is asked for."""

    __slots__ = ("headers", "media", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        #: The headers; the first one of those that have the same name.
        self.headers: Mapping[bytes, bytes] = dict(reversed(scope["headers"]))
        #: The media type of the answer, as far as it is known: refusals come in it, too.
        self.media = JSON

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return str(self.scope["method"])

    @property
    def address(self) -> str:
        """The address that the request comes from; empty where it is unknown."""
        client = self.scope.get("client")
        return client[0] if client else ""

    def require_single_headers(self) -> None:
        """Check that no header comes twice that a request may have once.

        Raises:
            RefusalError: one does.
        """
        if len(self.headers) == len(self.scope["headers"]):
            return
        names = [name for name, _ in self.scope["headers"]]
        for name in _SINGLE:
            if names.count(name.lower().encode()) > 1:
                raise RefusalError(HttpOutcome.ILL_FORMED, f"A request may have one `{name}` header; here are several.")

    def header(self, name: bytes) -> str | None:
        """Return a header by its name in lower case; None where there is none."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")
