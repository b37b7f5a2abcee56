"""From what became of an operation to the HTTP response that says so."""

from collections.abc import Sequence

from starlette.responses import Response
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from domain.errors import UnavailableError
from gql.requests.refusals import json_response
from gql.requests.statuses import Outcome
from gql.transport.outcomes import outcome_of

_SAY_WHEN = {Outcome.RATE_LIMITED, Outcome.UNAVAILABLE}


def answer(
    result: ExecutionResult, data: GraphQLHTTPResponse, media: str, *, outage: UnavailableError | None = None
) -> Response:
    """The response with that result, which is shown as `data`; of an operation that wrote nothing for an outage."""
    outcome = outcome_of(result) if outage is None else Outcome.UNAVAILABLE
    headers = {}
    if outcome in _SAY_WHEN:
        waits = [(error.extensions or {}).get("retryAfterSeconds") for error in result.errors or ()]
        wait = outage.retry_after_seconds if outage is not None else next(filter(None, waits))
        headers["retry-after"] = str(wait)
    return json_response(data, outcome, media, headers)


def batch_answer(answers: Sequence[GraphQLHTTPResponse], media: str) -> Response:
    """The response with all results of a batch; each says for itself whether it succeeded."""
    return json_response(answers, Outcome.DONE, media)
