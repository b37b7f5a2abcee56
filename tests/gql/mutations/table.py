"""Every mutation of the schema with its calls: one with an effect, one without, and one that is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from domain.bootstrap import Domain
from domain.model.automation import Automation, AutomationRun
from domain.model.channel import Channel
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, RelateIncidents
from domain.model.incident import Health, Incident, IncidentLink, IncidentUpdate, Status
from domain.model.integration import Integration, IntegrationDelivery
from domain.model.maintenance import Maintenance
from domain.model.moment import iso
from domain.model.relation import RelationType
from domain.model.secret import Secret
from domain.model.system import System
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.model.visitor import VisitorSubscription
from domain.model.webhook import Webhook, WebhookDelivery
from tests.client import Json
from tests.factories import (
    ADMIN,
    DEFINITION,
    make_automation,
    make_channel,
    make_incident,
    make_maintenance,
    make_pending_delivery,
    make_refused_delivery,
    make_secret,
    make_system,
    make_token,
    make_visitor,
    report_health,
    start_run,
)
from tests.receiver import receiver_url

NOWHERE = "inc_00000000000000000000000000"
#: Effects that earlier ones of the table would spoil: by then their incident is resolved, their system is deleted.
#: A world takes longer to make than dozens of effects.
IN_A_FRESH_WORLD = {
    ("resolveIncident", "open"),
    ("resolveIncident", "silently"),
    ("resolveIncidents", "some"),
    ("relateIncidents", "caused by"),
    ("addIncidentLink", "link"),
    ("reportSystemHealth", "first"),
    ("reportSystemHealth", "first, healthy"),
    ("runAutomation", "first trigger"),
}
_worlds = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two open incidents on two systems, related, one with a timeline and a link; a resolved one, three tokens, a
    secret, and an automation with two runs that have yet to begin, of which one was cancelled; an integration with a
    delivery that was refused, and would not be again; a channel; a webhook with a delivery; a visitor; maintenance
    of a third system that takes place now, and again every week; a program that was forgotten.

    The spare system is reported to be unhealthy; of the other one nothing was reported.
    """

    number: int
    system: System
    spare: System
    depot: System
    incident: Incident
    other: Incident
    resolved: Incident
    step: IncidentUpdate
    comment: IncidentUpdate
    link: IncidentLink
    token: ApiToken
    colleague: ApiToken
    spent: ApiToken
    secret: Secret
    integration: Integration
    delivery: IntegrationDelivery
    webhook: Webhook
    sent: WebhookDelivery
    channel: Channel
    visitor: VisitorSubscription
    maintenance: Maintenance
    gone: ApiToken
    automation: Automation
    run: AutomationRun
    cancelled: AutomationRun


Input = Callable[[World], Json]


def instance_of(world: World, number: int) -> str:
    """Return what an instance of the maintenance is known by: 0 takes place now."""
    return iso(world.maintenance.starts_at + timedelta(weeks=number))


