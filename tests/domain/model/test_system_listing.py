"""Live lists of systems in memory: which systems a change is about, and what has to be asked of the database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.model.actor import Actor, ActorType
from domain.model.change import Change, ChangeAction
from domain.model.health import HealthStep
from domain.model.incident import Health
from domain.model.listing import Entry, Window
from domain.model.paging import Order
from domain.model.system import OVERRIDES_SHOWN, CatalogFilter
from domain.model.system_listing import SystemListing, SystemVersion, touched_systems

ALL = SystemListing(wanted=CatalogFilter(), order=Order(field="name", descending=False), size=2)
#: Facts of an incident.
SET: Mapping[str, Any] = {"status": "fixing", "system_ids": ["a"], "health_override": "degraded", "title": "Slow"}
UNWELL = CatalogFilter(health=frozenset([Health.DEGRADED, Health.UNHEALTHY]))


def test_an_incident_is_about_the_systems_of_which_it_sets_something_else() -> None:
    both = {**SET, "system_ids": ["a", "b"]}
    assert touched_systems(_change(None, SET)) == ["a"]
    assert touched_systems(_change(SET, both)) == ["b"]
    assert touched_systems(_change(both, {**both, "health_override": "unhealthy"})) == ["a", "b"]
    assert touched_systems(_change(SET, {**SET, "status": "resolved"})) == ["a"]
    assert touched_systems(_change(SET, {**SET, "status": "monitoring"})) == []
    assert touched_systems(_change({**SET, "status": "resolved"}, {**SET, "status": "resolved", "title": "x"})) == []
    assert touched_systems(_change({**SET, "health_override": None}, {**both, "health_override": None})) == []
    assert not touched_systems(_change(None, SET, kind="automation_run"))


def test_a_masked_record_is_about_its_systems_where_something_hidden_changed() -> None:
    masked = {**SET, "title": "***"}
    assert touched_systems(_change(masked, masked)) == []
    assert touched_systems(_change(masked, masked, described=("title",))) == ["a"]


def test_where_more_sets_health_than_is_shown_the_database_is_asked() -> None:
    shown = frozenset((f"inc_{number}", "degraded", "Slow") for number in range(OVERRIDES_SHOWN))
    for overrides, is_known in ((shown, False), (frozenset(list(shown)[1:]), True)):
        window = _window(SystemVersion(system=1, overrides=overrides))
        assert (window.after(_change(None, SET), ALL) is not None) is is_known


def test_health_of_what_is_below_counts_where_nothing_else_is_asked_for() -> None:
    listing = SystemListing(wanted=UNWELL, order=ALL.order, size=1)
    window = Window(position=0, entries=(_entry("a", SystemVersion(system=1)),), total=3)
    recovered = _change(None, None, kind="health", steps=[("z", Health.DEGRADED, Health.HEALTHY)])
    after = window.after(recovered, listing)
    assert after is not None
    assert (after.entries, after.total) == (window.entries, 2)
    named = SystemListing(wanted=CatalogFilter(health=UNWELL.health, names=frozenset("z")), order=ALL.order, size=1)
    assert window.after(recovered, named) is None


def test_the_last_one_that_is_shown_is_not_looked_for_below_where_it_stays() -> None:
    window = Window(position=0, entries=tuple(_entry(each, SystemVersion(system=1)) for each in "ab"), total=9)
    changed = _change(None, {"status": "degraded"}, kind="health", entity_id="b", version=4)
    after = window.after(changed, ALL)
    assert after is not None
    assert after.entries[1] == _entry("b", SystemVersion(system=1, report=4))


def _window(version: SystemVersion) -> Window:
    return Window(position=0, entries=(_entry("a", version),), total=1)


def _entry(name: str, version: SystemVersion) -> Entry:
    return Entry(name, version, ALL.place(name, {"name": name}))


def _change(
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    kind: str = "incident",
    entity_id: str = "z",
    version: int = 2,
    described: tuple[str, ...] = (),
    steps: Sequence[tuple[str, Health, Health]] = (),
) -> Change:
    health = tuple(
        HealthStep(system_id=each, previous=previous, status=status, reported=status, override=None)
        for each, previous, status in steps
    )
    return Change(
        id="chg_1",
        kind=kind,
        entity_id=entity_id,
        version=version,
        action=ChangeAction.UPDATED,
        prev=None,
        next=None,
        changed_fields=(),
        delta={},
        described_fields=described,
        before=before,
        after=after,
        health=health,
        actor=Actor(type=ActorType.SYSTEM, id="x"),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        seq=1,
    )
