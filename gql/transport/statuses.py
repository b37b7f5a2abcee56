"""Which HTTP status says what: the one table, after GraphQL over HTTP.

The draft moves to 422 for what is refused before it runs, and to 294 for data with errors; the audits of its npm
package still want what stands here.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from strawberry.types import ExecutionResult

from gql.transport.outages import found_nothing, tells_of_outage

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class Outcome(Enum):
    """What became of a request; its value is the status for GRAPHQL_JSON, and the one for plain JSON."""

    # Enum takes equal values for one member: the name keeps them apart.
    DONE = ("done", 200, 200)
    DONE_WITH_ERRORS = ("done with errors", 200, 200)  # the draft: 294, 200
    NOT_PARSED = ("not parsed", 400, 200)
    NOT_VALID = ("not valid", 400, 200)  # the draft: 422, 422
    ILL_FORMED = ("ill-formed", 400, 400)  # the draft: 422, 422
    UNAUTHENTICATED = ("unauthenticated", 401, 401)
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
        """The status of an answer of that media type."""
        _, graphql_json, plain = self.value
        return graphql_json if media == GRAPHQL_JSON else plain


class RefusalError(Exception):
    """A request that is answered without running anything."""

    def __init__(
        self, outcome: Outcome, message: str, *, code: str = "BAD_USER_INPUT", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


_OF_CODE = {
    "GRAPHQL_PARSE_FAILED": Outcome.NOT_PARSED,
    "TOKEN_LIMIT": Outcome.NOT_PARSED,
    "BAD_USER_INPUT": Outcome.ILL_FORMED,
    "RATE_LIMITED": Outcome.RATE_LIMITED,
    "SUBSCRIPTION_LIMIT": Outcome.RATE_LIMITED,
    "INTERNAL": Outcome.FAILED,
    "UNAVAILABLE": Outcome.UNAVAILABLE,
}


def outcome_of(result: ExecutionResult) -> Outcome:
    """What became of a request that was read."""
    if not result.errors:
        return Outcome.DONE
    if tells_of_outage(result.errors) and found_nothing(result.data):
        return Outcome.UNAVAILABLE
    if was_executed(result):
        return Outcome.DONE_WITH_ERRORS
    return outcome_of_code(_code(result.errors[0].extensions))


def outcome_of_code(code: str) -> Outcome:
    """What became of a request that was refused with that code."""
    return _OF_CODE.get(code, Outcome.NOT_VALID)


def was_executed(result: ExecutionResult) -> bool:
    """Whether execution began: only then does an answer have `data`."""
    errors = result.errors or ()
    return not errors or any(error.path is not None or _code(error.extensions) == "TIMEOUT" for error in errors)


def _code(extensions: dict[str, Any] | None) -> str:
    return str((extensions or {}).get("code"))
