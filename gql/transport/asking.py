"""The operation that a request asks for: in its URL, or in the JSON of its body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from gql.requests.bodies import decoded
from gql.requests.statuses import Outcome, RefusalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One operation as a client sent it: right types, and nothing else known of it."""

    query: str | None
    document_id: str | None
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None


def asked_in_query(request: Request) -> Asked:
    """The operation in a URL.

    Raises:
        RefusalError: a parameter is no JSON object where it has to be one.
    """
    given: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = decoded(given[name], f"`{name}`")
        else:
            given.pop(name, None)
    return asked_in(given)


def asked_in(given: object) -> Asked:
    """The operation in a JSON object.

    Raises:
        RefusalError: it is none, or a member has a wrong type.
    """
    if not isinstance(given, dict):
        raise RefusalError(Outcome.ILL_FORMED, "The body must be a JSON object.")
    return Asked(
        query=_member(given, "query", str, "a string"),
        document_id=_member(given, "documentId", str, "a string"),
        operation_name=_member(given, "operationName", str, "a string"),
        variables=_member(given, "variables", dict, "an object"),
        extensions=_member(given, "extensions", dict, "an object"),
    )


def _member(given: Mapping[str, Any], name: str, kind: type, article: str) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise RefusalError(Outcome.ILL_FORMED, f"`{name}` must be {article} or null, if provided.")
    return value
