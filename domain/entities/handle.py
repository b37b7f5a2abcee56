"""The handle of an entity: a write through it stores row, history and event in one transaction, or nothing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from domain.clock import Clock
from domain.entities.canonical import value_text
from domain.entities.derivers import DeriverRegistry
from domain.entities.diff import Difference, diff
from domain.entities.kind import EntityKind, Snapshot, State
from domain.entities.masking import SecretMasker
from domain.entities.origin import BY_SYSTEM, Origin, traced
from domain.entities.transitions import transitions_of
from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.change import Change, ChangeAction, Touched, Transition
from domain.model.copies import changed as copied
from domain.model.health_effects import Effect, effect_of
from domain.model.health_history import HealthSpan
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

E = TypeVar("E")
#: The fields of a change whose values could hold a run's secrets.
_MASKED = ("prev", "next", "delta", "before", "after")
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(Generic[E]):
    """The entity after a write, and the parts of it that the write touched."""

    after: Snapshot[E]
    touched: tuple[Touched, ...] = ()
    #: The date that the entity keeps, where it counts as changed then and not now.
    dated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The history of an entity that comes from elsewhere: its transitions and what it did to the health of systems."""

    transitions: Sequence[Transition] = ()
    spans: Sequence[HealthSpan] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult(Generic[E]):
    """The entity after a write, unmasked, with the recorded change; None where nothing changed."""

    after: Snapshot[E]
    change: Change | None


