"""The one table of HTTP statuses, after GraphQL over HTTP.

The draft moves to 422 for requests refused before execution, and to 294 for data with errors; the audits of its npm
package still demand the statuses below.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class HttpOutcome(Enum):
    """The outcome of a request: its value holds the status for GRAPHQL_JSON and the one for plain JSON."""

    # Enum takes equal values for one member: the name keeps them apart.
    DONE = ("done", 200, 200)
    DONE_WITH_ERRORS = ("done with errors", 200, 200)  # the draft: 294, 200
    NOT_PARSED = ("not parsed", 400, 200)
    NOT_VALID = ("not valid", 400, 200)  # the draft: 422, 422
    ILL_FORMED = ("ill-formed", 400, 400)  # the draft: 422, 422
    UNAUTHENTICATED = ("unauthenticated", 401, 401)
    FORBIDDEN = ("forbidden", 403, 403)
    NOT_FOUND = ("not found", 404, 404)
    WRONG_METHOD = ("wrong method", 405, 405)
    NOT_ACCEPTABLE = ("not acceptable", 406, 406)
    TOO_SLOW = ("too slow", 408, 408)
    TOO_LARGE = ("too large", 413, 413)
    WRONG_TYPE = ("wrong type", 415, 415)
    RATE_LIMITED = ("rate limited", 429, 429)
    FAILED = ("failed", 500, 500)
    UNAVAILABLE = ("unavailable", 503, 503)

    def status(self, media: str) -> int:
        """Return the status of an answer of that media type."""
        _, graphql_json, plain = self.value
        return graphql_json if media == GRAPHQL_JSON else plain


class RefusalError(Exception):
    """A request that is answered without running anything."""

    def __init__(
        self,
        outcome: HttpOutcome,
        message: str,
        *,
        code: str = "BAD_USER_INPUT",
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        #: The error's extensions in the answer.
        self.extensions = {"code": code, **(extensions or {})}
        self.headers = dict(headers or {})
