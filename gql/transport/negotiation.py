"""Content negotiation: the media types that a client accepts."""

from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import QueryParams

from gql.requests.incoming import Incoming
from gql.requests.statuses import EVENT_STREAM, GRAPHQL_JSON, JSON, HttpOutcome, RefusalError

#: The media type that a range of an Accept header stands for.
_KNOWN = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON, EVENT_STREAM: EVENT_STREAM}
#: Headers up to this length are remembered; those of browsers have some 80 characters.
_USUAL_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The media types of the answer: one for single results if any, and event streams if `streams`."""

    media: str | None
    streams: bool


def negotiate(accept: str | None) -> Accepted:
    """Return the media types that an Accept header requests, by their weights and then by their order.

    Raises:
        RefusalError: the header names no media type that this server sends.
    """
    if accept is None or not accept.strip():
        accept = "*/*"
    return (_negotiated if len(accept) <= _USUAL_LENGTH else _negotiated.__wrapped__)(accept)


@lru_cache(maxsize=256)
def _negotiated(accept: str) -> Accepted:
    weights: dict[str, float] = {}
    for part in accept.split(","):
        media = _KNOWN.get(part.partition(";")[0].strip().lower())
        if media is not None:
            weights[media] = max(weights.get(media, 0.0), _weight(part))
    single = max((GRAPHQL_JSON, JSON), key=lambda media: weights.get(media, 0.0))
    # Of two with equal weights, the first named: `max` alone would always take the newer one.
    if weights.get(GRAPHQL_JSON, 0.0) == weights.get(JSON, 0.0):
        single = next((media for media in weights if media != EVENT_STREAM), single)
    media = single if weights.get(single, 0.0) > 0 else None
    streams = weights.get(EVENT_STREAM, 0.0) > 0
    if media is None and not streams:
        raise RefusalError(
            HttpOutcome.NOT_ACCEPTABLE, f"Accept one of {GRAPHQL_JSON}, {JSON} or, for subscriptions, {EVENT_STREAM}."
        )
    return Accepted(media=media, streams=streams)


def is_for_browsers(request: Incoming) -> bool:
    """Return whether a GET without an operation asks for HTML by name; `*/*` does not."""
    given = QueryParams(request.scope["query_string"])
    if any(given.get(name) is not None for name in ("query", "documentId", "extensions")):
        return False
    return any(_is_html(accepted) for accepted in (request.header(b"accept") or "").lower().split(","))


def _is_html(accepted: str) -> bool:
    media_type, *parameters = (part.strip() for part in accepted.split(";"))
    refused = any(parameter.startswith("q=") and not parameter[2:].strip("0.") for parameter in parameters)
    return media_type == "text/html" and not refused


def _weight(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
