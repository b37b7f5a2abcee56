"""Reading of the operation that a request holds: in its URL, or in the JSON of its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from gql.requests.bodies import decoded
from gql.requests.statuses import HttpOutcome, RefusalError


@dataclass(slots=True, kw_only=True)
class OperationRequest:
    """One operation as a client sent it: the types of its members are checked, and nothing else."""

    query: str | None
    document_id: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None


def operation_in_url(query: bytes) -> OperationRequest:
    """Return the operation in the query of a URL.

    Raises:
        RefusalError: `variables` or `extensions` is no JSON object.
    """
    given: dict[str, Any] = dict(QueryParams(query))
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = decoded(given[name], f"`{name}`")
        else:
            given.pop(name, None)
    # There is no null in a URL: the empty text stands for it (GraphQL over HTTP, GET).
    given["operationName"] = given.get("operationName") or None
    return operation_in(given)


def operation_in(given: object) -> OperationRequest:
    """Return the operation in a JSON object.

    Raises:
        RefusalError: it is no object, or a member has a wrong type.
    """
    if not isinstance(given, dict):
        raise RefusalError(HttpOutcome.ILL_FORMED, "The body must be a JSON object.")
    return OperationRequest(
        query=_member(given, "query", str, "a string"),
        document_id=_member(given, "documentId", str, "a string"),
        operation_name=_member(given, "operationName", str, "a string"),
        variables=_member(given, "variables", dict, "an object"),
        extensions=_member(given, "extensions", dict, "an object"),
    )


def _member(given: Mapping[str, Any], name: str, kind: type, article: str) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise RefusalError(HttpOutcome.ILL_FORMED, f"`{name}` must be {article} or null, if provided.")
    return value
