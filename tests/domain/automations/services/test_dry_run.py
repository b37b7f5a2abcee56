"""Dry runs: a prediction equals the real runs."""

import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.automations.definitions.templates import definition_from
from domain.automations.services.dry_run.model import DryRunLimits, Prediction
from domain.automations.services.dry_run.service import DryRuns
from domain.automations.validation.problems import InvalidDefinitionError
from domain.bootstrap import Domain
from domain.errors import InvalidInputError, NotFoundError
from domain.model.change import Change
from domain.model.incident import Health, Status
from domain.persistence.tables import metadata
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.feeds import START, SYSTEMS, happened, make_feed, play, predicted, shifted
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident, make_system, report_health, set_status
from tests.inside import inside

END = START + timedelta(days=1)
SUSTAINED = definition_from("sustained", {"degradedSeconds": 120, "healthySeconds": 300})
FLAPPING = definition_from("flapping", {"transitions": 2, "withinMinutes": 240})
OPEN: dict[str, Any] = {
    "id": "open",
    "action": "incident.create",
    "config": {
        "title": "{{ trigger.payload.systemName }} is {{ trigger.payload.newStatus }}",
        "severity": "{{ 'critical' if trigger.payload.newStatus == 'unhealthy' else 'minor' }}",
        "systemIds": ["{{ trigger.payload.systemId }}"],
        "dedupeOpenForSystem": True,
        "takeOver": True,
    },
}
CHOOSING: Mapping[str, Any] = {
    "triggers": [{"event": "system.health_changed"}],
    "mode": "parallel",
    "max_runs": 3,
    "actions": [
        {
            "choose": [
                {
                    "when": "trigger.payload.newStatus == 'healthy'",
                    "sequence": [
                        {"delay": {"seconds": 45}},
                        {"action": "incident.resolve", "continue_on_error": True, "config": {"message": "Well again."}},
                    ],
                }
            ],
            "else": [
                OPEN,
                {"action": "incident.update_status", "config": {"status": "fixing"}},
                {
                    "wait_until": {
                        "condition": "health.system.status == 'healthy'",
                        "timeout_seconds": 600,
                        "continue_on_timeout": True,
                    }
                },
                {"action": "incident.add_update", "config": {"message": "{{ trigger.payload.systemKey }}: looked."}},
            ],
        }
    ],
}
DEFINITIONS = {"sustained": SUSTAINED, "flapping": FLAPPING, "choosing": CHOOSING}
#: Feeds by seed, of each definition as many; DRY_RUN_FEEDS=20 tries that many of each, every other one on PostgreSQL.
FEEDS = [
    pytest.param(dialect, name, seed, marks=[pytest.mark.postgres] if dialect == "postgresql" else [])
    for seed in range(int(os.environ.get("DRY_RUN_FEEDS", "1")))
    for number, name in enumerate(DEFINITIONS)
    # The dry run itself is the same on both databases.
    for dialect in [("sqlite", "postgresql")[(seed + number) % 2]]
]

Stored = Callable[[], Awaitable[dict[str, Any]]]


@pytest.fixture
def stored(domain: Domain) -> Stored:
    """Return all rows of all tables, and the log's position."""

    async def read() -> dict[str, Any]:
        async with inside(domain).database._engines.reader.connect() as connection:
            rows = {
                table.name: list(map(tuple, await connection.execute(_rows(table)))) for table in metadata.sorted_tables
            }
        return rows | {"head": await inside(domain).database.read(lambda session: session.changes.head())}

    return read


def _rows(table: sa.Table) -> sa.TextClause:
    # As they are in the database: to make objects of what is in them takes longer than to read them.
    return sa.text(f"SELECT * FROM {table.name} ORDER BY {', '.join(column.name for column in table.primary_key)}")


def dry_runs(domain: Domain, **limits: Any) -> DryRuns:
    return DryRuns(
        database=inside(domain).database,
        clock=domain.clock,
        catalog=domain.automations.catalog,
        secrets=domain.secrets,
        limits=DryRunLimits(**({"seconds": 60.0} | limits)),
    )


async def predict(world: World, definition: Mapping[str, Any], **options: Any) -> Prediction:
    return await dry_runs(world.domain).predict(definition, **({"since": START, "until": END} | options))


async def systems_of(world: World) -> dict[str, str]:
    return {(await make_system(world.domain, key)).id: key for key in SYSTEMS}


@pytest.mark.parametrize(("dialect", "name", "seed"), FEEDS)
async def test_a_prediction_equals_the_real_runs(world: World, name: str, seed: int) -> None:
    systems = await systems_of(world)
    automation = await world.automation(name=name, **{"actions": [], **DEFINITIONS[name]})
    await play(world, make_feed(seed), END)
    real = await happened(world, systems)
    assert real["runs"]
    prediction = await predict(world, DEFINITIONS[name], automation_id=automation.id)
    assert prediction.truncated is None
    assert predicted(prediction, systems) == real


