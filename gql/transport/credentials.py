"""Where a WebSocket's client says who is calling: in the payload of `connection_init`, else in its upgrade request."""

from collections.abc import Iterator, Mapping
from typing import Any

_RIGHT_PLACE = "authorization"
#: Where other servers look for a token, spelled without dashes and in lower case.
_WRONG_PLACES = frozenset(
    {
        _RIGHT_PLACE,
        *("token", "authtoken", "accesstoken", "idtoken", "bearertoken", "xauthtoken", "sessiontoken"),
        *("auth", "bearer", "jwt", "apikey", "xapikey", "password", "xhasuraadminsecret"),
    }
)
_DEEPEST = 3


class MisplacedTokenError(Exception):
    """A token where nobody looks for one: taken for none, it would make its owner anonymous without a word."""

    def __init__(self, place: str) -> None:
        super().__init__(f"No token is read from {place[:40]}: send it as Authorization in the payload.")


def authorization_of(payload: Mapping[str, Any], upgrade: str | None) -> str | None:
    """Return what the client sent as `Authorization`, in any case; the payload's wins over the upgrade request's.

    Null and an empty text are what clients send that have no token.

    Raises:
        MisplacedTokenError: there is none in the payload, but what looks like a token in another place of it; or there
            are several.
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
    """The places of what looks like a token, by its name or by its own first word."""
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