Apply = Callable[[Snapshot[E] | None], Awaitable[Applied[E]]]
ApplyMany = Callable[[str, Snapshot[E]], Awaitable[Applied[E]]]
ApplyTogether = Callable[[Mapping[str, Snapshot[E]]], Awaitable[Mapping[str, Applied[E]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """The dependencies that all handles share, set when the registry is bound."""

    clock: Clock
    derivers: DeriverRegistry
    masker: SecretMasker
    #: The users that this process has written as people.
    known_users: set[Actor] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Generic[E]):
    """A write that changes something, before it is stamped and recorded."""

    entity_id: str
    before: Snapshot[E] | None
    after: Snapshot[E]
    changed: Difference
    described: tuple[str, ...]
    touched: tuple[Touched, ...]

    @property
    def version(self) -> int:
        return self.before.version + 1 if self.before is not None else 1


class EntityHandle(Generic[E]):
    """The reads and writes of one kind of entity."""

    def __init__(self, kind: EntityKind[E], runtime: Callable[[], Runtime]) -> None:
        self._kind = kind
        self._runtime = runtime

    @property
    def kind(self) -> str:
        """The name of the kind."""
        return self._kind.name

    async def get(self, session: ReadSession, entity_id: str) -> Snapshot[E] | None:
        """Return the entity as stored, or None."""
        return (await self._kind.read(session, [entity_id])).get(entity_id)

    async def get_many(self, session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[E]]:
        """Return the entities of these ids as stored; unknown ones are left out."""
        return await self._kind.read(session, ids)

    async def mutate(
        self, unit: UnitOfWork, entity_id: str, apply: Apply[E], *, origin: Origin = BY_SYSTEM
    ) -> WriteResult[E]:
        """Write an entity: `apply` gets its snapshot, writes in the same unit of work, and returns the result.

        One change is recorded when anything differs, with a transition for each reactive field that does.

        Raises:
            pydantic.ValidationError: the new state does not fit the kind's schema; nothing is written.
            RuntimeError: the registry is not bound yet.
        """
        self._runtime()
        await self.lock(unit, [entity_id])
        before = await self.get(unit, entity_id)
        _ask(origin, before)
        return await self._settle(unit, entity_id, before, await apply(before), origin)

    async def create(
        self, unit: UnitOfWork, entity_id: str, apply: Callable[[], Awaitable[Applied[E]]], *, origin: Origin
    ) -> WriteResult[E]:
        """Write a new entity under an id that was made for it: there is nothing to lock or to read before."""
        self._runtime()
        return await self._settle(unit, entity_id, None, await apply(), origin)

    def adopt(self, unit: UnitOfWork, entity_id: str, applied: Applied[E], history: History, *, origin: Origin) -> None:
        """Record a new entity that has a history elsewhere, whose rows this unit of work wrote; no trigger fires."""
        step = self._step(entity_id, None, applied)
        assert step is not None  # it had no state before
        change, effect = self._change(step, origin=replace(origin, is_quiet=True), at=unit.moment())
        steps = [replace(each, change_id=change.id) for each in history.transitions]
        unit.record(change, steps, effect, spans=history.spans)

    async def mutate_many(
        self, unit: UnitOfWork, ids: Sequence[str], apply: ApplyMany[E], *, origin: Origin = BY_SYSTEM
    ) -> list[WriteResult[E]]:
        """Write several entities in one unit of work, all locked first in the order of ids; unknown ids are skipped."""
        self._runtime()
        ordered = sorted(set(ids))
        await self.lock(unit, ordered)
        found = await self.get_many(unit, ordered)
        for before in found.values():
            _ask(origin, before)
        return [
            await self._settle(unit, entity_id, found[entity_id], await apply(entity_id, found[entity_id]), origin)
            for entity_id in ordered
            if entity_id in found
        ]

    async def mutate_together(
        self, unit: UnitOfWork, ids: Sequence[str], apply: ApplyTogether[E], *, origin: Origin = BY_SYSTEM
    ) -> Mapping[str, WriteResult[E]]:
        """Write several entities that depend on each other, all locked first in the order of ids.

        `apply` gets all of them that exist, and returns the results; what is not among these stays as it is.
        """
        self._runtime()
        ordered = sorted(set(ids))
        await self.lock(unit, ordered)
        found = await self.get_many(unit, ordered)
        for before in found.values():
            _ask(origin, before)
        applied = await apply(found)
        return {
            identifier: await self._settle(
                unit, identifier, found[identifier], applied.get(identifier) or Applied(after=found[identifier]), origin
            )
            for identifier in ordered
            if identifier in found
        }

    async def remove(
        self,
        unit: UnitOfWork,
        entity_id: str,
        apply: Callable[[Snapshot[E] | None], Awaitable[None]],
        *,
        origin: Origin = BY_SYSTEM,
    ) -> Change | None:
        """Delete an entity and return the recorded change, or None where there was no entity."""
        self._runtime()
        await self.lock(unit, [entity_id])
        before = await self.get(unit, entity_id)
        _ask(origin, before)
        await apply(before)
        if before is None or not before.state:
            return None
        before = copied(before, state=self._validated(before.state))
        change, effect = self._tombstone(entity_id, before, origin=origin, at=unit.moment())
        unit.record(change, (), effect)
        return change

    def replay(
        self, entity_id: str, before: Snapshot[E] | None, applied: Applied[E], *, origin: Origin, at: datetime
    ) -> tuple[Change, list[Transition]] | None:
        """Return what this write would have recorded at that moment, or None where it changes nothing.

        Used to load a history in bulk, in units of work that also write its rows; `applied.after` is stamped already.
        """
        step = self._step(entity_id, before, applied)
        if step is None:
            return None
        change, _ = self._change(step, origin=origin, at=at)
        return change, transitions_of(change)

    async def in_state_since(self, session: ReadSession, entity_id: str, name: str) -> datetime | None:
        """Return when a reactive field took its present value; None without an entity or a record of it."""
        found = await self.get(session, entity_id)
        if found is None:
            return None
        text = value_text(self._validated(found.state).get(name))
        return await session.transitions.since(self.kind, entity_id, name, text)

    async def in_state_for(self, session: ReadSession, entity_id: str, name: str) -> timedelta:
        """Return how long a reactive field has had its present value; zero where that is unknown.

        Part of every kind's handle, for conditions on how long a field has had a value.
        """
        since = await self.in_state_since(session, entity_id, name)
        return max(timedelta(), self._runtime().clock.now() - since) if since else timedelta()

    async def transition_count(self, session: ReadSession, entity_id: str, name: str, *, window: timedelta) -> int:
        """Count the changes of a reactive field in a window that ends now; its first moment is included."""
        since = self._runtime().clock.now() - window
        return await session.transitions.count(self.kind, entity_id, name, since)

    async def lock(self, unit: UnitOfWork, ids: Sequence[str]) -> None:
        """Lock entities against other writers until the unit of work ends, in the order of their ids."""
        if self._kind.lock is not None:
            await self._kind.lock(unit, ids)

    async def _settle(
        self, unit: UnitOfWork, entity_id: str, before: Snapshot[E] | None, applied: Applied[E], origin: Origin
    ) -> WriteResult[E]:
        origin.permit(None, applied.after.systems)
        step = self._step(entity_id, before, applied)
        if step is None:
            unchanged = copied(applied.after, state=self._validated(applied.after.state))
            return WriteResult(after=unchanged, change=None)
        now = unit.moment()
        if step.before is not None and self._kind.stamp is not None:
            stamped = await self._kind.stamp(unit, step.after, step.version, applied.dated or now)
            step = copied(step, after=copied(stamped, state=step.after.state))
        change, effect = self._change(step, origin=origin, at=now)
        unit.record(change, transitions_of(change), effect)
        await self._note(unit, origin.actor)
        return WriteResult(after=copied(step.after, version=step.version), change=change)

    async def _note(self, unit: UnitOfWork, actor: Actor) -> None:
        """Write a user who acts for the first time as a person; those of tokens are written with them."""
        known = self._runtime().known_users
        if actor.type is not ActorType.USER or actor in known:
            return
        await unit.people.note(actor, at=unit.moment())
        if len(known) >= _MOST_KNOWN:
            known.clear()
        unit.when_committed(partial(known.add, actor))

    def _step(self, entity_id: str, before: Snapshot[E] | None, applied: Applied[E]) -> "_Step[E] | None":
        after = copied(applied.after, state=self._validated(applied.after.state))
        prev = None if before is None else copied(before, state=self._validated(before.state))
        changed = diff(prev.state if prev else None, after.state)
        described = self._described(prev, after) if prev else ()
        if not changed and not described and not applied.touched:
            return None
        return _Step(
            entity_id=entity_id,
            before=prev,
            after=after,
            changed=changed,
            described=described,
            touched=applied.touched,
        )

    def _change(self, step: "_Step[E]", *, origin: Origin, at: datetime) -> tuple[Change, Effect | None]:
        unchanged = self._kind.long_facts.difference(step.described)
        return self._recorded(
            step.entity_id,
            states=(step.before.state if step.before else None, step.after.state),
            pictures=(self._picture(step.before, without=unchanged), self._picture(step.after)),
            version=step.version,
            changed=step.changed,
            described=step.described,
            touched=step.touched,
            origin=origin,
            at=at,
        )

    def _tombstone(
        self, entity_id: str, before: Snapshot[E], *, origin: Origin, at: datetime
    ) -> tuple[Change, Effect | None]:
        return self._recorded(
            entity_id,
            states=(before.state, None),
            pictures=(self._picture(before), None),
            version=before.version + 1,
            changed=Difference(changed_fields=tuple(sorted(before.state)), delta={}),
            described=(),
            touched=(),
            origin=origin,
            at=at,
        )

    def _recorded(  # noqa: PLR0913 - the one place that puts a change together
        self,
        entity_id: str,
        *,
        states: tuple[State | None, State | None],
        pictures: tuple[State | None, State | None],
        version: int,
        changed: Difference,
        described: tuple[str, ...],
        touched: tuple[Touched, ...],
        origin: Origin,
        at: datetime,
    ) -> tuple[Change, Effect | None]:
        runtime = self._runtime()
        change = Change(
            id=new_id("chg"),
            kind=self.kind,
            entity_id=entity_id,
            version=version,
            action=(self._kind.name_action or _name_action)(*states),
            prev=states[0],
            next=states[1],
            changed_fields=changed.changed_fields,
            delta=changed.delta,
            described_fields=described,
            before=pictures[0],
            after=pictures[1],
            touched=touched,
            actor=origin.actor,
            cause=traced(origin.cause),
            occurred_at=at,
        )
        # Events and what becomes of health are derived from the real values; only the record is masked.
        effect = effect_of(change)
        fires = (changed or described) and origin.rewrite is None and not origin.is_quiet
        events = runtime.derivers.derive(change) if fires else ()
        if origin.run_id is not None or origin.rewrite is not None:
            change = copied(change, **{name: _kept(getattr(change, name), origin, runtime) for name in _MASKED})
        change = copied(change, events=events)
        return (copied(change, payload=runtime.derivers.payload(change)) if events else change), effect

    def _validated(self, state: State) -> State:
        return self._kind.state.model_validate(state).model_dump(mode="json")

    def _described(self, prev: Snapshot[E], after: Snapshot[E]) -> tuple[str, ...]:
        changed, derived = diff(prev.facts, after.facts).changed_fields, self._kind.derived_facts
        return tuple(name for name in changed if name not in derived)

    def _picture(self, snapshot: Snapshot[E] | None, *, without: Set[str] = frozenset()) -> State | None:
        if snapshot is None:
            return None
        picture = self._kind.picture(snapshot)
        return {name: value for name, value in picture.items() if name not in without} if without else picture


def _kept(value: Any, origin: Origin, runtime: Runtime) -> Any:
    masked = runtime.masker.mask(origin.run_id, value)
    return masked if origin.rewrite is None else origin.rewrite(masked)


def _ask(origin: Origin, before: Snapshot[Any] | None) -> None:
    if before is not None:
        origin.permit(before.systems, None)


def _name_action(prev: State | None, following: State | None) -> ChangeAction:
    if prev is None:
        return ChangeAction.CREATED
    return ChangeAction.DELETED if following is None else ChangeAction.UPDATED
