"""Results lost to an outage: their clients are disconnected to retry, so that they do not take them for answers."""

from collections.abc import Iterable
from typing import Any

from domain.errors import CursorExpiredError, UnavailableError
from gql.transport.sharing import may_write

_CODE = UnavailableError.code
#: The errors that end a shared subscription.
OUTAGE_ERRORS = [{"message": UnavailableError().message, "extensions": {"code": _CODE}}]
#: The error of a subscription that received what a promoted standby lacks.
EXPIRED_ERROR = {"message": CursorExpiredError().message, "extensions": {"code": CursorExpiredError.code}}
#: 1013 is "try again later": official clients come back after it, while an error frame or 4500 ends them for good.
TRY_AGAIN_LATER = (1013, _CODE)


def reports_outage(errors: Iterable[Any] | None) -> bool:
    """Return whether one of these errors, as clients may see them, reports an outage."""
    return any(_extensions(error).get("code") == _CODE for error in errors or ())


def is_lost_to_outage(result: Any, query: str | None, operation_name: str | None) -> bool:
    """Return whether an outage left a stream's result without its data. A mutation's result is always sent."""
    if not reports_outage(getattr(result, "errors", None)):
        return False
    return result.data is None or not query or not may_write(query, operation_name)


def has_no_data(data: dict[str, Any] | None) -> bool:
    """Return whether an answer holds errors alone."""
    return data is None or all(value is None for value in data.values())


def _extensions(error: Any) -> dict[str, Any]:
    found = error.get("extensions") if isinstance(error, dict) else error.extensions
    return found or {}
