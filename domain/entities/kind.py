"""A kind of entity: all that the rest of the domain has to know of it."""

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
    #: What the log keeps beside it; a difference in it alone is no change.
    aside: State = field(default_factory=dict)
    #: The systems that it is about: a writer who is limited to some systems writes no other entity.
    systems: tuple[str, ...] = ()


#: Batched look at the durable store: the entities of these ids, unknown ones left out.
Read = Callable[[ReadSession, Sequence[str]], Awaitable[Mapping[str, Snapshot[E]]]]
Lock = Callable[[UnitOfWork, Sequence[str]], Awaitable[None]]
Stamp = Callable[[UnitOfWork, Snapshot[E], int, datetime], Awaitable[Snapshot[E]]]
NameAction = Callable[[State | None, State | None], ChangeAction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An entity as the log shows it at a moment of the past."""

    entity_id: str
    version: int
    at: datetime
    whole: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Past(Generic[E]):
    """How a dry run writes a kind's past anew, in a database of its own."""

    #: The ids of all that there are, so many at most.
    ids: Callable[[ReadSession, int], Awaitable[Sequence[str]]]
    snapshot_of: Callable[[Picture], Snapshot[E]]
    put: Callable[[UnitOfWork, E], Awaitable[None]]
    delete: Callable[[UnitOfWork, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityKind(Generic[E]):
    """A kind of entity: its state, how the store is read, locked and stamped, and what its changes fire.

    A kind with triggers is routed to automations, and its past is played in dry runs.
    """

    name: str
    #: The schema of the reactive state.
    state: type[BaseModel]
    read: Read[E]
    lock: Lock | None = None
    stamp: Stamp[E] | None = None
    name_action: NameAction | None = None
    #: The trigger events of a change, and their payload.
    derive: Deriver | None = None
    to_payload: PayloadMapper | None = None
    triggers: tuple[Trigger, ...] = ()
    #: Its rows in a dry run; of a kind without, a dry run has what the log tells.
    past: Past[E] | None = None
    #: Facts that follow from a change instead of being one.
    derived_facts: frozenset[str] = frozenset()
    #: Facts so long that the log keeps them of the state before a change only where the change is one of them.
    long_facts: frozenset[str] = frozenset()

    @property
    def is_routed(self) -> bool:
        """Whether automations may listen to its changes."""
        return bool(self.triggers)

    def picture(self, snapshot: Snapshot[E]) -> State:
        """All that the log keeps of an entity."""
        return {**snapshot.aside, **snapshot.facts, **snapshot.state}

    def before_of(self, change: Change) -> State:
        """The whole picture before a change; a long fact that did not change is in the one after it alone."""
        before, after = change.before or {}, change.after or {}
        return {**{name: after.get(name) for name in self.long_facts}, **before}
