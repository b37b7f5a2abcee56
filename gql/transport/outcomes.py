"""The outcome of an operation, as HTTP has to show it."""

from typing import Any

from strawberry.types import ExecutionResult

from gql.requests.statuses import Outcome
from gql.transport.outages import found_nothing, tells_of_outage

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
