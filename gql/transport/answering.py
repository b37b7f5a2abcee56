"""HTTP responses for the results of operations."""

from collections.abc import Iterable
from typing import Any, cast

from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from domain.errors import UnavailableError
from gql.requests.refusals import JsonResponse, json_response
from gql.requests.statuses import HttpOutcome
from gql.transport.outcomes import outcome_of, was_executed

_SAY_WHEN = {HttpOutcome.RATE_LIMITED, HttpOutcome.UNAVAILABLE}


def answer(result: ExecutionResult, media: str, *, outage: UnavailableError | None = None) -> JsonResponse:
    """Return the response that shows a result; `outage` is set where a mutation could not write."""
    outcome = outcome_of(result) if outage is None else HttpOutcome.UNAVAILABLE
    headers = None
    if outcome in _SAY_WHEN:
        waits = [(error.extensions or {}).get("retryAfterSeconds") for error in result.errors or ()]
        wait = outage.retry_after_seconds if outage is not None else next(filter(None, waits))
        headers = {"retry-after": str(wait)}
    return json_response(shown(result), outcome, media, headers)


def batch_answer(results: Iterable[ExecutionResult], media: str) -> JsonResponse:
    """Return the response with all results of a batch, each with its own errors."""
    return json_response(list(map(shown, results)), HttpOutcome.DONE, media)


def shown(result: ExecutionResult) -> GraphQLHTTPResponse:
    """Return the answer that shows a result; one without data where nothing was executed."""
    members: dict[str, Any] = {}
    if was_executed(result):
        members["data"] = result.data
    if result.errors:
        members["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        members["extensions"] = result.extensions
    return cast("GraphQLHTTPResponse", members)
