"""What clients learn of failures: a code, a sentence and the field; of bugs only an id to ask about."""

import logging
import re
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError, TokenKind, ValueNode
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import PreExecutionError
from typing_extensions import override

from domain.errors import DomainError, UnavailableError
from gql.limits.bounds import Bounds
from gql.requests.refusals import internal

logger = logging.getLogger(__name__)

_INVALID = "GRAPHQL_VALIDATION_FAILED"
#: The library says no other way that a document was given up for its length.
_TOO_MANY_TOKENS = "tokens. Parsing aborted"
_SUGGESTION = re.compile(r" Did you mean .*\?$")
_PLACE = re.compile(r" has invalid value at ((?:\.\w+|\[\d+\])+):")

_TAKES_SECRET = re.compile(r"\b(?:create|update)Secret\b")
#: How graphql-core quotes a value, or a part of the document, that it refuses.
_QUOTED = re.compile(r"(?:, found\b|(cannot represent .*? value): ).*", re.DOTALL)


class Cursors(SchemaExtension):
    """Adds the cursor of the event being delivered to each result."""

    @override
    def get_results(self) -> dict[str, Any]:
        cursor = getattr(self.execution_context.context, "cursor", None)
        return {"cursor": cursor} if cursor is not None else {}


def publish(result: Any, context: Any) -> None:
    """Give every error of a result its code; log and mask what is not meant for clients."""
    errors = getattr(result, "errors", None)
    if errors:
        request_id = getattr(context, "request_id", "")
        suggest = Bounds.around(context).introspection
        result.errors = [public_error(error, request_id, suggest=suggest) for error in errors]


def refused(error: Exception, context: Any) -> PreExecutionError:
    """Return the result that stands for an exception which came out of the executor itself."""
    result = PreExecutionError(data=None, errors=[escaped(error)])
    publish(result, context)
    return result


def escaped(error: Exception) -> GraphQLError:
    """Return an exception that no field raised as the error that it is; one without a place in the document."""
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def public_error(error: GraphQLError, request_id: str, *, suggest: bool = True) -> GraphQLError:
    """The error as clients may see it; with names of the schema in it only where it may `suggest` them."""
    original = error.original_error
    # Where graphql-core refused a value because a scalar did, its own message says more: that is no domain error.
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
    if error.path is None and _is_told_by_core(error):
        return _request_error(error, suggest=suggest)
    if isinstance(original, GraphQLError) and original.extensions:
        return _replaced(error, original.message, original.extensions)
    reported = report(original or error, request_id)
    return _replaced(error, reported["message"], reported["extensions"])


def report(bug: Exception, request_id: str) -> dict[str, Any]:
    """Log a bug; what clients hear of it."""
    logger.error("request %s failed", request_id, exc_info=bug, extra={"request_id": request_id})
    return internal(request_id)


def _is_told_by_core(error: GraphQLError) -> bool:
    """Whether it was found in the document or its variables, as opposed to an exception that escaped on the way."""
    original = error.original_error
    # A scalar refuses a value by a ValueError, and graphql-core says where.
    return (
        original is None
        or isinstance(original, DomainError | GraphQLError)
        or (isinstance(original, ValueError) and bool(error.nodes))
    )


def _request_error(error: GraphQLError, *, suggest: bool) -> GraphQLError:
    """An error in the document or its variables, found before anything ran."""
    extensions = dict(error.extensions or {})
    extensions.setdefault("code", _syntax_code(error) if isinstance(error, GraphQLSyntaxError) else _INVALID)
    place = _PLACE.search(error.message)
    if place is not None:
        extensions["field"] = re.findall(r"\w+", place.group(1))
    elif "field" not in extensions and (name := _name_of_literal(error)):
        extensions["field"] = [name]
    message = error.message if suggest else _SUGGESTION.sub("", error.message)
    # graphql-core copies some values before it refuses them; where those came from is lost.
    if error.source is None or _TAKES_SECRET.search(error.source.body):
        message = _QUOTED.sub(r"\1", message)
    return _replaced(error, message, extensions)


def _name_of_literal(error: GraphQLError) -> str | None:
    """The argument or input field that a bad literal in the document was given to: what stands before its colon."""
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, ValueNode) or node.loc is None:
        return None
    colon = node.loc.start_token.prev
    if colon is None or colon.kind is not TokenKind.COLON or colon.prev is None:
        return None
    return colon.prev.value


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
