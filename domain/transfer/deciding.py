"""The decision on each object of a file: whether it is taken, is here already, or is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain.model.histories import (
    IncidentHistory,
    MaintenanceHistory,
    Note,
    PersonHistory,
    Refusal,
    RelationHistory,
    SystemHealthHistory,
)
from domain.model.system import System
from domain.persistence.unit_of_work import ReadSession
from domain.transfer.adapting import Adapter
from domain.transfer.windows import window_ids

T = TypeVar("T")
#: Objects with their places in the file.
Placed = Sequence[tuple[str, T]]


@dataclass(slots=True)
class Decided(Generic[T]):
    """The decision on some objects of one kind."""

    taken: list[tuple[str, T]] = field(default_factory=list)
    present: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    #: Of systems: the ids that they have here, where another one has their key.
    mapped: dict[str, str] = field(default_factory=dict)

    def note(self, place: str, code: str, message: str, *path: str) -> None:
        """Note something that is to be known of an object."""
        self.notes.append(Note(place=place, code=code, message=message, field=path))

    def refuse(self, place: str, code: str, message: str, *path: str) -> None:
        """Refuse an object."""
        self.refused.append(Refusal(place=place, code=code, message=message, field=path))


async def decide_systems(session: ReadSession, found: Placed[System]) -> Decided[System]:
    """Decide on systems: one whose key is taken is the system that has it."""
    decided = Decided[System]()
    names = [name for _, system in found for name in (system.id, system.key)]
    known = await session.systems.resolve(names)
    for place, system in found:
        if system.id in known:
            decided.present += 1
        elif system.key in known:
            decided.present += 1
            decided.mapped[system.id] = known[system.key]
        else:
            known = {**known, system.id: system.id, system.key: system.id}
            decided.taken.append((place, system))
    return decided


async def decide_people(session: ReadSession, found: Placed[PersonHistory], adapter: Adapter) -> Decided[PersonHistory]:
    """Decide on people; those who were forgotten here are known no more."""
    decided = Decided[PersonHistory]()
    known = await session.exports.known_people(each.person.actor for _, each in found)
    taken = await session.exports.taken(each.person.id for _, each in found)
    for place, each in found:
        actor = each.person.actor
        key = (actor.type.value, actor.id)
        if key in known or each.person.id in taken or adapter.is_forgotten(actor):
            decided.present += 1
            continue
        known.add(key)
        taken.add(each.person.id)
        decided.taken.append((place, each))
    return decided


async def decide_health(
    session: ReadSession, found: Placed[SystemHealthHistory], expected: set[str]
) -> Decided[SystemHealthHistory]:
    """Decide on the health of systems: the one that was reported here stays."""
    decided = Decided[SystemHealthHistory]()
    ids = [each.health.system_id for _, each in found]
    known, systems = await session.health.get_many(ids), await session.systems.get_many(ids)
    seen = set(known)
    for place, each in found:
        system_id = each.health.system_id
        if system_id in seen:
            decided.present += 1
        elif system_id not in systems and system_id not in expected:
            decided.refuse(place, "UNKNOWN_SYSTEM", f"There is no system {system_id}.", "system")
        else:
            seen.add(system_id)
            decided.taken.append((place, each))
    return decided


async def decide_incidents(
    session: ReadSession, found: Placed[IncidentHistory], systems: set[str], expected: set[str]
) -> Decided[IncidentHistory]:
    """Decide on incidents; `systems` are those that exist, and `expected` the ids that are taken besides the rows."""
    decided = Decided[IncidentHistory]()
    named = {identifier for _, each in found for identifier in ids_of(each)}
    taken = await session.exports.taken(named) | (expected & named)
    for place, each in found:
        own, *parts = ids_of(each)
        unknown = next((system for system in systems_of(each) if system not in systems), None)
        if own in taken:
            decided.present += 1
            if not taken.issuperset(parts):
                decided.note(place, "DIFFERS", "It is here already, without some entries or links that it has there.")
        elif len({own, *parts}) <= len(parts) or not taken.isdisjoint(parts):
            decided.refuse(place, "DUPLICATE", "An entry or link of it has an id that another one has.")
        elif unknown is not None:
            decided.refuse(place, "UNKNOWN_SYSTEM", f"There is no system {unknown}.", "systems")
        else:
            taken |= {own, *parts}
            decided.taken.append((place, each))
    return decided


async def decide_relations(
    session: ReadSession, found: Placed[RelationHistory], expected: set[str]
) -> Decided[RelationHistory]:
    """Decide on relations, but for whether they would lead in a circle."""
    decided = Decided[RelationHistory]()
    incidents = {end for _, each in found for end in (each.one.incident_id, each.other.incident_id)}
    ids = {identifier for _, each in found for identifier in (each.one.id, each.other.id)}
    taken = await session.exports.taken(ids)
    there = await session.exports.taken(incidents) | (expected & incidents)
    for place, each in found:
        if each.one.id in taken or each.other.id in taken:
            decided.present += 1
        elif not {each.one.incident_id, each.other.incident_id} <= there:
            decided.refuse(place, "NOT_FOUND", "An incident of this relation is not here.", "incident")
        else:
            taken |= {each.one.id, each.other.id}
            decided.taken.append((place, each))
    return decided


async def decide_maintenance(
    session: ReadSession, found: Placed[MaintenanceHistory], systems: set[str], expected: set[str]
) -> Decided[MaintenanceHistory]:
    """Decide on maintenance windows, as on incidents; time moves on the instances of those that are here."""
    decided = Decided[MaintenanceHistory]()
    named = {identifier for _, each in found for identifier in window_ids(each)}
    taken = await session.exports.taken(named) | (expected & named)
    for place, each in found:
        own, *parts = window_ids(each)
        unknown = next((system for system in each.window.system_ids if system not in systems), None)
        if own in taken:
            decided.present += 1
            if not taken.issuperset(update.id for update in each.updates):
                decided.note(place, "DIFFERS", "It is here already, without some messages that it has there.")
        elif len({own, *parts}) <= len(parts) or not taken.isdisjoint(parts):
            decided.refuse(place, "DUPLICATE", "An instance or message of it has an id that another one has.")
        elif unknown is not None:
            decided.refuse(place, "UNKNOWN_SYSTEM", f"There is no system {unknown}.", "systems")
        else:
            taken |= {own, *parts}
            decided.taken.append((place, each))
    return decided


def ids_of(history: IncidentHistory) -> list[str]:
    """Return the ids of an incident and of its parts, its own first."""
    parts: Iterable[str] = (part.id for listed in (history.updates, history.versions, history.links) for part in listed)
    return [history.incident.id, *parts]


def systems_of(history: IncidentHistory | MaintenanceHistory) -> list[str]:
    """Return the ids of the systems that an incident or window needs, sorted."""
    if isinstance(history, MaintenanceHistory):
        return sorted(history.window.system_ids)
    return sorted({*history.incident.system_ids, *(span.system_id for span in history.spans)})
