"""A world of so many rows of every kind, each with all of its parts: so that no read has nothing to do."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.ids import new_id
from domain.model.actor import Actor, ActorType, Cause
from domain.model.automation import Artifact, AutomationRun, Firing, RunStatus, RunStep, StepStatus
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    AssignIncident,
    CreateIncident,
    EditIncidentUpdate,
    RelateIncidents,
    UpdateIncident,
)
from domain.model.incident import Health, HealthOverride, Incident, Severity, Status
from domain.model.relation import RelationType
from domain.model.viewer import Role, Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.maintenance.commands import AddMaintenanceUpdate, ChangeMaintenanceInstance
from tests.factories import (
    DEFINITION,
    make_automation,
    make_channel,
    make_maintenance,
    make_pending_delivery,
    make_refused_delivery,
    make_secret,
    make_system,
    make_token,
    make_visitor,
    report_health,
    set_status,
)
from tests.inside import inside


async def grow(domain: Domain, numbers: Iterable[int]) -> None:
    """Add one of each for each number: systems, incidents, automations with runs, integrations, webhooks and so on."""
    for number in numbers:
        someone = Viewer(actor=Actor(type=ActorType.USER, id=f"usr_{number}", name=f"User {number}"), role=Role.ADMIN)
        made = await make_system(domain, f"system-{number}", description="One of many")
        await make_refused_delivery(domain, made)
        await make_pending_delivery(domain)
        system = made.id
        for status in (Health.UNHEALTHY, Health.DEGRADED):
            await report_health(domain, system, status, message="It is slow")
        await make_token(domain, name=f"token {number}", systems=[system])
        await make_secret(domain, f"SECRET_{number}")
        await make_channel(domain, f"channel {number}")
        now = domain.clock.now()
        moments = dict.fromkeys(("paused_at", "failing_since", "last_success_at"), now)
        visitor = {"system_ids": (system,), "paused_reason": "It is full", **moments}
        await make_visitor(domain, f"visitor{number}@example.org", **visitor)
        await _maintain(domain, someone, system)
        automation = (await make_automation(domain, f"automation {number}", group="alerts")).id
        other = WriteAutomation(definition={**DEFINITION, "mode": "parallel"})
        await domain.automations.service.update(someone, automation, other)
        await _tell(domain, someone, await _opened(domain, automation, someone, system), number)


async def _maintain(domain: Domain, someone: Viewer, system: str) -> None:
    """Schedule maintenance that takes place now, every week, with a message and an instance with texts of its own."""
    window = await make_maintenance(
        domain, system, begins=-1, hours=48, description="New disks", recurrence="FREQ=WEEKLY;COUNT=3"
    )
    await domain.maintenance.add_update(someone, AddMaintenanceUpdate(id=window.id, message="It goes well"))
    other = ChangeMaintenanceInstance(
        id=window.id,
        original_start=window.starts_at + timedelta(days=7),
        title="More of it",
        description="New fans",
    )
    await domain.maintenance.change_instance(someone, other)
    await domain.maintenance.cancel(someone, (await make_maintenance(domain, system, begins=90)).id)


async def _opened(domain: Domain, automation: str, someone: Viewer, system: str) -> Incident:
    """Open an incident by a run of an automation, with a step and an artifact."""
    now = domain.clock.now()
    run = _run(domain, automation, someone.actor)
    command = CreateIncident(
        title="It fails",
        severity=Severity.MAJOR,
        systems=[system],
        description="All of it",
        suppress_notifications=True,
        initial_message="Looking",
        health_override=HealthOverride.DEGRADED,
        dedupe_key=run.id,
        labels=[("team", run.id)],
    )
    actor = Actor(type=ActorType.SERVICE, id=automation, name="An automation")
    cause = Cause(change_id=run.firing.change_id, run_id=run.id, depth=1)

    async def write(unit: UnitOfWork) -> Incident:
        await unit.runs.insert(run)
        await unit.runs.lock([run.id])
        draft = domain.incidents.draft(actor, command)
        origin = Origin(actor=actor, cause=cause, run_id=run.id)
        incident = (await domain.incidents.create_in(unit, draft, command, origin=origin)).incident
        step = RunStep(
            run_id=run.id,
            path="actions[0]",
            position=1,
            kind="action",
            action="incident.create",
            action_id="open",
            status=StepStatus.SUCCESS,
            attempts=1,
            input={"of": incident.id},
            output={"incidentId": incident.id},
            error="none",
            started_at=now,
            finished_at=now,
            due_at=now,
        )
        await unit.runs.put_step(step)
        artifact = Artifact(
            id=new_id("art"),
            automation_id=automation,
            run_id=run.id,
            path=step.path,
            action_id="open",
            type="incident.incident",
            data={"incidentId": incident.id},
            owned=True,
            context_key=system,
            created_at=now,
            closed_at=now,
        )
        await unit.artifacts.add(artifact, entity_id=incident.id)
        return incident

    return (await inside(domain).database.write(write)).value


def _run(domain: Domain, automation: str, actor: Actor) -> AutomationRun:
    now = domain.clock.now()
    firing: dict[str, Any] = {"event": "incident.created", "payload": {}, "context_key": "sys_1", "depth": 0}
    return AutomationRun(
        id=new_id("run"),
        automation_id=automation,
        number=1,
        trigger_id="created",
        firing=Firing(key=new_id("key"), actor=actor, change_id=new_id("chg"), occurred_at=now, **firing),
        bucket="all",
        status=RunStatus.SUCCESS,
        reason=None,
        message="done",
        created_at=now,
        started_at=now,
        finished_at=now,
    )


async def _tell(domain: Domain, someone: Viewer, incident: Incident, number: int) -> None:
    """Have people do with an incident what they can."""
    note = AddIncidentUpdate(incident_id=incident.id, message="Found it", status_change=Status.IDENTIFIED)
    update = (await domain.timeline.add(someone, note)).value.update
    assert update is not None
    edit = EditIncidentUpdate(id=update.id, incident_id=incident.id, message="Found it all")
    await domain.timeline.edit(someone, edit)
    link = AddIncidentLink(incident_id=incident.id, url="https://example.com/", label="A page")
    await domain.links.add(someone, link)
    await domain.incidents.update(someone, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await domain.responders.acknowledge(someone, incident.id)
    assign = AssignIncident(id=incident.id, lead=someone.actor.id, assignees=[someone.actor.id])
    await domain.responders.assign(someone, assign)
    await domain.responders.snooze(someone, incident.id, domain.clock.now() + timedelta(days=1))
    other = CreateIncident(title="As before", severity=Severity.MINOR, systems=[f"system-{number}"])
    related = (await domain.incidents.create(someone, other)).value.incident
    assert related is not None
    relate = RelateIncidents(id=incident.id, type=RelationType.RELATED_TO, to=related.id)
    await domain.relations.relate(someone, relate)
    for status in (Status.FIXING, Status.MONITORING, Status.RESOLVED):
        await set_status(domain, related, status)
