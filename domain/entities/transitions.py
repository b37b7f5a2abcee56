"""The transitions that a change consists of: one for each reactive field that changed."""

from domain.entities.canonical import value_text
from domain.model.change import Change, Transition


def transitions_of(change: Change) -> list[Transition]:
    """Return the transition of each reactive field that a change touched."""
    return [
        Transition(
            id=0,
            change_id=change.id,
            kind=change.kind,
            entity_id=change.entity_id,
            field=name,
            from_value=None if change.prev is None else value_text(change.prev.get(name)),
            to_value=value_text((change.next or {}).get(name)),
            occurred_at=change.occurred_at,
        )
        for name in change.changed_fields
    ]
