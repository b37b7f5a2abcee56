"""Errors as clients see them: a code, a message and the field; for masked bugs only the id of the request."""

import logging
import re
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError
from typing_extensions import override

from domain.errors import DomainError, UnavailableError
from gql.limits.bounds import Bounds
from gql.limits.refused_values import place_of, readable
from gql.requests.refusals import internal

logger = logging.getLogger(__name__)

_INVALID = "GRAPHQL_VALIDATION_FAILED"
#: The library has no other sign of a document that was refused for its length.
_TOO_MANY_TOKENS = "tokens. Parsing aborted"
_SUGGESTION = re.compile(r" Did you mean .*\?$")
#: Mutations with secrets in their input: addresses of channels and webhooks hold tokens.
_TAKES_SECRET = re.compile(r"\b(?:(?:create|update)(?:Secret|Channel|Webhook)|deleteVisitorSubscription)\b")


class Cursors(SchemaExtension):
    """An extension that adds the cursor of the event being delivered to each result."""

    @override
    def get_results(self) -> dict[str, Any]:
        cursor = getattr(self.execution_context.context, "cursor", None)
        return {"cursor": cursor} if cursor is not None else {}


def publish(result: Any, context: Any) -> None:
    """Give every error of a result its code; log and mask bugs."""
    errors = getattr(result, "errors", None)
    if errors:
        request_id = getattr(context, "request_id", "")
        suggest = Bounds.around(context).introspection
        result.errors = [public_error(error, request_id, suggest=suggest) for error in errors]


def refused(error: Exception, context: Any) -> PreExecutionError:
    """Return the result for an exception which escaped the executor."""
    result = PreExecutionError(data=None, errors=[escaped(error)])
    publish(result, context)
    return result


def escaped(error: Exception) -> GraphQLError:
    """Return an exception that no field raised as a GraphQL error without a place in the document."""
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def public_error(error: GraphQLError, request_id: str, *, suggest: bool = True) -> GraphQLError:
    """Return the error as clients may see it; names of the schema are suggested only where `suggest` is set."""
    original = error.original_error
    # Where a scalar made graphql-core refuse a value, its own message says more: that is no domain error.
    if isinstance(original, DomainError) and (error.path is not None or error.message == original.message):
        extensions: dict[str, Any] = {"code": original.code}
        if original.field is not None:
            extensions["field"] = original.field
        if isinstance(original, UnavailableError):
            extensions["retryAfterSeconds"] = original.retry_after_seconds
        return _replaced(error, original.message, extensions)
    if isinstance(original, CannotGetOperationTypeError):
        return _replaced(error, error.message, {"code": "OPERATION_RESOLUTION_FAILURE"})
    if isinstance(original, InvalidOperationTypeError):
        return _replaced(error, error.message, {"code": "BAD_USER_INPUT"})
    if error.path is None and _comes_from_core(error):
        return _request_error(error, suggest=suggest)
    if isinstance(original, GraphQLError) and original.extensions:
        return _replaced(error, original.message, original.extensions)
    reported = report(original or error, request_id)
    return _replaced(error, reported["message"], reported["extensions"])


def report(bug: Exception, request_id: str) -> dict[str, Any]:
    """Log a bug and return the masked error for clients."""
    logger.error("request %s failed", request_id, exc_info=bug, extra={"request_id": request_id})
    return internal(request_id)


def _comes_from_core(error: GraphQLError) -> bool:
    """Return whether the error is about the document or its variables, unlike an exception that escaped."""
    original = error.original_error
    # A scalar refuses a value by a ValueError, to which graphql-core adds the place.
    return (
        original is None
        or isinstance(original, DomainError | GraphQLError)
        or (isinstance(original, ValueError) and bool(error.nodes))
    )


def _request_error(error: GraphQLError, *, suggest: bool) -> GraphQLError:
    """Return the public form of an error in the document or its variables, found before execution."""
    extensions = dict(error.extensions or {})
    extensions.setdefault("code", _syntax_code(error) if isinstance(error, GraphQLSyntaxError) else _INVALID)
    if "field" not in extensions and (place := place_of(error)):
        extensions["field"] = place
    # graphql-core copies some values before it refuses them; the source of those is lost.
    secret = error.source is None or _TAKES_SECRET.search(error.source.body) is not None
    message = readable(error.message, secret=secret)
    message = message if suggest else _SUGGESTION.sub("", message)
    return _replaced(error, message, extensions)


def _syntax_code(error: GraphQLSyntaxError) -> str:
    return "TOKEN_LIMIT" if _TOO_MANY_TOKENS in error.message else "GRAPHQL_PARSE_FAILED"


def _replaced(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
