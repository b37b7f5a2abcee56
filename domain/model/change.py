"""One committed mutation of an entity: the row of the log, and what each audience gets to see of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from domain.model.actor import Actor, Cause
from domain.model.moment import iso
from domain.model.viewer import Audience, Visibility, widest


class ChangeAction(StrEnum):
    """What became of the entity."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"
    DELETED = "deleted"


class TouchKind(StrEnum):
    """What happened to a part of an entity."""

    ADDED = "added"
    EDITED = "edited"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A part of an entity (a timeline entry, a link) that a change added, edited or removed."""

    part: str
    id: str
    #: Who could read it before the change; None where it was not there.
    before: Visibility | None = None
    #: Who can read it since; None where it is gone.
    after: Visibility | None = None

    @property
    def kind(self) -> TouchKind:
        """What happened to it."""
        if self.before is None:
            return TouchKind.ADDED
        return TouchKind.REMOVED if self.after is None else TouchKind.EDITED

    @property
    def visibility(self) -> Visibility:
        """The wider of both visibilities: whoever saw either learns of the change."""
        return widest((self.before, self.after)) or Visibility.INTERNAL

    def seen_by(self, audience: Audience) -> Self | None:
        """The same as this audience sees it: what was hidden from them is gone, what is shown to them is new."""
        before = self.before if self.before is not None and audience.sees(self.before) else None
        after = self.after if self.after is not None and audience.sees(self.after) else None
        return replace(self, before=before, after=after) if before is not None or after is not None else None

    def as_json(self) -> dict[str, Any]:
        """The form in the log; never the part's text."""
        told: dict[str, Any] = {
            "part": self.part,
            "id": self.id,
            "kind": self.kind,
            "visibility": self.visibility,
        }
        if self.kind is TouchKind.EDITED and self.before is not self.after:
            told |= {"before": self.before, "after": self.after}
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The part that `as_json` described; older logs tell of an edit the wider visibility alone."""
        kind, visibility = TouchKind(data["kind"]), data["visibility"]
        return cls(
            part=data["part"],
            id=data["id"],
            before=None if kind is TouchKind.ADDED else Visibility(data.get("before", visibility)),
            after=None if kind is TouchKind.REMOVED else Visibility(data.get("after", visibility)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one mutation did to one entity. `seq` orders all changes of a database by their commits."""

    id: str
    kind: str
    entity_id: str
    version: int
    action: ChangeAction
    prev: Mapping[str, Any] | None
    next: Mapping[str, Any] | None
    #: The reactive fields that differ, sorted.
    changed_fields: tuple[str, ...]
    delta: Mapping[str, Any]
    #: The descriptive fields that differ, sorted.
    described_fields: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    touched: tuple[Touched, ...] = ()
    events: tuple[str, ...] = ()
    payload: Mapping[str, Any] | None = None
    actor: Actor
    cause: Cause = field(default_factory=Cause)
    occurred_at: datetime
    seq: int = 0

    @property
    def is_comment_only(self) -> bool:
        """Whether it left the reactive state as it was, as a comment does: it fires no trigger and moves no history."""
        return not self.changed_fields

    def as_json(self) -> dict[str, Any]:
        """All of it for an operator, hidden parts included; times as text."""
        return {
            "seq": self.seq,
            "id": self.id,
            "kind": self.kind,
            "entityId": self.entity_id,
            "version": self.version,
            "action": self.action,
            "events": list(self.events),
            "changedFields": list(self.changed_fields),
            "describedFields": list(self.described_fields),
            "prev": self.prev,
            "next": self.next,
            "before": self.before,
            "after": self.after,
            "touched": [part.as_json() for part in self.touched],
            "payload": self.payload,
            "actor": self.actor.as_json(),
            "cause": self.cause.as_json(),
            "occurredAt": iso(self.occurred_at),
        }

    def touched_for(self, audience: Audience) -> tuple[Touched, ...]:
        """The touched parts that this audience may know of, as they see them."""
        return tuple(seen for part in self.touched if (seen := part.seen_by(audience)) is not None)

    def concerns(self, audience: Audience) -> bool:
        """Whether anything of it is visible to this audience: a change of hidden things alone never happened."""
        return bool(self.changed_fields or self.described_fields or self.touched_for(audience))

    def visible_fields(self, audience: Audience) -> tuple[str, ...]:
        """The names of all that changed as far as this audience may know, sorted."""
        parts = {part.part for part in self.touched_for(audience)}
        return tuple(sorted({*self.changed_fields, *self.described_fields, *parts}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One reactive field's step from one value to the next, both as text."""

    id: int
    change_id: str
    kind: str
    entity_id: str
    field: str
    from_value: str | None
    to_value: str
    occurred_at: datetime
