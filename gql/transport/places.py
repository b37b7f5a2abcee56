"""The places of watches and changes, by which a change finds the groups that may want it."""

from collections.abc import Iterator

from domain.model.change import Change
from domain.model.filters import AllOf, Field, Filter, Term
from domain.model.system_listing import touched_systems
from domain.services.events import AnyWatch, HealthWatch, SystemWatch

_HEALTH, _EVERY = "health of", "every"
#: Where incidents set health, or what is shown of that changes.
_OVERRIDES = "overrides"
_SYSTEMS = [(_EVERY, "system"), (_EVERY, "health"), (_OVERRIDES, _EVERY)]


def places_of_watch(watch: AnyWatch | None) -> list[tuple[str, str]]:
    """Return the places that a watch is about: one entity, some systems, or all of its kind."""
    if watch is None:
        return []
    if isinstance(watch, HealthWatch):
        return [(_HEALTH, _EVERY)] if watch.systems is None else [(_HEALTH, system) for system in watch.systems]
    if isinstance(watch, SystemWatch):
        return _SYSTEMS
    others = [(_EVERY, kind) for kind in watch.kinds if kind != watch.kind]
    if watch.entity_id is not None:
        return [(watch.kind, watch.entity_id), *others]
    systems = _systems_of(watch.tree)
    return [*([("system", system) for system in systems] if systems is not None else [(_EVERY, watch.kind)]), *others]


def _systems_of(tree: Filter) -> tuple[str, ...] | None:
    """Return systems of which every match has at least one; None where there is no such set."""
    if isinstance(tree, Term):
        return tuple(tree.value) if tree.field is Field.SYSTEM else None
    if isinstance(tree, AllOf):
        return next((systems for part in tree.parts if (systems := _systems_of(part)) is not None), None)
    return None


def places_of_change(change: Change) -> Iterator[tuple[str, str]]:
    """Yield the places that a change touches."""
    yield (_EVERY, change.kind)
    yield (change.kind, change.entity_id)
    systems: set[str] = set()
    for state in (change.before, change.after):
        systems.update((state or {}).get("system_ids", ()))
    for system in systems:
        yield ("system", system)
    if touched_systems(change):
        yield (_OVERRIDES, _EVERY)
    if change.health:
        yield (_HEALTH, _EVERY)
    for step in change.health:
        yield (_HEALTH, step.system_id)
