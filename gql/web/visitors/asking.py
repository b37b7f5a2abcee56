"""Requests to subscribe, as JSON or as the form of a page."""

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from domain.errors import InvalidInputError
from domain.model.visitor import VisitorKind
from domain.visitors.service import Subscribe
from gql.requests.bodies import decoded
from gql.requests.statuses import JSON, HttpOutcome, RefusalError

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 200
_FIELDS = {"email": VisitorKind.MAIL, "webhook": VisitorKind.WEBHOOK}
_SYSTEMS = "systems"


def asked_for(request: Request, content: bytes) -> Subscribe:
    """Return the subscription that a request asks for: `email` or `webhook`, and `systems` by key or id.

    Raises:
        InvalidInputError: it names no address, or two, or something is of the wrong kind.
        RefusalError: it is neither JSON nor a form.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == JSON:
        given = decoded(content, "The body")
    elif media == FORM:
        given = _form(content)
    else:
        message = f"Send {JSON} or {FORM}."
        raise RefusalError(HttpOutcome.WRONG_TYPE, message, headers={"accept-post": f"{JSON}, {FORM}"})
    if not isinstance(given, dict):
        raise InvalidInputError("The body must be an object with `email` or `webhook`.")
    if unknown := sorted(given.keys() - _FIELDS.keys() - {_SYSTEMS}):
        raise InvalidInputError("This is no field of a subscription.", field=[str(unknown[0])[:40]])
    chosen = [(name, kind) for name, kind in _FIELDS.items() if given.get(name)]
    if len(chosen) != 1:
        raise InvalidInputError("Give either `email` or `webhook`.", field=["email"])
    [(name, kind)] = chosen
    if not isinstance(given[name], str):
        raise InvalidInputError("This must be a text.", field=[name])
    return Subscribe(kind=kind, address=given[name], systems=_systems(given.get(_SYSTEMS)))


def _systems(given: Any) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(system, str) for system in given):
        raise InvalidInputError("Systems must be a list of keys or ids.", field=[_SYSTEMS])
    return given


def _form(content: bytes) -> dict[str, Any]:
    """Return the fields of a form; blank ones are left out, and `systems` may come several times."""
    try:
        fields = parse_qs(content.decode(), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise RefusalError(HttpOutcome.ILL_FORMED, "The form cannot be read.") from None
    return {name: values if name == _SYSTEMS else values[-1] for name, values in fields.items()}
