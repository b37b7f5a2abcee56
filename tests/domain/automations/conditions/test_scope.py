"""The scope of conditions: health and entities that they name, read in bounded batches."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.entities.kind import Snapshot
from domain.model.actor import SYSTEM
from domain.model.automation import Firing
from domain.model.incident import Health
from domain.model.moment import iso
from domain.persistence.unit_of_work import ReadSession
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident, make_system
from tests.inside import inside


async def seen(world: World, *conditions: str, payload: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """Return the scope that these conditions are evaluated in."""
    now = world.clock.moment
    firing = Firing(event="x", key="k", payload=payload or {}, actor=SYSTEM, context_key=None, occurred_at=now)
    states = world.domain.automations.states
    return await inside(world.domain).database.read(
        lambda session: states.enriched(session, {}, conditions=conditions, firing=firing, now=now, **options)
    )


@pytest.fixture
def reads(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Return the reads of a kind: the kind and the ids of each."""
    registry, questions = world.domain.automations.states._registry, []
    resolver_for = registry.resolver_for

    def noting(kind: str) -> Callable[..., Any] | None:
        read = resolver_for(kind)
        if read is None:
            return None

        async def noted(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Any]]:
            questions.append((kind, sorted(ids)))
            return await read(session, ids)

        return noted

    monkeypatch.setattr(registry, "resolver_for", noting)
    return questions


async def test_315_health_is_read_of_the_context_and_used_systems(world: World) -> None:
    systems = {key: await make_system(world.domain, key) for key in ("payments", "search", "other")}
    await world.report("payments", Health.DEGRADED)
    began = world.clock.moment
    world.clock.advance(seconds=90)
    scope = await seen(world, payload={"systemId": systems["payments"].id}, uses_state=["search", "unknown"])
    health = scope["health"]
    assert health["system"] == health["systems"][systems["payments"].id]
    assert health["system"] == {
        "status": "degraded",
        "in_status_since": iso(began),
        "in_status_for_seconds": 90.0,
        "transitions_in_window": 1,
        "under_maintenance": False,
        "evaluated_at": iso(world.clock.moment),
    }
    unreported = health["systems"]["search"]
    assert (unreported["status"], unreported["in_status_since"], unreported["in_status_for_seconds"]) == (
        "healthy",
        None,
        None,
    )
    assert set(health["systems"]) == {systems["payments"].id, "search", systems["search"].id}


@on_one_database
async def test_315_a_condition_without_references_reads_nothing(
    world: World, reads: list[tuple[str, list[str]]]
) -> None:
    assert await seen(world, "1 == 1") == {"health": {"systems": {}}, "state": {}}
    assert reads == []


async def test_315_transitions_are_counted_within_the_window(world: World) -> None:
    await make_system(world.domain)
    for health in (Health.DEGRADED, Health.HEALTHY, Health.DEGRADED):
        await world.report("payments", health)
        world.clock.advance(minutes=10)
    counted = [
        (await seen(world, uses_state=["payments"], window=timedelta(minutes=window)))["health"]["systems"]["payments"]
        for window in (5, 15, 60)
    ]
    assert [view["transitions_in_window"] for view in counted] == [0, 1, 3]


async def test_315_entities_are_read_once_per_kind_without_missing_ones(
    world: World, reads: list[tuple[str, list[str]]]
) -> None:
    first, second = [await make_incident(world.domain) for _ in range(2)]
    conditions = [f"state.incident['{incident.id}'].status == 'x'" for incident in (first, second, first)]
    scope = await seen(world, *conditions, "state.incident.inc_none.status == 'x'", "state.nonsense.n.a == 1")
    assert reads == [("incident", sorted([first.id, second.id, "inc_none"]))]
    assert {name: sorted(found) for name, found in scope["state"].items()} == {
        "incident": sorted([first.id, second.id]),
        "nonsense": [],
    }


async def test_315_reads_of_entities_are_bounded_and_the_excess_is_logged(
    world: World, reads: list[tuple[str, list[str]]], caplog: pytest.LogCaptureFixture
) -> None:
    await seen(world, *[f"state.incident.inc_{number}.status == 'x'" for number in range(60)])
    [(kind, ids)] = reads
    assert (kind, len(ids)) == ("incident", 50)
    await seen(world, uses_state=[f"system-{number}" for number in range(51)])
    assert [record.getMessage() for record in caplog.records if "entities" in record.getMessage()] == [
        "an expression reads 60 entities, of which it sees 50",
        "an expression reads 51 entities, of which it sees 50",
    ]


@on_one_database
async def test_284_health_is_read_once_and_never_as_an_entity(
    world: World, reads: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_system(world.domain)
    incident = await make_incident(world.domain, "payments")
    states = world.domain.automations.states
    read, health_reads = states._health, []

    async def counted(*arguments: Any, **options: Any) -> dict[str, Any]:
        health_reads.append(arguments)
        return await read(*arguments, **options)

    monkeypatch.setattr(states, "_health", counted)
    both = f"health.systems.payments.status == 'healthy' and state.incident['{incident.id}'].status == 'x'"
    await seen(world, both, "health.systems.payments.in_status_since")
    assert (len(health_reads), reads) == (1, [("incident", [incident.id])])


@on_one_database
async def test_282_an_entity_may_be_named_by_the_state_of_another(world: World) -> None:
    second = await make_incident(world.domain, title="Second")
    first = await make_incident(world.domain, title=second.id)
    scope = await seen(world, f"state.incident[state.incident['{first.id}'].title].title == 'Second'")
    assert scope["state"]["incident"][second.id]["title"] == "Second"
