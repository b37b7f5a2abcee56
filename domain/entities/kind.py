"""The definition of a kind of entity, from which the rest of the domain reads all that differs between kinds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from domain.entities.derivers import Deriver, PayloadMapper
from domain.entities.triggers import Trigger
from domain.model.change import Change, ChangeAction
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

E = TypeVar("E")
State = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[E]):
    """An entity at one version: its reactive state, and the facts that describe it."""

    entity: E
    version: int
    state: State
    facts: State = field(default_factory=dict)
    #: Further fields that the log keeps; a difference in these alone is no change.
    aside: State = field(default_factory=dict)
    #: The systems that it is about: a token limited to some systems can write no other entity.
    systems: tuple[str, ...] = ()


#: A batched read: returns the entities of these ids, without unknown ones.
Read = Callable[[ReadSession, Sequence[str]], Awaitable[Mapping[str, Snapshot[E]]]]
Lock = Callable[[UnitOfWork, Sequence[str]], Awaitable[None]]
Stamp = Callable[[UnitOfWork, Snapshot[E], int, datetime], Awaitable[Snapshot[E]]]
NameAction = Callable[[State | None, State | None], ChangeAction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An entity as the log recorded it at a moment of the past."""

    entity_id: str
    version: int
    at: datetime
    whole: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Past(Generic[E]):
    """The functions with which a dry run writes a kind's past into a database of its own."""

    #: Returns all ids, at most as many as the limit.
    ids: Callable[[ReadSession, int], Awaitable[Sequence[str]]]
    snapshot_of: Callable[[Picture], Snapshot[E]]
    put: Callable[[UnitOfWork, E], Awaitable[None]]
    delete: Callable[[UnitOfWork, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityKind(Generic[E]):
    """A kind of entity: its state schema, its reads, locks and stamps, and its trigger events.

    Changes of a kind with triggers are routed to automations, and its past is replayed in dry runs.
    """

    name: str
    #: The schema of the reactive state.
    state: type[BaseModel]
    read: Read[E]
    #: The column with the ids of its rows, such as `incidents.id`.
    rows: str = ""
    lock: Lock | None = None
    stamp: Stamp[E] | None = None
    name_action: NameAction | None = None
    #: The trigger events of a change, and their payload.
    derive: Deriver | None = None
    to_payload: PayloadMapper | None = None
    triggers: tuple[Trigger, ...] = ()
    #: Its rows in a dry run; for a kind without, a dry run has the log alone.
    past: Past[E] | None = None
    #: Facts that follow from a change instead of being one.
    derived_facts: frozenset[str] = frozenset()
    #: Facts so long that the log keeps them of the state before a change only where the change is one of them.
    long_facts: frozenset[str] = frozenset()
    #: Whether the log has changes of an entity; of all but few it has.
    is_logged: Callable[[Snapshot[E]], bool] = lambda _: True

    @property
    def is_routed(self) -> bool:
        """Return whether automations can be triggered by its changes."""
        return bool(self.triggers)

    def picture(self, snapshot: Snapshot[E]) -> State:
        """Return all fields of an entity that the log keeps."""
        return {**snapshot.aside, **snapshot.facts, **snapshot.state}

    def before_of(self, change: Change) -> State:
        """Return all fields before a change; unchanged long facts are taken from the state after it."""
        before, after = change.before or {}, change.after or {}
        return {**{name: after.get(name) for name in self.long_facts}, **before}