@dataclass(frozen=True, slots=True)
class Effect:
    """A call, and the actions of the changes that it leaves, one for each incident that it changes."""

    input: Input
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One mutation."""

    effects: Mapping[str, Effect]
    #: None where whatever is not refused has an effect.
    no_op: Input | None = None
    #: The no-op is the first effect once more, under its idempotency key.
    repeated: bool = False
    refused: Input
    code: str
    needs: Role = Role.RESPONDER
    selection: str = field(default="")


async def make_world(domain: Domain) -> World:
    """Create a fresh world beside the existing ones."""
    number = next(_worlds)
    system, spare = [await make_system(domain, f"{name}-{number}") for name in ("api", "db")]
    both = (system.id, spare.id)
    depot = await make_system(domain, f"depot-{number}")
    await report_health(domain, spare.id, Health.UNHEALTHY)
    labels = (("origin", "monitor"), ("tier", "1"))
    incident = await make_incident(domain, *both, initial_message="Looking", labels=labels)
    other = await make_incident(domain, *both)
    await domain.relations.relate(ADMIN, RelateIncidents(id=incident.id, type=RelationType.RELATED_TO, to=other.id))
    resolved = (await domain.incidents.resolve(ADMIN, (await make_incident(domain, spare.id)).id)).value
    step = AddIncidentUpdate(incident_id=incident.id, message="Found it", status_change=Status.IDENTIFIED)
    comment = AddIncidentUpdate(incident_id=incident.id, message="Coffee")
    link = AddIncidentLink(incident_id=incident.id, url="https://example.com/graph", label="Graph")
    entries = [(await domain.timeline.add(ADMIN, entry)).value for entry in (step, comment)]
    linked = (await domain.links.add(ADMIN, link)).value
    assert entries[0].update is not None
    assert entries[1].update is not None
    assert linked.incident is not None
    assert linked.link is not None
    automation = await make_automation(domain, f"automation-{number}")
    integration, delivery = await make_refused_delivery(domain, system)
    webhook, sent = await make_pending_delivery(domain)
    return World(
        number=number,
        automation=automation,
        run=await start_run(domain, automation),
        cancelled=(await domain.automations.service.cancel_run(ADMIN, (await start_run(domain, automation)).id)).value,
        system=system,
        spare=spare,
        depot=depot,
        incident=linked.incident,
        other=other,
        resolved=resolved,
        step=entries[0].update,
        comment=entries[1].update,
        link=linked.link,
        token=(await make_token(domain))[0],
        colleague=(await make_token(domain))[0],
        secret=await make_secret(domain, f"KEY-{number}"),
        integration=integration,
        delivery=delivery,
        webhook=webhook,
        sent=sent,
        channel=await make_channel(domain, f"channel-{number}"),
        visitor=await make_visitor(domain, f"visitor{number}@example.org"),
        maintenance=await make_maintenance(
            domain, depot.id, begins=-1, hours=48, recurrence="FREQ=WEEKLY", description="New disks"
        ),
        spent=(await domain.tokens.revoke(ADMIN, (await make_token(domain))[0].id)).value,
        gone=await _forgotten(domain),
    )


async def _forgotten(domain: Domain) -> ApiToken:
    token, _ = await make_token(domain)
    await domain.forgetting.forget(ADMIN, token.id)
    return token


def _on_incident(**values: object) -> Input:
    return lambda world: {"id": world.incident.id, **values}


def _of_incident(**values: object) -> Input:
    return lambda world: {"incidentId": world.incident.id, **values}


def _of_step(**values: object) -> Input:
    return lambda world: {"incidentId": world.incident.id, "id": world.step.id, **values}


def _of_link(**values: object) -> Input:
    return lambda world: {"incidentId": world.incident.id, "id": world.link.id, **values}


def _on_pair(type: str) -> Input:
    return lambda world: {"id": world.incident.id, "type": type, "to": world.other.id}


def _of_automation(**values: object) -> Input:
    return lambda world: {"id": world.automation.id, **values}


def _in_a_day(world: World) -> str:
    return iso(world.incident.created_at + timedelta(days=1))


MUTATIONS: dict[str, Row] = {
    "createIncident": Row(
        effects={
            "plain": Effect(
                lambda world: {"title": "New", "severity": "MINOR", "systemIds": [world.system.key]}, ("created",)
            ),
            "with a first entry": Effect(
                lambda world: {
                    "title": "New",
                    "severity": "CRITICAL",
                    "systemIds": [world.system.id, world.spare.key],
                    "initialMessage": "Hm",
                    "labels": [{"key": "team", "value": "checkout"}],
                },
                ("created",),
            ),
        },
        no_op=lambda world: {
            "title": "Again",
            "severity": "MINOR",
            "systemIds": [world.system.id],
            "dedupeOpenForSystem": True,
        },
        refused=lambda world: {"title": "New", "severity": "MINOR", "systemIds": ["nowhere"]},
        code="UNKNOWN_SYSTEM",
    ),
    "updateIncident": Row(
        effects={
            "title": Effect(_on_incident(title="Renamed"), ("updated",)),
            "description": Effect(_on_incident(description="Known"), ("updated",)),
            "severity": Effect(_on_incident(severity="CRITICAL"), ("updated",)),
            "systems": Effect(lambda world: {"id": world.incident.id, "systemIds": [world.spare.key]}, ("updated",)),
            "override and silence": Effect(
                _on_incident(healthOverride="UNHEALTHY", suppressNotifications=True), ("updated",)
            ),
            "severity and title": Effect(_on_incident(severity="MINOR", title="Renamed"), ("updated",)),
            "beginning": Effect(_on_incident(occurredAt="2020-01-01T00:00:00Z"), ("updated",)),
        },
        no_op=lambda world: {
            "id": world.incident.id,
            "title": world.incident.title,
            "description": None,
            "severity": "MAJOR",
            "systemIds": [world.spare.id, world.system.key],
        },
        refused=lambda world: {"id": NOWHERE, "title": "Renamed"},
        code="NOT_FOUND",
    ),
    "setIncidentLabels": Row(
        effects={
            "two": Effect(
                _on_incident(labels=[{"key": "team", "value": "checkout"}, {"key": "region", "value": "eu"}]),
                ("updated",),
            ),
            "one anew, one no more": Effect(
                _on_incident(labels=[{"key": "origin", "value": "people"}, {"key": "tier", "value": None}]),
                ("updated",),
            ),
        },
        no_op=_on_incident(labels=[{"key": "origin", "value": "monitor"}]),
        refused=_on_incident(labels=[{"key": "nothing", "value": None}]),
        code="NOT_FOUND",
    ),
    "addIncidentUpdate": Row(
        effects={
            "comment": Effect(_of_incident(message="Still here", idempotencyKey="once"), ("updated",)),
            "status": Effect(_of_incident(message="On it", statusChange="FIXING"), ("updated",)),
            "present status": Effect(_of_incident(message="Same", statusChange="IDENTIFIED"), ("updated",)),
            "resolving": Effect(_of_incident(message="Done", statusChange="RESOLVED"), ("resolved",)),
            "dated": Effect(
                lambda world: {
                    "incidentId": world.incident.id,
                    "message": "It began",
                    "statusChange": "FIXING",
                    "createdAt": iso(world.incident.occurred_at),
                },
                ("updated",),
            ),
            "reopening": Effect(
                lambda world: {"incidentId": world.resolved.id, "message": "Back", "statusChange": "INVESTIGATING"},
                ("updated",),
            ),
        },
        repeated=True,
        refused=_of_incident(message=" "),
        code="BAD_USER_INPUT",
    ),
    "editIncidentUpdate": Row(
        effects={
            "text": Effect(_of_step(message="Better said"), ("updated",)),
            "status": Effect(_of_step(statusChange="FIXING"), ("updated",)),
            "visibility": Effect(_of_step(visibility="INTERNAL"), ("updated",)),
            "date": Effect(
                lambda world: {
                    "incidentId": world.incident.id,
                    "id": world.step.id,
                    "createdAt": iso(world.incident.occurred_at),
                },
                ("updated",),
            ),
        },
        no_op=_of_step(message="Found it"),
        refused=lambda world: {"incidentId": world.other.id, "id": world.step.id, "message": "Not mine"},
        code="NOT_FOUND",
    ),
    "deleteIncidentUpdate": Row(
        effects={
            "with a status": Effect(_of_step(), ("updated",)),
            "comment": Effect(lambda world: {"incidentId": world.incident.id, "id": world.comment.id}, ("updated",)),
        },
        refused=_of_step(expectedVersion=1),
        code="VERSION_CONFLICT",
    ),
    "acknowledgeIncident": Row(
        effects={"open": Effect(lambda world: {"id": world.other.id}, ("updated",))},
        no_op=lambda world: {"id": world.resolved.id},
        refused=_on_incident(expectedVersion=1),
        code="VERSION_CONFLICT",
        selection="incident { acknowledgedBy { id } }",
    ),
    "snoozeIncident": Row(
        effects={
            "until": Effect(lambda world: {"id": world.other.id, "until": _in_a_day(world)}, ("updated",)),
            "no longer": Effect(lambda world: {"id": world.other.id, "until": None}, ("updated",)),
        },
        no_op=lambda world: {"id": world.resolved.id, "until": _in_a_day(world)},
        refused=lambda world: {"id": world.other.id, "until": "2020-01-01T00:00:00Z"},
        code="BAD_USER_INPUT",
        selection="incident { snoozedUntil }",
    ),
    "assignIncident": Row(
        effects={
            "lead and others": Effect(
                lambda world: {
                    "id": world.other.id,
                    "lead": world.token.id,
                    "assignees": [world.colleague.id, world.token.id],
                },
                ("updated",),
            ),
            "nobody": Effect(lambda world: {"id": world.other.id, "lead": None, "assignees": []}, ("updated",)),
        },
        no_op=lambda world: {"id": world.incident.id, "lead": None},
        refused=lambda world: {"id": world.other.id, "lead": "nobody"},
        code="UNKNOWN_PERSON",
        selection="incident { lead { id name } assignees { type } }",
    ),
    "resolveIncident": Row(
        effects={
            "open": Effect(_on_incident(message="Done"), ("resolved",)),
            "silently": Effect(_on_incident(), ("resolved",)),
            "as of its beginning, for some": Effect(
                lambda world: {
                    "id": world.other.id,
                    "resolvedAt": iso(world.other.occurred_at),
                    "visibility": "INTERNAL",
                },
                ("resolved",),
            ),
            "resolved, with a message": Effect(lambda world: {"id": world.resolved.id, "message": "PS"}, ("updated",)),
        },
        no_op=lambda world: {"id": world.resolved.id},
        refused=lambda world: {"id": NOWHERE},
        code="NOT_FOUND",
    ),
    "deleteIncident": Row(
        effects={"open and related": Effect(_on_incident(), ("updated", "deleted"))},
        refused=_on_incident(expectedVersion=1),
        code="VERSION_CONFLICT",
    ),
    "resolveIncidents": Row(
        effects={
            "some": Effect(
                lambda world: {"ids": [world.incident.id, world.resolved.id, world.other.id, world.incident.id]},
                ("resolved", "resolved"),
            ),
        },
        no_op=lambda world: {"ids": [world.resolved.id]},
        refused=lambda world: {"ids": []},
        code="BAD_USER_INPUT",
        selection="results { incidentId ok code message incident { status } }",
    ),
    "deleteIncidents": Row(
        effects={
            "some": Effect(
                lambda world: {"ids": [world.incident.id, NOWHERE, world.resolved.id]},
                ("updated", "deleted", "deleted"),
            ),
        },
        no_op=None,
        refused=lambda world: {"ids": [NOWHERE] * 101},
        code="BAD_USER_INPUT",
        selection="results { incidentId ok code message }",
    ),
    "relateIncidents": Row(
        effects={
            "caused by": Effect(
                lambda world: {
                    "id": world.incident.id,
                    "type": "CAUSED_BY",
                    "to": world.other.id,
                    "idempotencyKey": "once",
                },
                ("updated", "updated"),
            ),
            "related to": Effect(
                lambda world: {"id": world.resolved.id, "type": "RELATED_TO", "to": world.other.id},
                ("updated", "updated"),
            ),
        },
        repeated=True,
        refused=_on_pair("RELATED_TO"),
        code="DUPLICATE",
    ),
    "unrelateIncidents": Row(
        effects={"both": Effect(_on_pair("RELATED_TO"), ("updated", "updated"))},
        refused=_on_pair("DUPLICATE_OF"),
        code="NOT_FOUND",
    ),
    "mergeIncident": Row(
        effects={
            "open": Effect(
                lambda world: {"id": world.other.id, "into": world.incident.id, "idempotencyKey": "once"},
                ("updated", "resolved"),
            ),
            "resolved, with a message": Effect(
                lambda world: {"id": world.resolved.id, "into": world.incident.id, "message": "The same"},
                ("updated", "updated"),
            ),
        },
        repeated=True,
        refused=lambda world: {"id": world.other.id, "into": world.other.id},
        code="BAD_USER_INPUT",
    ),
    "addIncidentLink": Row(
        effects={"link": Effect(_of_incident(url="https://example.com/new", idempotencyKey="once"), ("updated",))},
        repeated=True,
        refused=_of_incident(url="https://example.com/graph"),
        code="DUPLICATE",
    ),
    "updateIncidentLink": Row(
        effects={
            "label": Effect(_of_link(label=None), ("updated",)),
            "address": Effect(_of_link(url="https://example.com/moved"), ("updated",)),
        },
        no_op=_of_link(label="Graph"),
        refused=_of_link(url="ftp://example.com"),
        code="BAD_USER_INPUT",
    ),
    "removeIncidentLink": Row(
        effects={"link": Effect(_of_link(), ("updated",))},
        refused=lambda world: {"incidentId": world.other.id, "id": world.link.id},
        code="NOT_FOUND",
    ),
    "createSystem": Row(
        effects={
            "system": Effect(
                lambda world: {"key": f"new-{world.number}", "name": "New", "idempotencyKey": "once"}, ("created",)
            )
        },
        repeated=True,
        refused=lambda world: {"key": world.system.key, "name": "Mine"},
        code="ALREADY_EXISTS",
        needs=Role.ADMIN,
    ),
    "updateSystem": Row(
        effects={
            "name": Effect(
                lambda world: {"id": world.system.key, "name": "Renamed", "expectedVersion": 1}, ("updated",)
            ),
            "description": Effect(lambda world: {"id": world.system.id, "description": "All of it"}, ("updated",)),
        },
        no_op=lambda world: {"id": world.system.id, "name": world.system.name},
        refused=lambda world: {"id": world.system.id, "name": "Renamed", "expectedVersion": 7},
        code="VERSION_CONFLICT",
        needs=Role.ADMIN,
    ),
    "deleteSystem": Row(
        effects={
            "of two open incidents": Effect(lambda world: {"id": world.system.key}, ("updated", "updated", "deleted")),
            "of three, one resolved, with a health": Effect(
                lambda world: {"id": world.spare.id}, ("updated", "updated", "updated", "deleted", "deleted")
            ),
        },
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "reportSystemHealth": Row(
        effects={
            "first": Effect(
                lambda world: {"system": world.system.key, "status": "DEGRADED", "idempotencyKey": "once"}, ("created",)
            ),
            "first, healthy": Effect(lambda world: {"system": world.system.id, "status": "HEALTHY"}, ("created",)),
            "status": Effect(lambda world: {"system": world.spare.key, "status": "HEALTHY"}, ("updated",)),
            "message": Effect(
                lambda world: {"system": world.spare.id, "status": "UNHEALTHY", "message": "Down"}, ("updated",)
            ),
        },
        repeated=True,
        refused=lambda world: {"system": "nowhere", "status": "DEGRADED"},
        code="UNKNOWN_SYSTEM",
        selection="system { key health { status reported { status message } } }",
    ),
    "createToken": Row(
        effects={
            "limited": Effect(lambda world: {"name": "ci", "role": "RESPONDER", "systemIds": [world.system.key]}, ())
        },
        refused=lambda world: {"name": " ", "role": "VIEWER"},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "createSecret": Row(
        effects={"secret": Effect(lambda world: {"name": f"NEW-{world.number}", "value": "hush-hush"}, ())},
        refused=lambda world: {"name": world.secret.name, "value": "hush-hush"},
        code="ALREADY_EXISTS",
        needs=Role.ADMIN,
    ),
    "updateSecret": Row(
        effects={"value": Effect(lambda world: {"id": world.secret.id, "value": "hush-hush"}, ())},
        refused=lambda world: {"id": world.secret.id, "value": "abc"},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "deleteSecret": Row(
        effects={"secret": Effect(lambda world: {"id": world.secret.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "createIntegration": Row(
        effects={
            "plain": Effect(lambda world: {"type": "ALERTMANAGER", "name": "Prometheus"}, ()),
            "of any JSON": Effect(
                lambda world: {
                    "type": "EVENTS",
                    "name": "Own checks",
                    "systemMapping": {"expression": "body.service", "unknown": "refuse"},
                    "severityMapping": {"values": {"bad": "MAJOR"}, "default": "critical"},
                    "mapping": {"key": "{{ body.id }}", "action": "body.state", "grouping": {"key": "{{ system }}"}},
                },
                (),
            ),
        },
        refused=lambda world: {"type": "EVENTS", "name": "Own checks", "mapping": {"key": "{{ body.id + }}"}},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "updateIntegration": Row(
        effects={
            "name": Effect(lambda world: {"id": world.integration.id, "name": "Renamed"}, ()),
            "mapping": Effect(
                lambda world: {"id": world.integration.id, "mapping": {"title": "{{ alert.summary }}"}}, ()
            ),
        },
        no_op=lambda world: {"id": world.integration.id, "enabled": True},
        refused=lambda world: {"id": world.integration.id, "systemMapping": {"lables": ["service"]}},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "rotateIntegrationToken": Row(
        effects={"token": Effect(lambda world: {"id": world.integration.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "replayDelivery": Row(
        effects={"refused before": Effect(lambda world: {"id": world.delivery.id}, ("created",))},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "deleteIntegration": Row(
        effects={"with a delivery": Effect(lambda world: {"id": world.integration.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "createChannel": Row(
        effects={
            "of a service": Effect(
                lambda world: {
                    "name": f"chat-{world.number}",
                    "url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
                },
                (),
            ),
        },
        refused=lambda world: {"name": "chat", "url": "carrier-pigeon://north"},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "updateChannel": Row(
        effects={
            "name": Effect(lambda world: {"id": world.channel.id, "name": f"renamed-channel-{world.number}"}, ()),
            "url": Effect(lambda world: {"id": world.channel.id, "url": receiver_url()}, ()),
        },
        no_op=lambda world: {"id": world.channel.id, "name": world.channel.name},
        refused=lambda world: {"id": world.channel.id, "url": "json://10.0.0.1/hook"},
        code="ADDRESS_REFUSED",
        needs=Role.ADMIN,
    ),
    "testChannel": Row(
        effects={"message": Effect(lambda world: {"id": world.channel.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "deleteChannel": Row(
        effects={"channel": Effect(lambda world: {"id": world.channel.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "createWebhook": Row(
        effects={
            "plain": Effect(lambda world: {"url": "https://hooks.invalid/"}, ()),
            "with a document": Effect(
                lambda world: {
                    "url": "https://hooks.invalid/",
                    "audience": "RESPONDERS",
                    "document": "subscription S($f: IncidentEventFilter) { incidentChanges(filter: $f) { action } }",
                    "variables": {"f": {"severity": {"in": ["CRITICAL"]}}},
                },
                (),
            ),
        },
        refused=lambda world: {"url": "http://10.0.0.1/hook"},
        code="ADDRESS_REFUSED",
        needs=Role.ADMIN,
    ),
    "updateWebhook": Row(
        effects={"name": Effect(lambda world: {"id": world.webhook.id, "name": "Renamed"}, ())},
        no_op=lambda world: {"id": world.webhook.id, "enabled": True},
        refused=lambda world: {"id": world.webhook.id, "document": "{ viewer { role } }"},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "rotateWebhookSecret": Row(
        effects={"at once": Effect(lambda world: {"id": world.webhook.id, "overlapSeconds": 0}, ())},
        refused=lambda world: {"id": world.webhook.id, "overlapSeconds": -1},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "redeliver": Row(
        effects={"pending": Effect(lambda world: {"id": world.sent.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "redeliverWebhook": Row(
        effects={"what was given up": Effect(lambda world: {"id": world.webhook.id}, ())},
        refused=lambda world: {"id": world.webhook.id, "after": "nowhere"},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "testWebhook": Row(
        effects={"without an answer": Effect(lambda world: {"id": world.webhook.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "deleteWebhook": Row(
        effects={"with a delivery": Effect(lambda world: {"id": world.webhook.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "deleteVisitorSubscription": Row(
        effects={"by its id": Effect(lambda world: {"id": world.visitor.id}, ())},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "scheduleMaintenance": Row(
        effects={
            "once": Effect(
                lambda world: {
                    "title": "Database upgrade",
                    "systemIds": [world.depot.key],
                    "startsAt": "2026-04-05T02:00:00Z",
                    "endsAt": "2026-04-05T04:00:00Z",
                    "idempotencyKey": "once",
                },
                ("created",),
            ),
            "by a rule": Effect(
                lambda world: {
                    "title": "Reboots",
                    "description": "One after another",
                    "systemIds": [world.depot.id],
                    "startsAt": "2026-04-05T00:00:00Z",
                    "endsAt": "2026-04-05T02:00:00Z",
                    "timeZone": "Europe/Berlin",
                    "recurrence": "FREQ=MONTHLY;BYDAY=1SU",
                    "visibility": "INTERNAL",
                },
                ("created",),
            ),
        },
        repeated=True,
        refused=lambda world: {
            "title": "Reboots",
            "systemIds": ["nowhere"],
            "startsAt": "2026-04-05T00:00:00Z",
            "endsAt": "2026-04-05T02:00:00Z",
        },
        code="UNKNOWN_SYSTEM",
    ),
    "updateMaintenance": Row(
        effects={
            "texts": Effect(
                lambda world: {"id": world.maintenance.id, "title": "Fans", "description": None}, ("updated",)
            ),
            "visibility": Effect(lambda world: {"id": world.maintenance.id, "visibility": "LOGGED_IN"}, ("updated",)),
            "times": Effect(lambda world: {"id": world.maintenance.id, "recurrence": "FREQ=DAILY"}, ("updated",)),
            "times again": Effect(
                lambda world: {"id": world.maintenance.id, "recurrence": "FREQ=WEEKLY"}, ("updated",)
            ),
        },
        no_op=lambda world: {
            "id": world.maintenance.id,
            "title": world.maintenance.title,
            "systemIds": [world.depot.id],
            "recurrence": "FREQ=WEEKLY",
        },
        refused=lambda world: {"id": world.maintenance.id, "recurrence": "FREQ=SECONDLY"},
        code="BAD_USER_INPUT",
    ),
    "changeMaintenanceInstance": Row(
        effects={
            "end": Effect(
                lambda world: {
                    "id": world.maintenance.id,
                    "originalStart": instance_of(world, 0),
                    "endsAt": iso(world.maintenance.ends_at + timedelta(hours=1)),
                },
                ("updated",),
            ),
            "texts": Effect(
                lambda world: {
                    "id": world.maintenance.id,
                    "originalStart": instance_of(world, 1),
                    "title": "Fans",
                    "description": "All of them",
                },
                ("updated",),
            ),
        },
        no_op=lambda world: {"id": world.maintenance.id, "originalStart": instance_of(world, 2), "title": None},
        refused=lambda world: {"id": world.maintenance.id, "originalStart": "2026-01-01T00:00:00Z", "title": "Fans"},
        code="NOT_FOUND",
    ),
    "cancelMaintenanceInstance": Row(
        effects={
            "next": Effect(
                lambda world: {"id": world.maintenance.id, "originalStart": instance_of(world, 3)}, ("updated",)
            )
        },
        refused=lambda world: {"id": world.maintenance.id, "originalStart": instance_of(world, 0)},
        code="CONFLICT",
    ),
    "addMaintenanceUpdate": Row(
        effects={
            "message": Effect(
                lambda world: {"id": world.maintenance.id, "message": "So far", "idempotencyKey": "once"}, ("updated",)
            )
        },
        repeated=True,
        refused=lambda world: {"id": world.maintenance.id, "message": " "},
        code="BAD_USER_INPUT",
    ),
    "endMaintenance": Row(
        effects={"now": Effect(lambda world: {"id": world.maintenance.id}, ("updated",))},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
    ),
    "cancelMaintenance": Row(
        effects={"all of it": Effect(lambda world: {"id": world.maintenance.id}, ("updated",))},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
    ),
    "installAutomation": Row(
        effects={
            "automation": Effect(
                lambda world: {
                    "template": "sustained",
                    "name": f"ready-{world.number}",
                    "parameters": {"degradedSeconds": 2},
                    "idempotencyKey": "once",
                },
                (),
            ),
        },
        repeated=True,
        refused=lambda world: {"template": "nothing"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "createAutomation": Row(
        effects={
            "automation": Effect(
                lambda world: {"name": f"new-{world.number}", "definition": DEFINITION, "idempotencyKey": "once"}, ()
            ),
            "off": Effect(
                lambda world: {"name": f"off-{world.number}", "definition": DEFINITION, "enabled": False}, ()
            ),
        },
        repeated=True,
        refused=lambda world: {"name": world.automation.name, "definition": DEFINITION},
        code="ALREADY_EXISTS",
        needs=Role.ADMIN,
    ),
    "updateAutomation": Row(
        effects={
            "name": Effect(lambda world: {"id": world.automation.id, "name": f"renamed-{world.number}"}, ()),
            "definition": Effect(_of_automation(definition={**DEFINITION, "mode": "parallel"}), ()),
        },
        no_op=_of_automation(definition=DEFINITION, description=None),
        refused=lambda world: {"id": world.automation.id, "name": " "},
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "setAutomationEnabled": Row(
        effects={"off": Effect(_of_automation(enabled=False), ())},
        no_op=_of_automation(enabled=True),
        refused=lambda world: {"id": "nowhere", "enabled": False},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "deleteAutomation": Row(
        effects={"with a run under way": Effect(_of_automation(), ("updated",))},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "runAutomation": Row(
        effects={
            "first trigger": Effect(_of_automation(idempotencyKey="once"), ("created",)),
            "named trigger": Effect(
                _of_automation(trigger="incident_created", payload={"a": [1]}, contextKey="inc_x"), ("created",)
            ),
        },
        repeated=True,
        refused=_of_automation(trigger="nothing"),
        code="BAD_USER_INPUT",
        needs=Role.ADMIN,
    ),
    "cancelAutomationRun": Row(
        effects={"pending": Effect(lambda world: {"id": world.run.id}, ("updated",))},
        no_op=lambda world: {"id": world.cancelled.id},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "revokeToken": Row(
        effects={"token": Effect(lambda world: {"id": world.token.id}, ())},
        no_op=lambda world: {"id": world.spent.id},
        refused=lambda world: {"id": "nowhere"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
    ),
    "forgetPerson": Row(
        effects={"a program": Effect(lambda world: {"id": world.spent.id}, ("created",))},
        no_op=lambda world: {"id": world.gone.id},
        refused=lambda _: {"id": "nobody"},
        code="NOT_FOUND",
        needs=Role.ADMIN,
        selection="erasure { status person { id name } }",
    ),
}
