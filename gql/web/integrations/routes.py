"""The routes of integrations, one for each format."""

import re
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from domain.alerts.formats.pagerduty import CHANGE
from domain.alerts.receiving import Received
from domain.bootstrap import Domain
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.model.integration import Integration, IntegrationType
from gql.requests.bodies import decode
from gql.requests.statuses import HttpOutcome, RefusalError
from gql.web.guarding import Call, guarded
from gql.web.integrations.bodies import body_of
from gql.web.integrations.credentials import admit_by_body, admit_by_token, integration_of, token_of

_METHODS = ("POST", "PUT")
#: Of the formats that come otherwise as well: in the address of a GET, and with a question before the first delivery.
_FURTHER = {IntegrationType.HEALTHCHECKS: ("GET",), IntegrationType.CLOUDEVENTS: ("OPTIONS",)}
_ALERTS = (IntegrationType.ALERTMANAGER, IntegrationType.GRAFANA)
#: Of the clients of PagerDuty, many can be given another host and nothing else.
_ENQUEUE, _CHANGE = "/v2/enqueue", "/v2/change/enqueue"
_PREFIXES = (IntegrationType.PAGERDUTY.path.removesuffix(_ENQUEUE), "")
#: A sender's name in the domain name system.
_ORIGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})")
_ACCEPTED = 202
_BAD_REQUEST = 400
_NO_EVENT = "Event object is invalid"


def routes_of_integrations(domain: Domain) -> list[BaseRoute]:
    """Return the routes of all formats."""
    kinds = {kind: _ALERTS if kind in _ALERTS else (kind,) for kind in IntegrationType}
    plain = [kind for kind in IntegrationType if kind is not IntegrationType.PAGERDUTY]
    return [
        *[
            Route(
                kind.path,
                guarded(
                    domain,
                    _receiver_of(kinds[kind]),
                    methods=(*_METHODS, *_FURTHER.get(kind, ())),
                    admit=admit_by_token,
                ),
            )
            for kind in plain
        ],
        *[
            Route(f"{prefix}{path}", guarded(domain, receive, methods=_METHODS, admit=admit_by_body))
            for prefix in _PREFIXES
            for path, receive in ((_ENQUEUE, _enqueue), (_CHANGE, _enqueue_change))
        ],
    ]


def _receiver_of(kinds: Collection[IntegrationType]) -> Callable[[Call], Awaitable[Response]]:
    async def receive(call: Call) -> Response:
        integration = await _integration(call, kinds)
        if call.request.method == "OPTIONS":
            return _welcome(call.request)
        body = await _read(call, integration)
        received = await call.domain.integrations.receiver.receive(integration, body)
        return _answer(integration, received)

    return receive


async def _integration(call: Call, kinds: Collection[IntegrationType]) -> Integration:
    """Return the integration that the guard has admitted.

    Raises:
        ForbiddenError: its token is for deliveries of another format.
    """
    integration = await call.domain.integrations.with_token(token_of(call.request) or "")
    if integration is None:
        raise UnauthenticatedError("This token is not valid any more.")
    if integration.type not in kinds:
        raise ForbiddenError(f"This token is for {integration.path}, and not for this address.")
    return integration


async def _read(call: Call, integration: Integration) -> object:
    """Return the JSON of a delivery; what cannot be read is kept as a refused one.

    Raises:
        RefusalError: it is too large, comes too slowly, or is no JSON.
    """
    receiver = call.domain.integrations.receiver
    try:
        text = await call.bytes()
    except RefusalError as error:
        await receiver.refuse(integration, error.message, text=None)
        raise
    try:
        return await body_of(integration.type, call.request, text)
    except ValueError as error:
        message = "The body cannot be parsed as JSON."
        refused = await receiver.refuse(integration, message, text=text.decode(errors="replace"))
        raise _refusal(message, refused) from error


def _welcome(request: Request) -> Response:
    """Answer whether a sender of CloudEvents may send them here (HTTP web hooks, version 1.0, 4)."""
    headers = {"allow": ", ".join(_METHODS)}
    origin = request.headers.get("webhook-request-origin")
    if origin is not None and _ORIGIN.fullmatch(origin):
        headers["webhook-allowed-origin"] = origin
    return Response(headers=headers)


def _answer(integration: Integration, received: Received) -> Response:
    if received.error is not None:
        raise _refusal(received.error.message, received, is_disabled=not integration.enabled)
    delivery = received.delivery
    counts = {name: getattr(delivery, name) for name in ("alerts", "opened", "resolved", "acknowledged", "refused")}
    body = {"status": "ok", "delivery": delivery.id, "outcome": delivery.outcome.upper(), **counts}
    return JSONResponse(body if delivery.reason is None else {**body, "reason": delivery.reason})


def _refusal(message: str, received: Received, *, is_disabled: bool = False) -> RefusalError:
    outcome, code = (HttpOutcome.FORBIDDEN, "FORBIDDEN") if is_disabled else (HttpOutcome.ILL_FORMED, "BAD_USER_INPUT")
    return RefusalError(outcome, message, code=code, extensions={"delivery": received.delivery.id})


async def _enqueue(call: Call) -> Response:
    """Receive an event as PagerDuty does, and answer as it does."""
    received = await _received(call, lambda body: {name: body[name] for name in body if name != CHANGE})
    if isinstance(received, Response):
        return received
    key = received.signals[0].key
    return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, _ACCEPTED)


async def _enqueue_change(call: Call) -> Response:
    """Receive a change as PagerDuty does: it is kept as a delivery, and opens nothing."""
    received = await _received(call, lambda body: {CHANGE: body})
    if isinstance(received, Response):
        return received
    return JSONResponse({"status": "success", "message": "Change event processed"}, _ACCEPTED)


async def _received(call: Call, event_of: Callable[[dict[str, Any]], dict[str, Any]]) -> Received | Response:
    """Return what was received of PagerDuty's, or the answer to what cannot be."""
    try:
        body = decode(await call.bytes())
    except ValueError:
        body = None
    given = body.get("routing_key") if isinstance(body, dict) else None
    token = token_of(call.request) or (given if isinstance(given, str) else None)
    try:
        integration = await integration_of(call.request, call.domain, token)
        if integration.type is not IntegrationType.PAGERDUTY:
            return _invalid("Invalid routing key")
        event = event_of(body) if isinstance(body, dict) else body
        received = await call.domain.integrations.receiver.receive(integration, event)
    except UnauthenticatedError:
        return _invalid("The body cannot be parsed as JSON" if body is None else "Invalid routing key")
    return received if received.error is None else _invalid(*received.error.problems)


def _invalid(*problems: str) -> Response:
    return JSONResponse({"status": "invalid event", "message": _NO_EVENT, "errors": list(problems)}, _BAD_REQUEST)
