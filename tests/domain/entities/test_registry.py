"""The registry of kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, RootModel

from domain.clock import Clock
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import Applied
from domain.entities.kind import EntityKind, Snapshot
from domain.entities.kinds import registry_of
from domain.entities.masking import SecretMasker
from domain.entities.registry import EntityRegistry
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

STORED = {"w1": Snapshot(entity="one", version=1, state={"colour": "red"})}
#: No handle under test touches it: the store is a dictionary.
NOWHERE: Any = None


class State(BaseModel):
    colour: str


class Listing(RootModel[list[str]]):
    pass


async def read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[str]]:
    return {identifier: STORED[identifier] for identifier in ids if identifier in STORED}


def kind(name: str, *, state: Any = State, read: Any = read) -> EntityKind[str]:
    return EntityKind(name=name, state=state, read=read)


@pytest.fixture
def registry() -> EntityRegistry:
    """Return an empty registry."""
    return EntityRegistry()


@pytest.mark.parametrize("name", ["", " "])
def test_a_blank_kind_is_refused(registry: EntityRegistry, name: str) -> None:
    with pytest.raises(ValueError, match="non-empty string"):
        registry.define(kind(name))


@pytest.mark.parametrize(
    ("state", "named"),
    [
        pytest.param(str, "str", id="scalar"),
        pytest.param(list[str], "GenericAlias", id="list"),
        pytest.param(State | None, "UnionType", id="union"),
        pytest.param({"colour": "str"}, "dict", id="no type at all"),
        pytest.param(Listing, "Listing", id="model of a list"),
    ],
)
def test_a_state_that_is_no_object_schema_is_refused_by_name(
    registry: EntityRegistry, state: object, named: str
) -> None:
    with pytest.raises(ValueError, match=f"object schema.*{named}"):
        registry.define(kind("widget", state=state))


def test_a_kind_is_defined_once(registry: EntityRegistry) -> None:
    registry.define(kind("widget"))

    with pytest.raises(ValueError, match="globally unique"):
        registry.define(kind("widget"))


@pytest.mark.parametrize("wrong", [pytest.param(None, id="missing"), pytest.param("read", id="not callable")])
def test_a_kind_needs_a_read_that_can_be_called(registry: EntityRegistry, wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be callable"):
        registry.define(kind("widget", read=wrong))


def test_a_definition_is_checked_by_kind_then_duplicate_then_read_then_state(registry: EntityRegistry) -> None:
    wrong: Any = None
    with pytest.raises(ValueError, match="non-empty"):
        registry.define(kind("", state=str, read=wrong))
    with pytest.raises(ValueError, match="callable"):
        registry.define(kind("widget", state=str, read=wrong))
    registry.define(kind("widget"))
    with pytest.raises(ValueError, match="unique"):
        registry.define(kind("widget", state=str, read=wrong))


def test_kinds_are_listed_in_the_order_of_their_definition(registry: EntityRegistry) -> None:
    for name in ("widget", "incident", "alarm"):
        registry.define(kind(name))

    assert registry.kinds() == ["widget", "incident", "alarm"]


def test_a_table_that_is_not_reactive_is_recorded_with_the_reason(registry: EntityRegistry) -> None:
    registry.declare_non_reactive(table="samples", reason="raw-sample")
    registry.declare_non_reactive(table="tokens", reason="sensitive", note="digests only")

    assert [(entry.table, entry.reason, entry.note) for entry in registry.non_reactive()] == [
        ("samples", "raw-sample", None),
        ("tokens", "sensitive", "digests only"),
    ]


def test_a_reason_that_does_not_exist_is_refused(registry: EntityRegistry) -> None:
    with pytest.raises(ValueError, match="bookkeeping"):
        registry.declare_non_reactive(table="samples", reason="laziness")


async def test_a_write_before_the_registry_is_bound_fails_and_writes_nothing(registry: EntityRegistry) -> None:
    handle = registry.define(kind("widget"))

    async def apply(before: Snapshot[str] | None) -> Applied[str]:
        pytest.fail("applied without a store")

    with pytest.raises(RuntimeError, match="not initialised"):
        await handle.mutate(NOWHERE, "w1", apply)
    assert (await handle.get_many(NOWHERE, ["w1"]))["w1"].entity == "one"


async def test_a_handle_from_before_writes_as_soon_as_the_registry_is_bound(registry: EntityRegistry) -> None:
    handle = registry.define(kind("widget"))
    registry.bind(clock=Clock(), derivers=DeriverRegistry(), masker=SecretMasker())
    unit = UnitOfWork(NOWHERE, Clock())

    async def apply(before: Snapshot[str] | None) -> Applied[str]:
        return Applied(after=Snapshot(entity="one", version=1, state={"colour": "blue"}))

    mutation = await handle.mutate(unit, "w1", apply)
    assert mutation.change is not None
    assert (mutation.change.delta, unit.has_changes) == ({"colour": "blue"}, True)


async def test_a_registry_of_kinds_writes_with_their_derivers_and_payloads() -> None:
    painted = replace(kind("widget"), derive=lambda _: ("widget.painted",), to_payload=lambda change: change.delta)
    plain, bare = kind("gadget"), replace(kind("gizmo"), derive=lambda _: ("gizmo.moved",))
    derivers = DeriverRegistry()
    registry = registry_of((painted, plain, bare), clock=Clock(), derivers=derivers, masker=SecretMasker())
    assert (registry.kinds(), derivers.kinds()) == (["widget", "gadget", "gizmo"], ["widget", "gizmo"])

    async def apply(before: Snapshot[str] | None) -> Applied[str]:
        return Applied(after=Snapshot(entity="one", version=1, state={"colour": "blue"}))

    unit = UnitOfWork(NOWHERE, Clock())
    changes = [(await registry.handle(each).mutate(unit, "w1", apply)).change for each in (painted, plain, bare)]
    assert [(change.events, change.payload) for change in changes if change] == [
        (("widget.painted",), {"colour": "blue"}),
        ((), None),
        (("gizmo.moved",), None),
    ]


async def test_the_resolver_of_a_kind_is_its_batched_read(registry: EntityRegistry) -> None:
    registry.define(kind("widget"))
    resolve = registry.resolver_for("widget")
    assert resolve is not None

    assert await resolve(NOWHERE, ["w1", "w2"]) == STORED


def test_an_unknown_kind_has_no_resolver(registry: EntityRegistry) -> None:
    assert registry.resolver_for("widget") is None
