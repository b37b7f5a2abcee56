"""The events that each write of an incident fires: the decision table row by row, and its columns on both databases."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.entities.canonical import value_text
from domain.entities.system import SYSTEM
from domain.errors import NotFoundError, VersionConflictError
from domain.model.change import Change, ChangeAction
from domain.model.incident import HealthOverride, Severity, Status
from tests.domain.dialects import in_one_shared_database
from tests.domain.entities.stage import Stage
from tests.domain.entities.widgets import steps_of
from tests.factories import ADMIN, make_incident, make_system

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATED, UPDATED, RESOLVED = "incident.created", "incident.updated", "incident.resolved"
ACKNOWLEDGED, ASSIGNED = "incident.acknowledged", "incident.assigned"
ALL = ("severity", "status", "system_ids")


Step = Callable[[Stage], Awaitable[Any]]


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shared: Domain) -> Stage:
    """Return the incident of this row."""
    one, two = [await make_system(shared, f"s-{uuid.uuid4().hex[:8]}") for _ in range(2)]
    incident = await make_incident(shared, one.id, two.id)
    return Stage(domain=shared, incident=incident, systems=(one.id, two.id))


async def nothing(_: Stage) -> None:
    """Arrange nothing."""


def rows(*table: tuple[str, Step, Step, tuple[str, ...], tuple[str, ...], int]) -> pytest.MarkDecorator:
    """Parametrize by rows: name, step before, write, events fired, fields changed, number of changes."""
    return pytest.mark.parametrize(
        ("before", "act", "events", "fields", "appended"), [pytest.param(*row[1:], id=row[0]) for row in table]
    )


@in_one_shared_database
@rows(
    ("create", nothing, lambda s: s.open_another(), (CREATED,), ALL, 1),
    (
        "deduplicated create, none open",
        lambda s: s.resolve(),
        lambda s: s.open_another(dedupe=True),
        (CREATED,),
        ALL,
        1,
    ),
    ("deduplicated create, one open", nothing, lambda s: s.open_another(dedupe=True), (), (), 0),
    ("severity", nothing, lambda s: s.update(severity=Severity.CRITICAL), (UPDATED,), ("severity",), 1),
    ("another set of systems", nothing, lambda s: s.update(systems=s.systems[1:]), (UPDATED,), ("system_ids",), 1),
    ("other order of systems", nothing, lambda s: s.update(systems=s.systems[::-1]), (), (), 0),
    ("a system twice", nothing, lambda s: s.update(systems=s.systems * 2), (), (), 0),
    ("title", nothing, lambda s: s.update(title="Another"), (), (), 1),
    ("description", nothing, lambda s: s.update(description="Another"), (), (), 1),
    ("suppression", nothing, lambda s: s.update(suppress_notifications=True), (), (), 1),
    ("override", nothing, lambda s: s.update(health_override=HealthOverride.DEGRADED), (), (), 1),
    ("identical values", nothing, lambda s: s.update(title=s.incident.title, severity=Severity.MAJOR), (), (), 0),
    (
        "severity and systems",
        nothing,
        lambda s: s.update(severity=Severity.MINOR, systems=s.systems[:1]),
        (UPDATED,),
        ("severity", "system_ids"),
        1,
    ),
    ("comment", nothing, lambda s: s.write(), (), (), 1),
    ("entry with another status", nothing, lambda s: s.write(Status.FIXING), (UPDATED,), ("status",), 1),
    ("entry with resolved", nothing, lambda s: s.write(Status.RESOLVED), (RESOLVED,), ("status",), 1),
    ("entry with the same status", nothing, lambda s: s.write(Status.INVESTIGATING), (), (), 1),
    ("entry with resolved on a resolved one", lambda s: s.resolve(), lambda s: s.write(Status.RESOLVED), (), (), 1),
    ("reopening", lambda s: s.resolve(), lambda s: s.write(Status.INVESTIGATING), (UPDATED,), ("status",), 1),
    ("resolve", nothing, lambda s: s.resolve(), (RESOLVED,), ("status",), 1),
    ("resolve with a message", nothing, lambda s: s.resolve("Done"), (RESOLVED,), ("status",), 1),
    ("resolve a resolved one", lambda s: s.resolve(), lambda s: s.resolve(), (), (), 0),
    ("resolve a resolved one with a message", lambda s: s.resolve(), lambda s: s.resolve("Really"), (), (), 1),
    (
        "edit of an entry to resolved",
        lambda s: s.write(Status.FIXING),
        lambda s: s.edit(status_change=Status.RESOLVED),
        (RESOLVED,),
        ("status",),
        1,
    ),
    (
        "edit of an entry to another status",
        lambda s: s.write(Status.FIXING),
        lambda s: s.edit(status_change=Status.MONITORING),
        (UPDATED,),
        ("status",),
        1,
    ),
    ("edit of a text", lambda s: s.write(Status.FIXING), lambda s: s.edit(message="Better"), (), (), 1),
    ("edit of nothing", lambda s: s.write(Status.FIXING), lambda s: s.edit(message="A note"), (), (), 0),
    (
        "deletion of an entry, back to resolved",
        lambda s: _in_turn(s.resolve(), s.write(Status.FIXING)),
        lambda s: s.erase(),
        (RESOLVED,),
        ("status",),
        1,
    ),
    (
        "deletion of an entry, back to another status",
        lambda s: _in_turn(s.write(Status.IDENTIFIED), s.write(Status.FIXING)),
        lambda s: s.erase(),
        (UPDATED,),
        ("status",),
        1,
    ),
    ("deletion of a comment", lambda s: s.write(), lambda s: s.erase(), (), (), 1),
    (
        "deletion of the only entry with a status, back to the opening one",
        lambda s: s.write(Status.FIXING),
        lambda s: s.erase(),
        (UPDATED,),
        ("status",),
        1,
    ),
    (
        "correction of a date, the status stays",
        lambda s: s.open_long_ago(Status.RESOLVED),
        lambda s: s.edit(created_at=s.incident.occurred_at - timedelta(hours=1)),
        (),
        (),
        1,
    ),
    (
        "correction of a date, another status holds",
        lambda s: s.open_long_ago(Status.FIXING, Status.RESOLVED),
        lambda s: s.edit(created_at=s.incident.occurred_at - timedelta(hours=1)),
        (UPDATED,),
        ("status",),
        1,
    ),
    (
        "another beginning",
        nothing,
        lambda s: s.update(occurred_at=s.incident.occurred_at - timedelta(hours=1)),
        (),
        (),
        1,
    ),
    (
        "entry dated before another one",
        lambda s: s.open_long_ago(Status.FIXING),
        lambda s: s.write(Status.IDENTIFIED, created_at=s.incident.occurred_at - timedelta(hours=1)),
        (),
        (),
        1,
    ),
    (
        "entry dated behind all others",
        lambda s: s.open_long_ago(),
        lambda s: s.write(Status.IDENTIFIED, created_at=s.incident.occurred_at - timedelta(hours=1)),
        (UPDATED,),
        ("status",),
        1,
    ),
    (
        "resolve as of an earlier moment",
        lambda s: s.open_long_ago(),
        lambda s: s.resolve(resolved_at=s.incident.occurred_at - timedelta(hours=1)),
        (RESOLVED,),
        ("status",),
        1,
    ),
    (
        "severity and resolved in one write",
        nothing,
        lambda s: s.mutate(
            replace(s.incident, severity=Severity.MINOR).with_status(Status.RESOLVED, at=s.domain.clock.now())
        ),
        (RESOLVED,),
        ("severity", "status"),
        1,
    ),
    ("acknowledgement", nothing, lambda s: s.acknowledge(), (ACKNOWLEDGED,), (), 1),
    ("second acknowledgement", lambda s: s.acknowledge(), lambda s: s.acknowledge(), (), (), 0),
    ("acknowledgement of a resolved one", lambda s: s.resolve(), lambda s: s.acknowledge(), (), (), 0),
    (
        "reopening of an acknowledged one",
        lambda s: _in_turn(s.acknowledge(), s.resolve()),
        lambda s: s.write(Status.FIXING),
        (UPDATED,),
        ("status",),
        1,
    ),
    ("lead", nothing, lambda s: s.lead(), (ASSIGNED,), (), 1),
    ("the same lead", lambda s: s.lead(), lambda s: s.lead(), (), (), 0),
    ("lead taken away", lambda s: s.lead(), lambda s: s.assign(lead=None), (ASSIGNED,), (), 1),
    ("snooze", nothing, lambda s: s.snooze(), (), (), 1),
    ("deletion", nothing, lambda s: s.domain.incidents.delete(ADMIN, s.incident.id), (), ALL, 1),
    ("link added", nothing, lambda s: s.link(), (), (), 1),
    ("link changed", lambda s: s.link(), lambda s: s.relink(label="Runbook"), (), (), 1),
    ("link changed to itself", lambda s: s.link(), lambda s: s.relink(url="https://example.org/runbook"), (), (), 0),
    ("link removed", lambda s: s.link(), lambda s: s.unlink(), (), (), 1),
    (
        "system deleted from the catalog",
        nothing,
        lambda s: s.domain.systems.delete(ADMIN, s.systems[0]),
        (UPDATED,),
        ("system_ids",),
        1,
    ),
    (
        "system without incidents deleted",
        lambda s: s.update(systems=s.systems[:1]),
        lambda s: s.domain.systems.delete(ADMIN, s.systems[1]),
        (),
        (),
        0,
    ),
    ("unknown one resolved", nothing, lambda s: _refused(s.domain.incidents.resolve(ADMIN, "inc_none")), (), (), 0),
    ("unknown one deleted", nothing, lambda s: _refused(s.domain.incidents.delete(ADMIN, "inc_none")), (), (), 0),
    (
        "stale version",
        lambda s: s.write(),
        lambda s: _refused(s.update(severity=Severity.MINOR, expected_version=1)),
        (),
        (),
        0,
    ),
    (
        "write that raises",
        nothing,
        lambda s: _refused(
            s.mutate(replace(s.incident, severity=Severity.MINOR), error=NotFoundError("Thing", "thing"))
        ),
        (),
        (),
        0,
    ),
    (
        "create again under its key",
        lambda s: s.open_another(idempotency_key=f"create {s.incident.id}"),
        lambda s: s.open_another(idempotency_key=f"create {s.incident.id}"),
        (),
        (),
        0,
    ),
    (
        "entry again under its key",
        lambda s: s.write(Status.FIXING, idempotency_key=f"write {s.incident.id}"),
        lambda s: s.write(Status.FIXING, idempotency_key=f"write {s.incident.id}"),
        (),
        (),
        0,
    ),
    (
        "link again under its key",
        lambda s: s.link(idempotency_key=f"link {s.incident.id}"),
        lambda s: s.link(idempotency_key=f"link {s.incident.id}"),
        (),
        (),
        0,
    ),
)
async def test_a_write_follows_the_decision_table(
    stage: Stage, before: Step, act: Step, events: tuple[str, ...], fields: tuple[str, ...], appended: int
) -> None:
    await before(stage)
    head, taken = await stage.domain.events.head(), len(await steps_of(stage.domain))
    await act(stage)

    changes = [change for change in await stage.domain.events.raw(head, limit=100) if change.kind != SYSTEM.name]
    assert [event for change in changes for event in change.events] == list(events)
    assert [change.changed_fields for change in changes] == [fields] * appended
    assert (await steps_of(stage.domain))[taken:] == [step for change in changes for step in _steps(change)]


async def test_the_payload_of_other_systems_has_the_new_ones_alone(stage: Stage) -> None:
    await stage.update(systems=stage.systems[:1])

    payload = await _last_payload(stage)
    assert payload["systemIds"] == [stage.systems[0]]
    assert payload["previous"] == {"systemIds": sorted(stage.systems)}


@pytest.mark.parametrize("status", [Status.FIXING, Status.RESOLVED])
async def test_the_payload_of_a_status_change_names_the_new_status(stage: Stage, status: Status) -> None:
    await stage.write(status)

    payload = await _last_payload(stage)
    assert (payload["statusChange"], payload["title"]) == (status, stage.incident.title)


@pytest.mark.parametrize(
    ("before", "act", "carried"),
    [
        pytest.param(nothing, lambda s: s.write(Status.INVESTIGATING), None, id="same status"),
        pytest.param(lambda s: s.resolve(), lambda s: s.write(Status.RESOLVED), None, id="resolved on a resolved one"),
        pytest.param(lambda s: s.resolve(), lambda s: s.resolve("Really"), None, id="resolving a resolved one"),
        pytest.param(nothing, lambda s: s.resolve(), Status.RESOLVED, id="resolving an open one"),
    ],
)
async def test_an_entry_carries_a_status_only_where_the_status_changed(
    stage: Stage, before: Step, act: Step, carried: Status | None
) -> None:
    await before(stage)
    count = len(await stage.entries())
    await act(stage)

    entries = await stage.entries()
    assert len(entries) == count + 1
    assert entries[0].status_change is carried


async def test_resolving_a_resolved_one_without_a_message_writes_no_entry(stage: Stage) -> None:
    await stage.resolve()
    entries = await stage.entries()
    await stage.resolve()

    assert await stage.entries() == entries


async def test_each_change_has_the_action_of_its_effect(stage: Stage) -> None:
    await stage.update(severity=Severity.CRITICAL)
    await stage.resolve()
    await stage.write()
    await stage.write(Status.FIXING)
    await stage.domain.incidents.delete(ADMIN, stage.incident.id)

    log = await stage.domain.events.raw(0, limit=1000)
    assert [change.action.value for change in log if change.entity_id == stage.incident.id] == [
        "created",
        "updated",
        "resolved",
        "updated",
        "updated",
        "deleted",
    ]


async def test_the_change_of_a_deletion_has_no_next_state(stage: Stage) -> None:
    await stage.domain.incidents.delete(ADMIN, stage.incident.id)

    [change] = (await stage.domain.events.raw(0, limit=1000))[-1:]
    assert (change.action, change.next, change.after) == (ChangeAction.DELETED, None, None)
    assert (change.entity_id, change.payload) == (stage.incident.id, None)


async def _last_payload(stage: Stage) -> dict[str, Any]:
    payload = (await stage.domain.events.raw(0, limit=1000))[-1].payload
    assert payload is not None
    return dict(payload)


def _steps(change: Change) -> list[tuple[str, str | None, str]]:
    if change.next is None:
        return []
    return [
        (field, value_text(change.prev[field]) if change.prev else None, value_text(change.next[field]))
        for field in change.changed_fields
    ]


async def _in_turn(*steps: Awaitable[None]) -> None:
    for step in steps:
        await step


async def _refused(step: Awaitable[Any]) -> None:
    with pytest.raises((NotFoundError, VersionConflictError)):
        await step
