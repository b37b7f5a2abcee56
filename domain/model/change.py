"""One committed change of an entity: the row of the log, and the parts that each audience may see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from domain.model.actor import Actor, Cause
from domain.model.health import HealthStep
from domain.model.identities import shown_to
from domain.model.moment import iso
from domain.model.viewer import Audience, Visibility, widest


class ChangeAction(StrEnum):
    """The effect of a change on the entity."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"
    DELETED = "deleted"


class TouchKind(StrEnum):
    """The effect of a change on a part of an entity."""

    ADDED = "added"
    EDITED = "edited"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A part of an entity (a timeline entry, a link) that a change added, edited or removed."""

    part: str
    id: str
    #: The visibility before the change; None where the part did not exist.
    before: Visibility | None = None
    #: The visibility after the change; None where the part was removed.
    after: Visibility | None = None

    @property
    def kind(self) -> TouchKind:
        """The effect of the change on the part."""
        if self.before is None:
            return TouchKind.ADDED
        return TouchKind.REMOVED if self.after is None else TouchKind.EDITED

    @property
    def visibility(self) -> Visibility:
        """The wider of both visibilities: audiences that saw either are notified of the change."""
        return widest((self.before, self.after)) or Visibility.INTERNAL

    def seen_by(self, audience: Audience) -> Self | None:
        """Return the part as this audience sees it: newly hidden counts as removed, newly shown as added."""
        before = self.before if self.before is not None and audience.sees(self.before) else None
        after = self.after if self.after is not None and audience.sees(self.after) else None
        if before is None and after is None:
            return None
        is_same = before is self.before and after is self.after
        return self if is_same else replace(self, before=before, after=after)

    def as_json(self) -> dict[str, Any]:
        """Return the form in the log; the part's text is never in it."""
        data: dict[str, Any] = {
            "part": self.part,
            "id": self.id,
            "kind": self.kind,
            "visibility": self.visibility,
        }
        if self.kind is TouchKind.EDITED and self.before is not self.after:
            data |= {"before": self.before, "after": self.after}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the part that `as_json` described; older logs hold only the wider visibility of an edit."""
        kind, visibility = TouchKind(data["kind"]), data["visibility"]
        return cls(
            part=data["part"],
            id=data["id"],
            before=None if kind is TouchKind.ADDED else Visibility(data.get("before", visibility)),
            after=None if kind is TouchKind.REMOVED else Visibility(data.get("after", visibility)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one entity. `seq` orders all changes of a database by their commits."""

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
    #: The health of systems as it was reported or became with this change; empty where it changed no health.
    health: tuple[HealthStep, ...] = ()
    actor: Actor
    cause: Cause = field(default_factory=Cause)
    occurred_at: datetime
    seq: int = 0

    @property
    def is_comment_only(self) -> bool:
        """Return whether the reactive state is unchanged, as by a comment: no trigger fires, no history is written."""
        return not self.changed_fields

    def as_json(self) -> dict[str, Any]:
        """Return all fields for an operator, including hidden parts, with times as text."""
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
            "health": [step.as_json() for step in self.health],
            "actor": self.actor.as_json(),
            "cause": self.cause.as_json(),
            "occurredAt": iso(self.occurred_at),
        }

    def touched_for(self, audience: Audience) -> tuple[Touched, ...]:
        """Return the touched parts that this audience may see."""
        return touched_for(self.touched, audience)

    def concerns(self, audience: Audience) -> bool:
        """Return whether this audience may see any of the change; if not, it does not exist for them."""
        return bool(self.changed_fields or self.described_fields or self.touched_for(audience))

    def visible_fields(self, audience: Audience) -> tuple[str, ...]:
        """Return the names of the changed fields and parts that this audience may see, sorted."""
        return visible_fields((*self.changed_fields, *self.described_fields), self.touched_for(audience))

    def visible_delta(self, audience: Audience) -> dict[str, Any]:
        """Return the new value of each changed field, and the ids of touched parts that this audience may see."""
        seen = self.touched_for(audience)
        return visible_delta((*self.changed_fields, *self.described_fields), self.after, seen, audience)


def touched_for(touched: Iterable[Touched], audience: Audience) -> tuple[Touched, ...]:
    """Return those of the touched parts that an audience may see, as it sees them."""
    return tuple(seen for part in touched if (seen := part.seen_by(audience)) is not None)


def visible_fields(changed: Iterable[str], seen: Iterable[Touched]) -> tuple[str, ...]:
    """Return the names of changed fields and of parts that are seen, sorted."""
    return tuple(sorted({*changed, *(part.part for part in seen)}))


def visible_delta(
    changed: Iterable[str], after: Mapping[str, Any] | None, seen: Iterable[Touched], audience: Audience
) -> dict[str, Any]:
    """Return the new value of each changed field, and the ids of parts that are seen, by what became of them."""
    values = after or {}
    delta: dict[str, Any] = {name: values.get(name) for name in sorted(changed)} if after else {}
    delta = dict(shown_to(audience, delta))
    for part in seen:
        delta.setdefault(part.part, {}).setdefault(part.kind.value, []).append(part.id)
    return delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A reactive field's change from one value to the next, both as text."""

    id: int
    change_id: str
    kind: str
    entity_id: str
    field: str
    from_value: str | None
    to_value: str
    occurred_at: datetime
