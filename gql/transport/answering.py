"""HTTP responses for the results of operations."""

from collections.abc import Sequence

from starlette.responses import Response
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from domain.errors import UnavailableError
from gql.requests.refusals import json_response
from gql.requests.statuses import HttpOutcome
from gql.transport.outcomes import outcome_of

_SAY_WHEN = {HttpOutcome.RATE_LIMITED, HttpOutcome.UNAVAILABLE}


def answer(
    result: ExecutionResult, data: GraphQLHTTPResponse, media: str, *, outage: UnavailableError | None = None
) -> Response:
    """Return the response that shows a result as `data`; `outage` is set where a mutation could not write."""
    outcome = outcome_of(result) if outage is None else HttpOutcome.UNAVAILABLE
    headers = {}
    if outcome in _SAY_WHEN:
        waits = [(error.extensions or {}).get("retryAfterSeconds") for error in result.errors or ()]
        wait = outage.retry_after_seconds if outage is not None else next(filter(None, waits))
        headers["retry-after"] = str(wait)
    return json_response(data, outcome, media, headers)


def batch_answer(answers: Sequence[GraphQLHTTPResponse], media: str) -> Response:
    """Return the response with all results of a batch, each with its own errors."""
    return json_response(answers, HttpOutcome.DONE, media)