@on_one_database
async def test_a_change_of_a_feed_is_routed_before_waits_wake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await systems_of(world)
    await world.automation(**{"actions": [], **CHOOSING})
    routed, woken, early = 0, 0, []

    async def route(change: Change, unit: UnitOfWork) -> None:
        nonlocal routed
        await world.domain.automations.router.route(unit, change)
        routed = change.seq

    def wake(change: Change) -> None:
        nonlocal woken
        woken += 1
        if change.kind in {"incident", "health"} and change.seq > routed:
            early.append(change.seq)

    monkeypatch.setattr(world, "_route", route)
    monkeypatch.setattr(world.domain.automations.wakes, "wake", wake)
    await play(world, make_feed(2), START + timedelta(hours=3))
    assert woken > 0
    assert early == []


@on_one_database
async def test_a_past_without_the_automation_predicts_its_runs(world: World) -> None:
    systems = await systems_of(world)
    await play(world, make_feed(7), END)
    prediction = await predict(world, SUSTAINED)
    automation = await world.automation(**{"actions": [], **SUSTAINED})
    later = timedelta(days=2)
    for system in SYSTEMS:
        await world.report(system, Health.HEALTHY)
    await world.settle()
    world.clock.advance(hours=24)
    await play(world, shifted(make_feed(7), later), END + later)
    again = await predict(world, SUSTAINED, since=START + later, until=END + later, automation_id=automation.id)
    assert len(prediction.runs) == len(again.runs) > 0
    assert predicted(again, systems) == await happened(world, systems)


@on_one_database
async def test_the_real_incidents_of_the_past_are_used_instead_of_new_ones(world: World) -> None:
    await make_system(world.domain)
    world.clock.advance(minutes=1)
    since = world.clock.moment
    known = await make_incident(world.domain, "payments")
    world.clock.advance(minutes=1)
    await report_health(world.domain, "payments", Health.UNHEALTHY)
    world.clock.advance(hours=1)
    await set_status(world.domain, known, Status.FIXING)
    await report_health(world.domain, "payments", Health.HEALTHY)
    world.clock.advance(hours=1)
    prediction = await predict(world, SUSTAINED, since=since, until=world.clock.moment)
    [diff] = prediction.incidents
    assert (diff.incident_id, diff.opened, diff.resolved) == (known.id, False, True)
    [resolved] = diff.changes
    status = next(each for each in resolved.fields if each.name == "status")
    assert (status.before, status.after) == ("fixing", "resolved")


async def test_an_incident_open_before_the_span_is_known(world: World) -> None:
    await make_system(world.domain)
    known = await make_incident(world.domain, "payments", description="Old", dedupe_key="k")
    await report_health(world.domain, "payments", Health.DEGRADED)
    world.clock.advance(hours=1)
    since = world.clock.moment
    await report_health(world.domain, "payments", Health.UNHEALTHY)
    world.clock.advance(hours=1)
    await set_status(world.domain, known, Status.RESOLVED)
    definition = {**CHOOSING, "triggers": [{"event": "system.health_changed"}]}
    prediction = await predict(world, definition, since=since, until=world.clock.moment)
    [diff] = prediction.incidents
    assert (diff.incident_id, diff.opened) == (known.id, False)
    [predicted] = prediction.runs
    assert predicted.run.firing.payload["previousStatus"] == "degraded"


@on_one_database
async def test_peoples_changes_apply_to_the_automations_incidents(world: World) -> None:
    await make_system(world.domain)
    since = world.clock.moment
    world.clock.advance(minutes=1)
    known = await make_incident(world.domain, "payments")
    world.clock.advance(minutes=1)
    await set_status(world.domain, known, Status.MONITORING)
    resolve = {
        "action": "incident.resolve",
        "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Not ours."},
    }
    note = {**resolve, "action": "incident.add_update"}
    definition = {
        "triggers": [{"event": "incident.created"}, {"event": "incident.updated"}],
        "mode": "parallel",
        "actions": [
            {"choose": [{"when": "trigger.event == 'incident.created'", "sequence": [resolve]}], "else": [note]}
        ],
    }
    world.clock.advance(minutes=1)
    prediction = await predict(world, definition, since=since, until=world.clock.moment)
    [diff] = prediction.incidents
    assert [change.action for change in diff.changes] == ["resolved", "updated"]
    # It was resolved in the prediction when a person moved it on, which reopened it.
    assert prediction.runs[1].run.firing.payload["previous"] == {"status": "resolved"}


