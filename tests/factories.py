"""Things that tests need many of, with every detail that does not matter filled in."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.automation import Automation, AutomationRun
from domain.model.change import Change
from domain.model.commands import AddIncidentUpdate, CreateIncident, CreateSystem, CreateToken, ReportSystemHealth
from domain.model.health import SystemHealth
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.secret import Secret
from domain.model.system import System
from domain.model.token import ApiToken
from domain.model.viewer import Role, Viewer

ADMIN = Viewer(actor=Actor(type=ActorType.APPLICATION, id="tok_admin", name="admin"), role=Role.ADMIN)

#: Of a new incident, says so on its timeline.
DEFINITION: Mapping[str, Any] = {
    "triggers": [{"event": "incident.created"}],
    "actions": [
        {
            "id": "note",
            "action": "incident.add_update",
            "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen"},
        }
    ],
}


async def make_system(domain: Domain, key: str = "payments", **fields: Any) -> System:
    """A system in the catalog."""
    command = CreateSystem(key=key, name=fields.pop("name", key.title()), **fields)
    system = (await domain.systems.create(ADMIN, command)).value
    assert system is not None
    return system


async def make_incident(domain: Domain, *systems: str, **fields: Any) -> Incident:
    """An open incident; on a system `payments` of its own making where none is named."""
    if not systems:
        if not await domain.reads.system_ids(["payments"]):
            await make_system(domain)
        systems = ("payments",)
    command = CreateIncident(
        title=fields.pop("title", "Checkout fails"),
        severity=fields.pop("severity", Severity.MAJOR),
        systems=systems,
        **fields,
    )
    incident = (await domain.incidents.create(ADMIN, command)).value.incident
    assert incident is not None
    return incident


async def make_token(domain: Domain, **fields: Any) -> tuple[ApiToken, str]:
    """A token that may read, and its secret."""
    command = CreateToken(name=fields.pop("name", "monitor"), role=fields.pop("role", Role.VIEWER), **fields)
    return (await domain.tokens.create(ADMIN, command)).value


async def make_secret(domain: Domain, name: str = "API_KEY", value: str = "correct-horse-battery") -> Secret:
    """A secret that automations may use."""
    return (await domain.secrets.create(ADMIN, name=name, value=value)).value


async def make_automation(domain: Domain, name: str = "noter", **fields: Any) -> Automation:
    """An automation that is switched on."""
    definition = fields.pop("definition", DEFINITION)
    command = WriteAutomation(name=name, definition=definition, **fields)
    automation = (await domain.automations.service.create(ADMIN, command)).value
    assert automation is not None
    return automation


async def start_run(domain: Domain, automation: Automation, **fields: Any) -> AutomationRun:
    """A run of an automation, by hand, which has yet to begin."""
    run = (await domain.automations.service.run_by_hand(ADMIN, automation.id, **fields)).value
    assert run is not None
    return run


async def set_status(domain: Domain, incident: Incident, status: Status, message: str = "Moving on") -> Incident:
    """The incident after a timeline entry that names a status."""
    command = AddIncidentUpdate(incident_id=incident.id, message=message, status_change=status)
    after = (await domain.timeline.add(ADMIN, command)).value.incident
    assert after is not None
    return after


async def report_health(domain: Domain, system: str, status: Health, **fields: Any) -> SystemHealth:
    """The health of a system after a report."""
    command = ReportSystemHealth(system=system, status=status, **fields)
    health = (await domain.health.report(ADMIN, command)).value.health
    assert health is not None
    return health


async def log_of(domain: Domain, incident: Incident | None = None) -> Sequence[Change]:
    """All changes in the log, or those of one incident."""
    changes = await domain.events.raw(0, limit=1000)
    return [change for change in changes if incident is None or change.entity_id == incident.id]


async def events_of(domain: Domain, incident: Incident | None = None) -> list[str]:
    """The trigger events in the log, in order."""
    return [event for change in await log_of(domain, incident) for event in change.events]
