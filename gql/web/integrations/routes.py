"""The routes of integrations, one for each format."""

from collections.abc import Awaitable, Callable, Collection
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from domain.alerts.receiving import Received
from domain.bootstrap import Domain
from domain.errors import ForbiddenError, UnauthenticatedError
from domain.model.integration import Integration, IntegrationType
from gql.requests.bodies import decode
from gql.requests.statuses import HttpOutcome, RefusalError
from gql.web.guarding import Call, guarded
from gql.web.integrations.credentials import admit_by_body, admit_by_token, integration_of, token_of

_METHODS = ("POST", "PUT")
_ALERTS = (IntegrationType.ALERTMANAGER, IntegrationType.GRAFANA)
#: Of the clients of PagerDuty, many can be given another host and nothing else.
_PAGERDUTY = (IntegrationType.PAGERDUTY.path, "/v2/enqueue")
_ACCEPTED = 202
_BAD_REQUEST = 400
_NO_EVENT = "Event object is invalid"


def routes_of_integrations(domain: Domain) -> list[BaseRoute]:
    """Return the routes of all formats."""
    kinds = {kind: _ALERTS if kind in _ALERTS else (kind,) for kind in IntegrationType}
    plain = [kind for kind in IntegrationType if kind is not IntegrationType.PAGERDUTY]
    return [
        *[
            Route(kind.path, guarded(domain, _receiver_of(kinds[kind]), methods=_METHODS, admit=admit_by_token))
            for kind in plain
        ],
        *[Route(path, guarded(domain, _enqueue, methods=_METHODS, admit=admit_by_body)) for path in _PAGERDUTY],
    ]


def _receiver_of(kinds: Collection[IntegrationType]) -> Callable[[Call], Awaitable[Response]]:
    async def receive(call: Call) -> Response:
        integration = await _integration(call, kinds)
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
        return _event(call.request, text) if integration.type is IntegrationType.CLOUDEVENTS else decode(text)
    except ValueError as error:
        message = "The body cannot be parsed as JSON."
        refused = await receiver.refuse(integration, message, text=text.decode(errors="replace"))
        raise _refusal(message, refused) from error


def _event(request: Request, text: bytes) -> object:
    """Return a CloudEvent in the structured form, also where it came in the binary one.

    Raises:
        ValueError: it is no JSON.
    """
    if "ce-specversion" not in request.headers:
        return decode(text)
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    data = decode(text) if text and (media.endswith(("/json", "+json"))) else text.decode(errors="replace")
    return {**_attributes(request.headers), "datacontenttype": media, "data": data}


def _attributes(headers: Headers) -> dict[str, str]:
    # Characters beyond ASCII are percent-encoded there (CloudEvents' HTTP binding, 3.1.3.2).
    return {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}


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
        received = await call.domain.integrations.receiver.receive(integration, body)
    except UnauthenticatedError:
        return _invalid("The body cannot be parsed as JSON" if body is None else "Invalid routing key")
    if received.error is not None:
        return _invalid(*received.error.problems)
    key = received.signals[0].key
    return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": key}, _ACCEPTED)


def _invalid(*problems: str) -> Response:
    return JSONResponse({"status": "invalid event", "message": _NO_EVENT, "errors": list(problems)}, _BAD_REQUEST)
