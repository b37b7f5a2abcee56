"""Factories for objects that many tests need, with defaults for all other fields."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.alerts.service import WriteIntegration
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.entities.system import SYSTEM
from domain.model.actor import Actor, ActorType
from domain.model.automation import Automation, AutomationRun
from domain.model.change import Change
from domain.model.channel import Channel
from domain.model.commands import AddIncidentUpdate, CreateIncident, CreateSystem, CreateToken, ReportSystemHealth
from domain.model.health import SystemHealth
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.integration import Integration, IntegrationDelivery, IntegrationType
from domain.model.maintenance import Maintenance
from domain.model.paging import PageRequest
from domain.model.secret import Secret
from domain.model.system import System
from domain.model.token import ApiToken
from domain.model.viewer import Role, Viewer
from domain.model.visitor import VisitorKind, VisitorState, VisitorSubscription
from domain.model.webhook import Webhook, WebhookDelivery, WebhookDeliveryFilter
from domain.services.maintenance.commands import ScheduleMaintenance
from domain.visitors.sealing import digests_of
from domain.webhooks.drafting import WriteWebhook
from tests.inside import inside
from tests.receiver import receiver_url

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
    """Add a system to the catalog."""
    command = CreateSystem(key=key, name=fields.pop("name", key.title()), **fields)
    system = (await domain.systems.create(ADMIN, command)).value
    assert system is not None
    return system


async def make_incident(domain: Domain, *systems: str, **fields: Any) -> Incident:
    """Open an incident, on a new system `payments` where none is named."""
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
    """Create a token for reading, and return it with its secret."""
    command = CreateToken(name=fields.pop("name", "monitor"), role=fields.pop("role", Role.VIEWER), **fields)
    return (await domain.tokens.create(ADMIN, command)).value


async def make_secret(domain: Domain, name: str = "API_KEY", value: str = "correct-horse-battery") -> Secret:
    """Create a secret that automations may use."""
    return (await domain.secrets.create(ADMIN, name=name, value=value)).value


async def make_channel(domain: Domain, name: str = "on call", url: str | None = None) -> Channel:
    """Create a channel; without a URL it leads to a server that takes every message."""
    return (await domain.channels.create(ADMIN, name=name, url=url or receiver_url())).value


async def make_automation(domain: Domain, name: str = "noter", **fields: Any) -> Automation:
    """Create an enabled automation."""
    definition = fields.pop("definition", DEFINITION)
    command = WriteAutomation(name=name, definition=definition, **fields)
    automation = (await domain.automations.service.create(ADMIN, command)).value
    assert automation is not None
    return automation


async def make_refused_delivery(domain: Domain, system: System) -> tuple[Integration, IntegrationDelivery]:
    """Create an integration, and a delivery that was refused while it was disabled; it opens an incident now."""
    command = WriteIntegration(name="Pager", enabled=False)
    integration, _ = (await domain.integrations.create(ADMIN, IntegrationType.PAGERDUTY, command)).value
    payload = {"summary": "Disk is full", "source": "db-1", "severity": "error", "component": system.key}
    event = {"event_action": "trigger", "dedup_key": "disk", "payload": payload}
    delivery = (await domain.integrations.receiver.receive(integration, event)).delivery
    return (await domain.integrations.update(ADMIN, integration.id, WriteIntegration(enabled=True))).value, delivery


async def make_pending_delivery(domain: Domain) -> tuple[Webhook, WebhookDelivery]:
    """Create a webhook, and a delivery that waits to be sent to it."""
    await domain.webhooks.changes.register()
    command = WriteWebhook(url="https://hooks.invalid/")
    webhook, _ = (await domain.webhooks.service.create(ADMIN, command)).value
    await make_incident(domain)
    # Of all changes: the tail of a domain that others share may be anywhere.
    while await domain.webhooks.changes.run_pending():
        pass
    wanted = WebhookDeliveryFilter(webhook_id=webhook.id)
    [delivery, *_] = (await domain.webhooks.service.delivery_page(PageRequest(), wanted)).items
    return webhook, delivery


async def make_visitor(domain: Domain, address: str = "ann@example.org", **fields: Any) -> VisitorSubscription:
    """Add a confirmed subscription by mail, whatever the settings allow to visitors."""
    service = domain.visitors.service
    asked = await service._asked(VisitorKind.MAIL, address, (), await service._seals.cipher())
    made = replace(asked.fresh, state=VisitorState.CONFIRMED, confirmed_at=asked.fresh.created_at, **fields)
    digests = digests_of(asked.addressed, asked.opened)
    assert (await inside(domain).database.write(lambda unit: unit.visitors.insert(made, digests))).value
    return made


async def start_run(domain: Domain, automation: Automation, **fields: Any) -> AutomationRun:
    """Start a run of an automation manually; it is still pending."""
    run = (await domain.automations.service.run_by_hand(ADMIN, automation.id, **fields)).value
    assert run is not None
    return run


async def make_maintenance(
    domain: Domain, *systems: str, begins: float = 1, hours: float = 2, **fields: Any
) -> Maintenance:
    """Schedule maintenance that begins in so many hours, in whole seconds, and takes so many."""
    starts_at = fields.pop("starts_at", None) or (domain.clock.now() + timedelta(hours=begins)).replace(microsecond=0)
    command = ScheduleMaintenance(
        title=fields.pop("title", "Database upgrade"),
        systems=systems or ("payments",),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
        **fields,
    )
    return (await domain.maintenance.schedule(ADMIN, command)).value


async def set_status(domain: Domain, incident: Incident, status: Status, message: str = "Moving on") -> Incident:
    """Set an incident's status by a timeline entry, and return the incident."""
    command = AddIncidentUpdate(incident_id=incident.id, message=message, status_change=status)
    after = (await domain.timeline.add(ADMIN, command)).value.incident
    assert after is not None
    return after


async def report_health(domain: Domain, system: str, status: Health, **fields: Any) -> SystemHealth:
    """Report the health of a system and return it."""
    command = ReportSystemHealth(system=system, status=status, **fields)
    health = (await domain.health.report(ADMIN, command)).value.health
    assert health is not None
    return health


async def log_of(domain: Domain, incident: Incident | None = None) -> Sequence[Change]:
    """Return all changes in the log but those of the catalog, or those of one incident."""
    changes = [change for change in await domain.events.raw(0, limit=1000) if change.kind != SYSTEM.name]
    return [change for change in changes if incident is None or change.entity_id == incident.id]


async def events_of(domain: Domain, incident: Incident | None = None) -> list[str]:
    """Return the trigger events in the log, in order."""
    return [event for change in await log_of(domain, incident) for event in change.events]
