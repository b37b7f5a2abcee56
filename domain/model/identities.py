"""People named in records of changes, as audiences see them who may not know whom."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.model.actor import Actor
from domain.model.viewer import Audience

#: The recorded fields that name people, as the log and as payloads spell them.
_NAMING = {"acknowledged_by", "acknowledgedBy", "lead", "assignees"}


def shown_to(audience: Audience, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record of fields with the people in it as the audience may see them: without ids, and no address."""
    if audience.sees_identities or _NAMING.isdisjoint(record):
        return record
    return {name: _veiled(value) if name in _NAMING else value for name, value in record.items()}


def payloads_for(audience: Audience) -> Callable[[Mapping[str, Any] | None], Mapping[str, Any]]:
    """Return the function that gives a recorded payload as the audience may see it."""
    # Asked once, and not for each of a hundred changes.
    if audience.sees_identities:
        return lambda payload: payload or {}
    return lambda payload: shown_to(audience, payload or {})


def _veiled(value: Any) -> Any:
    if isinstance(value, list):
        return [_veiled(person) for person in value]
    if not isinstance(value, Mapping):
        return value
    actor = Actor.from_json(value)
    return {"type": actor.type, "id": None, "name": actor.display_name}
