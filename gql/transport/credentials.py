"""Credentials of a WebSocket's client: from the payload of `connection_init`, else from its upgrade request."""

from collections.abc import Iterator, Mapping
from typing import Any

_RIGHT_PLACE = "authorization"
#: The names under which other servers look for a token, without dashes and in lower case.
_WRONG_PLACES = frozenset(
    {
        _RIGHT_PLACE,
        *("token", "authtoken", "accesstoken", "idtoken", "bearertoken", "xauthtoken", "sessiontoken"),
        *("auth", "bearer", "jwt", "apikey", "xapikey", "password", "xhasuraadminsecret"),
    }
)
_DEEPEST = 3


class MisplacedTokenError(Exception):
    """A token in a place where none is read. Ignoring it would silently make its owner anonymous."""

    def __init__(self, place: str) -> None:
        super().__init__(f"No token is read from {place[:40]}: send it as Authorization in the payload.")


def authorization_of(payload: Mapping[str, Any], upgrade: str | None) -> str | None:
    """Return the client's `Authorization`, spelled in any case; the payload's wins over the upgrade request's.

    Clients without a token send null or an empty text.

    Raises:
        MisplacedTokenError: the payload has a token in another place, or several different ones.
    """
    given = [value for name, value in payload.items() if name.lower() == _RIGHT_PLACE and value]
    if any(not isinstance(value, str) or value != given[0] for value in given):
        raise MisplacedTokenError("an object, or from several values")
    if given:
        return str(given[0])
    place = next(_misplaced(payload, ""), None)
    if place is not None:
        raise MisplacedTokenError(place)
    return upgrade


def _misplaced(given: Any, place: str) -> Iterator[str]:
    """Yield the places of values that look like a token by their name or by their first word."""
    if isinstance(given, str):
        if given[:7].lower() == "bearer ":
            yield place
    elif isinstance(given, Mapping) and place.count(".") < _DEEPEST:
        for name, value in given.items():
            inner = f"{place}.{name}" if place else name
            if value and name.lower().replace("-", "").replace("_", "") in _WRONG_PLACES:
                yield inner
            yield from _misplaced(value, inner)
    elif isinstance(given, list) and place.count(".") < _DEEPEST:
        for value in given:
            yield from _misplaced(value, f"{place}.0")
