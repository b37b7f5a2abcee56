"""The actions on incidents, performed by runs."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Incident, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident, make_system, set_status

UPSTREAM = "{{ artifacts.open.incident.incidentId }}"


def create(**config: Any) -> dict[str, Any]:
    settings = {"title": "Down", "severity": "major", "systemIds": ["payments"], **config}
    return {"id": "open", "action": "incident.create", "config": settings}


def do(action: str, **config: Any) -> dict[str, Any]:
    return {"action": f"incident.{action}", "config": config}


async def only(world: World) -> Incident:
    [incident] = await world.incidents()
    return incident


async def output(world: World, run: AutomationRun, number: int = 0) -> dict[str, Any]:
    step = await world.step(run, f"actions[{number}]")
    assert step.status == "success", step.error
    return dict(step.output)


@on_one_database
async def test_an_incident_is_opened_by_the_settings_and_is_an_artifact(world: World) -> None:
    payments = await make_system(world.domain)
    run = await world.ran(create())
    incident = await only(world)
    assert (incident.title, incident.description, incident.system_ids) == ("Down", None, (payments.id,))
    assert (incident.severity, incident.suppress_notifications, await world.messages()) == ("major", False, [])
    assert (incident.opened_by.type, incident.opened_by.name) == ("service", "tested")
    data = {"incidentId": incident.id, "status": "investigating", "severity": "major", "systemIds": [payments.id]}
    artifact = {"type": "incident.incident", "data": data, "owned": True}
    named = {"externalId": incident.id, "incidentId": incident.id, "reference": incident.reference}
    assert await output(world, run) == {**named, "reused": False, "artifact": artifact}
    [change] = await log_of(world.domain, incident)
    assert (change.events, change.cause.run_id) == (("incident.created",), run.id)


@on_one_database
async def test_templates_keep_the_types_of_their_values(world: World) -> None:
    systems = sorted([(await make_system(world.domain, key)).id for key in ("payments", "search")])
    run = await world.ran(
        create(
            title="{{ trigger.payload.name | upper }} down",
            description="{{ trigger.payload.number }}",
            severity="{{ trigger.payload.severity }}",
            systemIds="{{ trigger.payload.systemIds }}",
            suppressNotifications="{{ trigger.payload.number > 3 }}",
        ),
        payload={"name": "Pay", "number": 5, "severity": "critical", "systemIds": systems},
    )
    incident = await only(world)
    assert (incident.title, incident.description, incident.severity) == ("PAY down", "5", "critical")
    assert (list(incident.system_ids), incident.suppress_notifications) == (systems, True)
    assert (await world.step(run, "actions[0]")).input["systemIds"] == systems


@on_one_database
async def test_a_title_of_several_lines_becomes_one_line(world: World) -> None:
    await make_system(world.domain)
    await world.ran(create(title="{{ trigger.payload.text }}"), payload={"text": "Disk full\r\n\x1b[31m/var\u202e"})
    assert (await only(world)).title == "Disk full [31m/var"


LONG = "Ä" * 300
TITLES = {
    "{{ trigger.payload.long }} is down": "Ä" * 199 + "…",
    "{{ trigger.payload.lines }}": "a b c",
    "{{ trigger.payload.none }}": "Untitled incident",
    "{{ trigger.payload.blank }}": "Untitled incident",
    "{{ trigger.payload.number }}": "5.5",
    "{{ trigger.payload.yes }}": "true",
    "exactly {{ trigger.payload.fits }}": "exactly " + "x" * 192,
}


@on_one_database
async def test_any_rendered_title_opens_an_incident(world: World) -> None:
    await make_system(world.domain)
    payload = {
        "long": LONG,
        "lines": "a\nb\x1b\tc",
        "none": None,
        "blank": " \u200b ",
        "number": 5.5,
        "yes": True,
        "fits": "x" * 192,
    }
    steps = [{**create(title=title), "id": f"open{number}"} for number, title in enumerate(TITLES)]
    assert (await world.ran(*steps, payload=payload)).status is RunStatus.SUCCESS
    assert [incident.title for incident in await world.incidents()] == list(TITLES.values())


async def test_long_texts_are_cut_and_long_keys_stay_distinct(world: World) -> None:
    await make_system(world.domain)
    long, keys = "y" * 30_000, ["{{ trigger.payload.key }}a", "{{ trigger.payload.key }}b"]
    opened = [
        {
            **create(description=f"{long}\x07", initialMessage=long, dedupeOpenForSystem=True, dedupeKey=key),
            "id": key[-1],
        }
        for key in keys
    ]
    steps = (do("add_update", message=long), do("add_update", message=5), do("resolve", message=True))
    run = await world.ran(*opened, *steps, payload={"key": "k" * 250})
    assert run.status is RunStatus.SUCCESS
    assert {len(str(incident.description)) for incident in await world.incidents()} == {20_000}
    assert len(await world.incidents()) == 2
    messages = await world.messages()
    assert [len(message) for message in messages] == [25_000] * 3 + [1, 4]
    assert messages[0].endswith("y…")


@on_one_database
async def test_the_log_says_whether_an_incident_was_created_or_found(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await make_system(world.domain)
    with caplog.at_level("INFO", logger="domain.automations.actions.incidents"):
        await world.ran(create(dedupeOpenForSystem=True), {**create(dedupeOpenForSystem=True), "id": "again"})
    [incident] = await world.incidents()
    named = f"{incident.reference} ({incident.id})"
    assert [record.getMessage() for record in caplog.records] == [
        f"tested created the incident {named}",
        f"tested used the open incident {named}",
    ]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "enum": (create(severity="{{ trigger.payload.word }}"), "severity"),
    "list": (create(systemIds="{{ trigger.payload.word }}"), "systemIds"),
    "flag": (create(suppressNotifications="{{ trigger.payload.word }}"), "suppressNotifications"),
    "status": (do("update_status", incidentId="{{ trigger.payload.word }}", status="{{ trigger.payload.word }}"),
               "status"),
}  # fmt: skip


@on_one_database
async def test_a_wrong_setting_is_named_and_not_retried(world: World) -> None:
    await make_system(world.domain)
    runs = await world.all_over({
        case: world.ran({**step, "retry": {"attempts": 3}}, payload={"word": "odd"})
        for case, (step, _) in WRONG.items()
    })  # fmt: skip
    for case, run in runs.items():
        assert str(run.message).startswith(f"The setting {WRONG[case][1]} is not valid: "), case
        assert (await world.step(run, "actions[0]")).attempts == 1
    assert await world.incidents() == []


@pytest.mark.parametrize("action", ["resolve", "add_update", "update_status"])
@on_one_database
async def test_a_missing_incident_or_incident_id_has_its_message(world: World, action: str) -> None:
    more = {"add_update": {"message": "x"}, "update_status": {"status": "monitoring"}}.get(action, {})
    unknown = await world.ran(do(action, incidentId="inc_unknown", **more))
    assert (unknown.status, unknown.message) == (RunStatus.FAILED, "Incident inc_unknown not found.")
    neither = await world.ran(do(action, incidentId="{{ trigger.payload.id }}", **more), payload={"id": "  "})
    assert neither.message == "No incidentId was given, and no earlier step produced an incident."
    assert await log_of(world.domain, None) == [
        change for change in await log_of(world.domain) if change.kind == "automation_run"
    ]
    assert await world.messages() == []


@on_one_database
async def test_a_given_incident_id_wins_over_the_artifact(
    world: World,
) -> None:
    other = await make_incident(world.domain)
    for given, resolved in (({}, 0), ({"incidentId": "{{ trigger.payload.blank }}"}, 0), ({"incidentId": other.id}, 1)):
        run = await world.ran(create(), do("resolve", **given), payload={"blank": " "})
        assert run.status is RunStatus.SUCCESS
        mine = (await output(world, run))["externalId"]
        states = {incident.id: incident.status for incident in await world.incidents()}
        assert (states[other.id] is Status.RESOLVED, states[mine] is Status.RESOLVED) == (bool(resolved), not resolved)


@on_one_database
async def test_a_resolve_is_one_change_and_one_event(world: World) -> None:
    await make_system(world.domain)
    run = await world.ran(create(), do("resolve", message="{{ trigger.payload.blank }}"), payload={"blank": "  "})
    incident = await only(world)
    created, resolved = await log_of(world.domain, incident)
    assert (created.events, resolved.events) == (("incident.created",), ("incident.resolved",))
    assert (resolved.cause.run_id, resolved.actor.type) == (run.id, "service")
    assert await world.messages() == ["Incident resolved"]
    assert (await output(world, run, 1))["incident"]["status"] == "resolved"


@on_one_database
async def test_updates_have_their_messages_and_statuses(world: World) -> None:
    incident = await make_incident(world.domain)
    await world.ran(do("add_update", incidentId=incident.id, message="Only words"))
    await world.ran(do("add_update", incidentId=incident.id, message="Found", statusChange="identified"))
    await world.ran(do("update_status", incidentId=incident.id, status="monitoring"))
    run = await world.ran(do("update_status", incidentId=incident.id, status="resolved", message="Over"))
    assert await world.messages() == ["Only words", "Found", "Status changed to monitoring", "Over"]
    events = [list(change.events) for change in await log_of(world.domain, incident)]
    assert events == [["incident.created"], [], ["incident.updated"], ["incident.updated"], ["incident.resolved"]]
    assert (await output(world, run))["incidentId"] == incident.id


@on_one_database
async def test_anothers_incident_is_reused_but_only_resolved_if_taken_over(world: World) -> None:
    incident = await make_incident(world.domain)
    version = incident.version
    run = await world.ran(create(dedupeOpenForSystem=True), do("resolve"))
    assert (await output(world, run))["reused"] is True
    assert (await output(world, run, 1))["skipped"] == "not_owner"
    assert (await only(world)).version == version
    assert await events_of(world.domain, incident) == ["incident.created"]
    explicit = await world.ran(create(dedupeOpenForSystem=True), do("add_update", incidentId=UPSTREAM, message="x"))
    assert explicit.status is RunStatus.SUCCESS
    taken = await world.ran(create(dedupeOpenForSystem=True, takeOver=True), do("resolve"))
    assert (taken.status, (await only(world)).status) == (RunStatus.SUCCESS, Status.RESOLVED)


@on_one_database
async def test_resolving_a_resolved_incident_only_comments(world: World) -> None:
    await make_system(world.domain)
    wait = {"wait_until": {"condition": f"state.incident[{UPSTREAM[3:-3]}].status == 'resolved'"}}
    run = await world.begun(create(), wait, do("resolve"), do("resolve", message=" "), do("resolve", message="Mine"))
    await world.waiting(run, "actions[1]")
    await world.domain.incidents.resolve(ADMIN, (await only(world)).id, message="Theirs")
    run = await world.over(run)
    assert (run.status, await world.messages()) == (RunStatus.SUCCESS, ["Theirs", "Mine"])
    outputs = [await output(world, run, place) for place in (2, 3, 4)]
    assert [output.get("skipped") for output in outputs] == ["already_resolved"] * 2 + [None]
    assert outputs[2]["commented"] is True
    assert await world.rows("SELECT status_change FROM incident_updates ORDER BY id") == [("resolved",), (None,)]
    assert await events_of(world.domain, await only(world)) == ["incident.created", "incident.resolved"]
    assert await events_of(world.domain, await only(world)) == ["incident.created", "incident.resolved"]


@on_one_database
async def test_dedupe_reuses_open_incidents_alone(
    world: World,
) -> None:
    first = await make_incident(world.domain)
    await world.ran(create())
    assert len(await world.incidents()) == 2
    for incident in await world.incidents():
        await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.ran(create(dedupeOpenForSystem=True))
    assert len(await world.incidents()) == 3
    await world.domain.incidents.resolve(ADMIN, (await world.incidents())[-1].id)
    await set_status(world.domain, first, Status.INVESTIGATING)
    run = await world.ran(create(dedupeOpenForSystem=True))
    assert (await output(world, run))["externalId"] == first.id


async def test_runs_at_the_same_time_share_one_open_incident(world: World) -> None:
    await make_system(world.domain)
    runs = await asyncio.gather(*(world.ran(create(dedupeOpenForSystem=True)) for _ in range(4)))
    incident = await only(world)
    found: list[Mapping[str, Any]] = [await output(world, run) for run in runs]
    assert {each["artifact"]["data"]["incidentId"] for each in found} == {incident.id}
    assert sorted(each["reused"] for each in found) == [False, True, True, True]
    assert await events_of(world.domain, incident) == ["incident.created"]


@on_one_database
async def test_an_open_incident_is_an_artifact_for_later_runs_until_resolved(world: World) -> None:
    await make_system(world.domain)
    first = {"when": "trigger.payload.first", "sequence": [create()]}
    later = do("add_update", message="Again")
    automation = await world.automation({"choose": [first], "else": [later]}, triggers=[{"event": "manual"}])

    async def again(context_key: str | None, *, first: bool = False) -> AutomationRun:
        return await world.over(await world.again(automation, payload={"first": first}, context_key=context_key))

    assert (await again("a", first=True)).status is RunStatus.SUCCESS
    assert (await again("a")).status is RunStatus.SUCCESS
    for key in ("b", None):
        assert (await again(key)).message == "No incidentId was given, and no earlier step produced an incident."
    await world.domain.incidents.resolve(ADMIN, (await only(world)).id)
    await world.route()
    assert (await again("a")).status is RunStatus.FAILED


async def test_an_invalid_artifact_is_not_written_nor_is_its_incident(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_system(world.domain)
    monkeypatch.setattr("domain.automations.actions.incidents.artifact_of", lambda incident: {"incidentId": 5})
    run = await world.ran(create())
    assert (run.status, await world.incidents()) == (RunStatus.FAILED, [])
    assert await world.rows("SELECT id FROM automation_artifacts") == []


@on_one_database
async def test_a_later_artifact_of_a_branch_is_the_newest(world: World) -> None:
    await make_system(world.domain)
    second = {**create(title="Second"), "id": "second"}
    beside = {"variables": {"x": 1}}
    await world.ran(create(title="First"), {"parallel": [second, beside]}, do("resolve"))
    assert {incident.title: incident.is_open for incident in await world.incidents()} == {
        "First": True,
        "Second": False,
    }
