"""Changes and incidents for tests that need no database."""

from datetime import UTC, datetime
from typing import Any

from domain.entities.incident import project
from domain.ids import new_id
from domain.model.actor import SYSTEM
from domain.model.change import Change, ChangeAction
from domain.model.incident import Incident, Severity, Status

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def an_incident(**fields: Any) -> Incident:
    """Return an open incident that is stored nowhere."""
    values: dict[str, Any] = {
        "id": new_id("inc"),
        "number": 7,
        "title": "Checkout fails",
        "description": "All cards are declined.",
        "status": Status.INVESTIGATING,
        "severity": Severity.MAJOR,
        "suppress_notifications": False,
        "health_override": None,
        "dedupe_key": "",
        "system_ids": ("sys_a", "sys_b"),
        "version": 1,
        "opened_by": SYSTEM,
        "occurred_at": NOON,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Incident(**values | fields)


def a_change(*, prev: Incident | None, following: Incident | None, changed: tuple[str, ...] = ()) -> Change:
    """Return the change from one state of an incident to the next, as the log holds it."""
    subject = following or prev
    assert subject is not None
    return Change(
        id=new_id("chg"),
        kind="incident",
        entity_id=subject.id,
        version=subject.version,
        action=ChangeAction.UPDATED,
        prev=dict(project(prev)) if prev else None,
        next=dict(project(following)) if following else None,
        changed_fields=changed,
        delta={},
        after={**following.facts(), **project(following)} if following else None,
        actor=SYSTEM,
        occurred_at=NOON,
    )
