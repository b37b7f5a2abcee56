"""The audit log: who changed tokens, secrets and other settings, when, and what of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.model.actor import Actor
from domain.model.moment import iso


class AuditKind(StrEnum):
    """The kind of what was changed."""

    TOKEN = "token"  # noqa: S105 - a kind
    SECRET = "secret"  # noqa: S105 - a kind
    CHANNEL = "channel"
    INTEGRATION = "integration"
    WEBHOOK = "webhook"
    AUTOMATION = "automation"
    VISITOR_SUBSCRIPTION = "visitor_subscription"
    PERSON = "person"
    SETTING = "setting"


class AuditAction(StrEnum):
    """A change that is audited."""

    CREATED = "created"
    UPDATED = "updated"
    ROTATED = "rotated"
    REVOKED = "revoked"
    DELETED = "deleted"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field that was changed; values of those that may be secret, or are long, are left out."""

    field: str
    before: Any = None
    after: Any = None
    #: Whether the values are shown.
    is_shown: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the stored form."""
        values = {"before": self.before, "after": self.after} if self.is_shown else {}
        return {"field": self.field, **values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FieldChange":
        """Return the change that `as_json` described."""
        return cls(field=data["field"], before=data.get("before"), after=data.get("after"), is_shown="after" in data)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change of one object."""

    id: str
    occurred_at: datetime
    actor: Actor
    #: The id of the token with which the actor did it; None for others.
    token_id: str | None
    kind: AuditKind
    action: AuditAction
    object_id: str
    object_name: str | None
    changes: tuple[FieldChange, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the entry as one JSON object."""
        return {
            "id": self.id,
            "occurredAt": iso(self.occurred_at),
            "actor": self.actor.as_json(),
            "tokenId": self.token_id,
            "kind": self.kind,
            "action": self.action,
            "objectId": self.object_id,
            "objectName": self.object_name,
            "changes": [change.as_json() for change in self.changes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """A condition on entries, of which all parts have to hold."""

    kinds: tuple[AuditKind, ...] = ()
    actor_id: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unnamed:
    """Something that has an id and no name."""

    id: str


#: By kind, the fields whose values are shown, and those of which only the name is.
_SHOWN: Mapping[AuditKind, Sequence[str]] = {
    AuditKind.TOKEN: ("name", "role", "systems", "expires_at", "revoked_at"),
    AuditKind.SECRET: ("name",),
    AuditKind.CHANNEL: ("name", "service"),
    AuditKind.INTEGRATION: ("name", "type", "enabled", "keep_bodies", "masked_fields"),
    AuditKind.WEBHOOK: ("name", "enabled", "audience"),
    AuditKind.AUTOMATION: ("name", "group", "enabled", "number", "managed_by"),
}
_HIDDEN: Mapping[AuditKind, Sequence[str]] = {
    AuditKind.CHANNEL: ("address",),
    AuditKind.INTEGRATION: ("system_mapping", "severity_mapping", "mapping"),
    AuditKind.WEBHOOK: ("url", "document", "variables"),
    AuditKind.AUTOMATION: ("description", "definition"),
}


def changes_between(kind: AuditKind, before: Any, after: Any) -> list[FieldChange]:
    """Return the fields in which two states of an object differ; None is that before its creation."""
    found = []
    for name in _SHOWN.get(kind, ()):
        former, present = _value(before, name), _value(after, name)
        if former != present:
            found.append(FieldChange(field=name, before=former, after=present))
    for name in _HIDDEN.get(kind, ()):
        former, present = getattr(before, name, None), getattr(after, name, None)
        # An empty one at the creation says nothing.
        if former != present and (former or present):
            found.append(FieldChange(field=name, is_shown=False))
    return found


def hidden(*fields: str) -> tuple[FieldChange, ...]:
    """Return changes of fields that are secret."""
    return tuple(FieldChange(field=name, is_shown=False) for name in fields)


def _value(thing: Any, name: str) -> Any:
    value = getattr(thing, name, None)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, frozenset | tuple | list):
        return sorted(value)
    return value
