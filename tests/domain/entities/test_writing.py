"""Writes through a handle: the order of its calls, and the parts of a change; the store is a dictionary."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pydantic import BaseModel

from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import EntityKind, Snapshot
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.entities.registry import EntityRegistry
from domain.entities.transitions import transitions_of
from domain.model.change import Change, ChangeAction, Touched
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.conftest import SteppingClock

#: No handle under test touches it.
NOWHERE: Any = None
Doors = Mapping[str, Snapshot[str]]


class DoorState(BaseModel):
    open: bool


class Store:
    """Doors by id, their kind, and the calls that its handle made, in order."""

    def __init__(self, **parts: Any) -> None:
        self.doors: dict[str, Snapshot[str]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.unit = UnitOfWork(NOWHERE, SteppingClock())
        self.kind: EntityKind[str] = EntityKind(
            name="door", state=DoorState, read=self._read, **{"lock": self._lock, "stamp": self._stamp, **parts}
        )
        registry = EntityRegistry()
        self.handle: EntityHandle[str] = registry.define(self.kind)
        registry.bind(clock=SteppingClock(), derivers=DeriverRegistry(), masker=SecretMasker())
        self.origin = Origin(permit=lambda before, after: self.calls.append(("permit", before, after)))

    async def write(self, after: Snapshot[str], *touched: Touched) -> Change | None:
        """Write the door `d1`, and return the change."""

        async def apply(before: Snapshot[str] | None) -> Applied[str]:
            self.calls.append(("apply", before.version if before else None))
            return Applied(after=after, touched=touched)

        return (await self.handle.mutate(self.unit, "d1", apply, origin=self.origin)).change

    async def _read(self, session: ReadSession, ids: Sequence[str]) -> Doors:
        self.calls.append(("read", *ids))
        return {identifier: self.doors[identifier] for identifier in ids if identifier in self.doors}

    async def _lock(self, unit: UnitOfWork, ids: Sequence[str]) -> None:
        self.calls.append(("lock", *ids))

    async def _stamp(self, unit: UnitOfWork, snapshot: Snapshot[str], version: int, now: datetime) -> Snapshot[str]:
        self.calls.append(("stamp", version, now == unit.moment()))
        return replace(snapshot, version=version, entity="stamped", state={}, facts={**snapshot.facts, "at": "now"})


def a_door(version: int = 1, *, is_open: bool = False, **facts: Any) -> Snapshot[str]:
    return Snapshot(
        entity="door", version=version, state={"open": is_open}, facts=facts, aside={"colour": "red"}, systems=("sys",)
    )


async def test_a_write_locks_asks_applies_asks_again_and_stamps() -> None:
    store = Store()
    store.doors["d1"] = a_door(3)
    change = await store.write(replace(a_door(3, is_open=True), systems=("other",)))
    assert store.calls == [
        ("lock", "d1"),
        ("read", "d1"),
        ("permit", ("sys",), None),
        ("apply", 3),
        ("permit", None, ("other",)),
        ("stamp", 4, True),
    ]
    assert change is not None
    assert (change.version, change.action, change.occurred_at) == (4, ChangeAction.UPDATED, store.unit.moment())


async def test_a_first_write_is_asked_about_the_new_systems_alone_and_stamps_nothing() -> None:
    store = Store()
    change = await store.write(a_door())
    assert store.calls == [("lock", "d1"), ("read", "d1"), ("apply", None), ("permit", None, ("sys",))]
    assert change is not None
    assert (change.version, change.action, change.before) == (1, ChangeAction.CREATED, None)


async def test_a_stamp_changes_the_stored_entity_and_not_the_state() -> None:
    store = Store()
    store.doors["d1"] = a_door(label="front")

    async def apply(before: Snapshot[str] | None) -> Applied[str]:
        return Applied(after=a_door(is_open=True, label="front"))

    result = await store.handle.mutate(store.unit, "d1", apply)
    assert result.change is not None
    assert result.change.after == {"open": True, "label": "front", "at": "now", "colour": "red"}
    assert (result.after.entity, result.after.version, result.after.state) == ("stamped", 2, {"open": True})


async def test_a_kind_without_locks_and_stamps_is_written_without() -> None:
    store = Store(lock=None, stamp=None)
    store.doors["d1"] = a_door()
    assert await store.write(a_door(is_open=True)) is not None
    assert [call for call in store.calls if call[0] in {"lock", "stamp"}] == []


async def test_facts_alone_make_a_change_without_an_event_and_aside_fields_none() -> None:
    store = Store(stamp=None)
    store.doors["d1"] = a_door(label="front", at="noon")
    change = await store.write(a_door(label="back", at="noon"))
    assert change is not None
    assert (change.changed_fields, change.described_fields, change.events) == ((), ("label",), ())
    assert await store.write(replace(store.doors["d1"], aside={"colour": "blue"})) is None


async def test_a_derived_fact_is_in_the_change_and_makes_none() -> None:
    store = Store(stamp=None, derived_facts=frozenset({"at"}))
    store.doors["d1"] = a_door(label="front", at="noon")
    assert await store.write(a_door(label="front", at="night")) is None
    change = await store.write(a_door(label="back", at="night"))
    assert change is not None
    assert (change.described_fields, (change.after or {})["at"]) == (("label",), "night")


async def test_a_touched_part_alone_makes_a_change_and_none_makes_none() -> None:
    store = Store(stamp=None)
    store.doors["d1"] = a_door(label="front")
    touched = Touched(part="bell", id="b1", after=Visibility.PUBLIC)
    change = await store.write(a_door(label="front"), touched)
    assert change is not None
    assert (change.touched, change.changed_fields, change.described_fields) == ((touched,), (), ())
    assert await store.write(a_door(label="front")) is None


async def test_a_long_fact_is_kept_before_a_change_where_the_change_is_of_it() -> None:
    store = Store(stamp=None, long_facts=frozenset({"label"}))
    store.doors["d1"] = a_door(label="front")
    opened = await store.write(a_door(is_open=True, label="front"))
    renamed = await store.write(a_door(label="back"))
    assert opened is not None
    assert renamed is not None
    assert (opened.before, opened.after) == (
        {"open": False, "colour": "red"},
        {"open": True, "colour": "red", "label": "front"},
    )
    assert renamed.before == {"open": False, "colour": "red", "label": "front"}
    assert store.kind.before_of(opened) == store.kind.before_of(renamed) == renamed.before


async def test_a_kind_names_the_action_of_its_changes() -> None:
    store = Store(name_action=lambda prev, following: ChangeAction.RESOLVED)
    change = await store.write(a_door())
    assert change is not None
    assert change.action is ChangeAction.RESOLVED


async def test_several_are_locked_and_asked_about_before_the_first_is_written() -> None:
    store = Store(stamp=None)
    store.doors = {"d2": a_door(), "d1": a_door()}

    async def apply(identifier: str, before: Snapshot[str]) -> Applied[str]:
        store.calls.append(("apply", identifier))
        return Applied(after=replace(before, state={"open": True}))

    results = await store.handle.mutate_many(store.unit, ["d2", "d3", "d1", "d2"], apply, origin=store.origin)
    assert [result.change.entity_id for result in results if result.change] == ["d1", "d2"]
    assert store.calls == [
        ("lock", "d1", "d2", "d3"),
        ("read", "d1", "d2", "d3"),
        ("permit", ("sys",), None),
        ("permit", ("sys",), None),
        ("apply", "d1"),
        ("permit", None, ("sys",)),
        ("apply", "d2"),
        ("permit", None, ("sys",)),
    ]


async def test_a_removal_locks_asks_applies_and_leaves_all_fields_in_the_change() -> None:
    store = Store(long_facts=frozenset({"label"}))
    store.doors["d1"] = a_door(6, label="front")

    async def apply(before: Snapshot[str] | None) -> None:
        store.calls.append(("apply", before.version if before else None))

    change = await store.handle.remove(store.unit, "d1", apply, origin=store.origin)
    assert store.calls == [("lock", "d1"), ("read", "d1"), ("permit", ("sys",), None), ("apply", 6)]
    assert change is not None
    assert (change.action, change.version, change.delta, change.changed_fields) == (
        ChangeAction.DELETED,
        7,
        {},
        ("open",),
    )
    assert (change.prev, change.next, change.after) == ({"open": False}, None, None)
    assert change.before == {"open": False, "colour": "red", "label": "front"}
    assert (change.described_fields, change.touched, change.occurred_at) == ((), (), store.unit.moment())


async def test_the_removal_of_an_unknown_entity_is_applied_without_a_change() -> None:
    store = Store()

    async def apply(before: Snapshot[str] | None) -> None:
        store.calls.append(("apply", before))

    assert await store.handle.remove(store.unit, "d1", apply, origin=store.origin) is None
    assert (store.calls[-1], store.unit.has_changes) == (("apply", None), False)


async def test_a_replayed_write_equals_the_recorded_one() -> None:
    store = Store(stamp=None)
    store.doors["d1"] = a_door(2)
    after = a_door(2, is_open=True, label="front")
    written = await store.write(after)
    assert written is not None
    replayed = store.handle.replay(
        "d1", store.doors["d1"], Applied(after=after), origin=store.origin, at=written.occurred_at
    )
    assert replayed is not None
    change, transitions = replayed
    assert replace(change, id=written.id) == written
    assert transitions == transitions_of(change)
    assert store.handle.replay("d1", after, Applied(after=after), origin=store.origin, at=written.occurred_at) is None


@pytest.mark.parametrize("known", [True, False], ids=["a known kind", "an unknown kind"])
async def test_entities_of_a_kind_are_locked_by_its_name(known: bool) -> None:
    store = Store()
    registry = EntityRegistry()
    handle = registry.define(store.kind)
    lock = registry.locker_for("door" if known else "window")
    assert (lock is not None) == known
    if lock is not None:
        await lock(store.unit, ["d1"])
        assert store.calls == [("lock", "d1")]
    assert (registry.definitions(), registry.handle(store.kind)) == ((store.kind,), handle)


async def test_the_writer_of_an_entity_about_no_system_is_asked_for_none() -> None:
    store = Store()
    await store.write(Snapshot(entity="front", version=1, state={"open": True}))
    assert ("permit", None, ()) in store.calls
