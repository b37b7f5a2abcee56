"""The HTTP outcome of an operation's result or code."""

from typing import Any

from strawberry.types import ExecutionResult

from gql.requests.statuses import HttpOutcome
from gql.transport.outages import has_no_data, reports_outage

_OF_CODE = {
    "GRAPHQL_PARSE_FAILED": HttpOutcome.NOT_PARSED,
    "TOKEN_LIMIT": HttpOutcome.NOT_PARSED,
    "BAD_USER_INPUT": HttpOutcome.ILL_FORMED,
    "RATE_LIMITED": HttpOutcome.RATE_LIMITED,
    "SUBSCRIPTION_LIMIT": HttpOutcome.RATE_LIMITED,
    "INTERNAL": HttpOutcome.FAILED,
    "UNAVAILABLE": HttpOutcome.UNAVAILABLE,
}


def outcome_of(result: ExecutionResult) -> HttpOutcome:
    """Return the outcome of a request whose operation was read."""
    if not result.errors:
        return HttpOutcome.DONE
    if reports_outage(result.errors) and has_no_data(result.data):
        return HttpOutcome.UNAVAILABLE
    if was_executed(result):
        return HttpOutcome.DONE_WITH_ERRORS
    return outcome_of_code(_code(result.errors[0].extensions))


def outcome_of_code(code: str) -> HttpOutcome:
    """Return the outcome of a request that was refused with that code."""
    return _OF_CODE.get(code, HttpOutcome.NOT_VALID)


def was_executed(result: ExecutionResult) -> bool:
    """Return whether execution began: only then does an answer have `data`."""
    errors = result.errors or ()
    return not errors or any(error.path is not None or _code(error.extensions) == "TIMEOUT" for error in errors)


def _code(extensions: dict[str, Any] | None) -> str:
    return str((extensions or {}).get("code"))


def source_failed(result: Any) -> bool:
    """Return whether a subscription's source failed; its error has no path, unlike one from executing an event."""
    errors = getattr(result, "errors", None) or ()
    return getattr(result, "data", None) is None and any(error.path is None for error in errors)
