"""Results that an outage spoiled: their clients are sent away to come back, instead of taking them for the answer."""

from collections.abc import Iterable
from typing import Any

from domain.errors import UnavailableError
from gql.transport.sharing import may_write

_CODE = UnavailableError.code
#: What those who share a subscription hear, if they hear anything.
AWAY = [{"message": UnavailableError().message, "extensions": {"code": _CODE}}]
#: 1013 is "try again later": official clients come back after it, while an error frame or 4500 ends them for good.
TRY_AGAIN_LATER = (1013, _CODE)


def tells_of_outage(errors: Iterable[Any] | None) -> bool:
    """Whether one of these errors, as clients may see them, says that something is away."""
    return any(_extensions(error).get("code") == _CODE for error in errors or ())


def is_spoiled(result: Any, query: str | None, operation_name: str | None) -> bool:
    """Whether a result on a stream is none, because of an outage. What a mutation wrote is never kept back."""
    if not tells_of_outage(getattr(result, "errors", None)):
        return False
    return result.data is None or not query or not may_write(query, operation_name)


def found_nothing(data: dict[str, Any] | None) -> bool:
    """Whether an answer has nothing in it but errors."""
    return data is None or all(value is None for value in data.values())


def _extensions(error: Any) -> dict[str, Any]:
    found = error.get("extensions") if isinstance(error, dict) else error.extensions
    return found or {}
