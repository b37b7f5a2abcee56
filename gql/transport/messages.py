"""Checks of the messages that clients of graphql-transport-ws send (PROTOCOL.md of enisdenjo/graphql-ws)."""

from typing import Any

_WITH_PAYLOAD = frozenset({"connection_init", "ping", "pong"})
_WITH_ID = frozenset({"subscribe", "complete"})


def problem_of(message: Any) -> str | None:
    """Return a short reason why a message is malformed; None where it is well-formed."""
    if not isinstance(message, dict):
        return "A message must be an object"
    kind, payload = message.get("type"), message.get("payload")
    if not isinstance(kind, str):
        return "A message must have a type"
    if kind in _WITH_PAYLOAD and not _is_object_or_none(payload):
        return f"The payload of {kind} must be an object"
    if kind in _WITH_ID and not (isinstance(message.get("id"), str) and message["id"]):
        return f"The id of {kind} must be a non-empty string"
    return _subscribe_problem(payload) if kind == "subscribe" else None


def _subscribe_problem(payload: Any) -> str | None:
    if not isinstance(payload, dict):
        return "The payload of subscribe must be an object"
    if not isinstance(payload.get("query"), str) and not isinstance(payload.get("documentId"), str):
        return "The query must be a string"
    for name in ("variables", "extensions"):
        if not _is_object_or_none(payload.get(name)):
            return f"The {name} must be an object"
    return None if isinstance(payload.get("operationName"), str | None) else "The operationName must be a string"


def _is_object_or_none(value: Any) -> bool:
    return value is None or isinstance(value, dict)