@on_one_database
async def test_an_automations_own_effects_trigger_it_until_the_depth_cap(world: World) -> None:
    await make_system(world.domain)
    since = world.clock.moment
    world.clock.advance(minutes=1)
    await make_incident(world.domain, "payments")
    world.clock.advance(minutes=1)
    opened = {"title": "Again", "severity": "minor", "systemIds": ["payments"]}
    again = {"id": "again", "action": "incident.create", "config": opened}
    # Only what is gated can be saved, so the filter lets everything pass.
    trigger = {"event": "incident.created", "filter": "trigger.payload.severity in ['minor', 'major']"}
    definition: dict[str, Any] = {"triggers": [trigger], "mode": "parallel", "actions": [again]}
    prediction = await predict(world, definition, since=since, until=world.clock.moment)
    assert [predicted.run.status for predicted in prediction.runs] == ["success"] * 9
    assert {str(reason): count for reason, count in prediction.skips.items()} == {"depth": 1}


@on_one_database
async def test_steps_that_leave_the_server_are_not_run(world: World) -> None:
    await make_system(world.domain)
    since = world.clock.moment
    world.clock.advance(minutes=1)
    await make_incident(world.domain, "payments")
    world.clock.advance(minutes=1)
    config = {"url": "https://example.com/", "method": "POST", "expect": [201]}
    call = {"id": "call", "action": "http.request", "config": config}
    # Whoever looks at the answer sees one of success.
    answered = {"condition": "steps.call.status == 'success' and steps.call.output.status == 201"}
    steps = [call, answered, {"delay": {"seconds": 86_400}}]
    definition = {"triggers": [{"event": "incident.created"}], "actions": steps}
    prediction = await predict(world, definition, since=since, until=world.clock.moment)
    [predicted] = prediction.runs
    assert predicted.steps[0].output["skipped"] == "outside"
    assert (predicted.run.status, predicted.steps[2].status) == ("waiting", "waiting")
    assert [(each.what, each.count) for each in prediction.omissions] == [("http.request", 1)]


@on_one_database
async def test_time_triggers_fire_in_a_dry_run(world: World) -> None:
    await make_system(world.domain)
    since = world.clock.moment
    world.clock.advance(hours=5)
    definition = {
        "triggers": [{"event": "time.cron", "config": {"cron": "30 * * * *"}}],
        "actions": [
            {**OPEN, "config": {**OPEN["config"], "title": "x", "severity": "minor", "systemIds": ["payments"]}}
        ],
    }
    prediction = await predict(world, definition, since=since, until=world.clock.moment)
    assert [predicted.run.started_at for predicted in prediction.runs] == [
        START + timedelta(minutes=30) + timedelta(hours=hour) for hour in range(5)
    ]
    assert len(prediction.incidents) == 1


@on_one_database
async def test_a_dry_run_beyond_a_limit_is_truncated_with_its_reason(world: World) -> None:
    await make_system(world.domain)
    since = world.clock.moment
    world.clock.advance(hours=5)
    document = {"triggers": [{"event": "time.interval", "config": {"seconds": 3600}}], "actions": []}
    until = world.clock.moment
    for limits, reason in (({"runs": 3}, "runs"), ({"firings": 3}, "firings"), ({"seconds": 0.0}, "seconds")):
        prediction = await dry_runs(world.domain, **limits).predict(document, since=since, until=until)
        assert prediction.truncated == reason
        assert prediction.until < world.clock.moment
    for _ in range(3):
        await make_incident(world.domain, "payments")
    world.clock.advance(minutes=1)
    prediction = await dry_runs(world.domain, changes=2).predict(document, since=since, until=END)
    assert (prediction.truncated, prediction.changes) == ("changes", 2)


@on_one_database
async def test_an_invalid_dry_run_is_refused(world: World) -> None:
    world.clock.advance(hours=1)
    with pytest.raises(InvalidDefinitionError):
        await predict(world, {"triggers": []})
    with pytest.raises(InvalidInputError):
        await predict(world, SUSTAINED, since=END, until=START)
    with pytest.raises(NotFoundError):
        await predict(world, SUSTAINED, automation_id="aut_none", until=world.clock.moment)


@on_one_database
async def test_a_month_of_history_is_tried_without_a_trace(
    domain: Domain, stored: Stored, capsys: pytest.CaptureFixture[str]
) -> None:
    await domain.demo.fill(100)
    before = await stored()
    now = domain.clock.now()
    # Each run takes as long as a hundred changes, and those of three days write all that those of a month would.
    month, three_days = [
        await dry_runs(domain).predict(definition, since=now - timedelta(days=days), until=now)
        for definition, days in ((FLAPPING, 30), (SUSTAINED, 3))
    ]
    for name, prediction in (("a month", month), ("three days", three_days)):
        with capsys.disabled():
            counts = f"{prediction.changes} changes, {len(prediction.runs)} runs"
            print(f"\ndry run over {name}: {counts}, {prediction.seconds:.1f} s of a core")
    assert month.changes > 120
    assert three_days.runs
    assert three_days.incidents
    assert await stored() == before
