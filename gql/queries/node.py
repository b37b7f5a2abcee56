"""Queries for any object by its id."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import strawberry

from domain.entities.incident import INCIDENT
from domain.errors import InvalidInputError
from domain.ids import prefix_of, with_prefix
from domain.model.change import Change
from domain.model.selection import NoneOf, OneOf, SomeOf
from domain.model.viewer import Audience
from gql.compiled.declarations import one, some
from gql.context import Context, Info
from gql.types.artifact import Artifact
from gql.types.audit import AuditEntry
from gql.types.automation import Automation, AutomationRun, AutomationVersion
from gql.types.change import IncidentChange
from gql.types.channel import Channel
from gql.types.enums import Role, Visibility
from gql.types.event import IncidentEvent
from gql.types.incident import Incident, IncidentRelation
from gql.types.integration import Integration, IntegrationDelivery
from gql.types.link import IncidentLink
from gql.types.maintenance import Maintenance, MaintenanceInstance, MaintenanceUpdate
from gql.types.node import Node
from gql.types.run import AutomationRunChange, AutomationStep
from gql.types.secret import Secret
from gql.types.system import System
from gql.types.timeline import IncidentUpdate, IncidentUpdateVersion
from gql.types.token import ApiToken
from gql.types.transition import IncidentTransition
from gql.types.visitor import VisitorSubscription
from gql.types.webhook import Webhook, WebhookDelivery

_MOST_IDS = 100
#: The number of a version, within the databases' integers.
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


#: The views of objects by the prefix of their ids, as far as they have one.
_VIEWS = {
    "inc": "incident",
    "sys": "system",
    "upd": "incident_update",
    "lnk": "incident_link",
    "rel": "incident_relation",
    "aut": "automation",
    "run": "automation_run",
    "art": "artifact",
}


def _by_id(arguments: Mapping[str, Any], _: Audience, view: str) -> OneOf | NoneOf | None:
    prefix = _prefix_of(arguments["id"])
    if prefix in _READERS and prefix not in _VIEWS:
        return None
    return OneOf(by="id", value=arguments["id"]) if _VIEWS.get(prefix or "") == view else NoneOf()


def _by_ids(arguments: Mapping[str, Any], _: Audience, view: str) -> SomeOf | NoneOf | None:
    ids = arguments["ids"]
    prefixes = [_prefix_of(identifier) for identifier in ids]
    if len(ids) > _MOST_IDS or any(prefix in _READERS and prefix not in _VIEWS for prefix in prefixes):
        return None
    found = tuple(id for id, prefix in zip(ids, prefixes, strict=True) if _VIEWS.get(prefix or "") == view)
    return SomeOf(ids=found) if found else NoneOf()


@strawberry.type
class NodeQueries:
    @strawberry.field(
        description="The object with that id; null where there is none that the caller may see.",
        metadata=one(_by_id, _VIEWS.values()),
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Node | None:
        return (await _nodes(info.context, [id]))[0]

    @strawberry.field(
        description="The objects with these ids in their order, at most 100; null for each that is not found.",
        metadata=some(_by_ids, _VIEWS.values()),
    )
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids.")]
    ) -> list[Node | None]:
        if len(ids) > _MOST_IDS:
            raise InvalidInputError(f"Name at most {_MOST_IDS} ids.", field=["ids"])
        return await _nodes(info.context, ids)


async def _nodes(context: Context, ids: list[strawberry.ID]) -> list[Node | None]:
    """Return the objects with these ids, by one read for each kind."""
    found: dict[str, Node] = {}
    for prefix, read in _READERS.items():
        wanted = [str(identifier) for identifier in ids if _prefix_of(identifier) == prefix]
        if wanted:
            found |= await read(context, wanted)
    return [found.get(identifier) for identifier in ids]


def _prefix_of(identifier: str) -> str | None:
    """Return the prefix of an id; with a colon for a part, whose id is its owner's with a suffix."""
    owner, colon, _ = identifier.partition(":")
    return f"{prefix_of(owner)}:" if colon else prefix_of(identifier)


def _parts(ids: list[str], prefix: str) -> list[tuple[str, str]]:
    """Return the owner's id, with its own prefix, and the suffix of each part's id."""
    split = (identifier.partition(":") for identifier in ids)
    return [(with_prefix(owner, prefix), part) for owner, _, part in split]


async def _incidents(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.loaders.incidents.load_many(ids)
    return {incident.id: Incident.of(incident) for incident in found if incident is not None}


async def _systems(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.loaders.systems.load_many(ids)
    return {system.id: System.of(system) for system in found if system is not None}


async def _updates(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.updates(ids)
    return {entry.id: IncidentUpdate.of(entry) for entry in found.values() if context.audience.sees(entry.visibility)}


async def _links(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.links(ids)
    return {link.id: IncidentLink.of(link) for link in found.values() if context.audience.sees(link.visibility)}


async def _relations(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.relations(ids)
    return {relation.id: IncidentRelation.of(relation) for relation in found.values()}


async def _changes(context: Context, ids: list[str]) -> dict[str, Node]:
    return {change.id: IncidentChange.of(change, context) for change in await _visible_changes(context, ids)}


async def _visible_changes(context: Context, ids: list[str]) -> list[Change]:
    found = await context.domain.reads.changes(ids)
    return [change for change in found.values() if change.kind == INCIDENT.name and change.concerns(context.audience)]


async def _events(context: Context, ids: list[str]) -> dict[str, Node]:
    changes = await _visible_changes(context, [change_id for change_id, _ in _parts(ids, "chg")])
    events = [IncidentEvent.of(change, context) for change in changes if change.events]
    return {event.id: event for event in events}


async def _transitions(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.reads.transitions([change_id for change_id, _ in _parts(ids, "chg")])
    return {shown.id: shown for shown in map(IncidentTransition.of, found)}


async def _former_updates(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees_edit_history:
        return {}
    found = await context.domain.reads.former_updates(ids)
    return {version.id: IncidentUpdateVersion.of(version) for version in found.values()}


async def _tokens(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.reads.tokens(ids)
    return {token.id: ApiToken.of(token) for token in found.values()}


async def _audit_entries(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.audit.get_many(ids)
    return {entry.id: AuditEntry.of(entry) for entry in found.values()}


async def _secrets(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.reads.secrets(ids)
    return {secret.id: Secret.of(secret) for secret in found.values()}


async def _integrations(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.integrations.get_many(ids)
    return {integration.id: Integration.of(integration) for integration in found.values()}


async def _deliveries(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.integrations.deliveries(ids)
    return {delivery.id: IntegrationDelivery.of(delivery) for delivery in found.values()}


async def _channels(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.channels.get_many(ids)
    return {channel.id: Channel.of(channel) for channel in found.values()}


async def _visitors(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.visitors.service.get_many(ids)
    return {identifier: VisitorSubscription.of(shown) for identifier, shown in found.items()}


async def _webhooks(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.webhooks.service.get_many(ids)
    return {webhook.id: Webhook.of(webhook) for webhook in found.values()}


async def _webhook_deliveries(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.viewer.role.includes(Role.ADMIN):
        return {}
    found = await context.domain.webhooks.service.deliveries(ids)
    return {delivery.id: WebhookDelivery.of(delivery) for delivery in found.values()}


async def _maintenance(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.maintenance.reads.get_many(ids, context.audience)
    return {each.id: Maintenance.of(each) for each in found.values()}


async def _maintenance_instances(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.maintenance.reads.instances(ids, context.audience)
    return {each.id: MaintenanceInstance.of(each) for each in found.values()}


async def _maintenance_updates(context: Context, ids: list[str]) -> dict[str, Node]:
    found = await context.domain.maintenance.reads.updates(ids, context.audience)
    return {each.id: MaintenanceUpdate.of(each) for each in found.values()}


async def _automations(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.loaders.automations.automations.load_many(ids)
    return {automation.id: Automation.of(automation) for automation in found if automation is not None}


async def _versions(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    keys = [(owner, int(number)) for owner, number in _parts(ids, "aut") if _NUMBER.fullmatch(number)]
    found = await context.domain.automations.reads.versions(keys)
    return {version.id: AutomationVersion.of(version) for version in found.values()}


async def _runs(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.loaders.automations.runs.load_many(ids)
    return {run.id: AutomationRun.of(run) for run in found if run is not None}


async def _artifacts(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.domain.automations.reads.artifacts(ids)
    return {artifact.id: Artifact.of(artifact) for artifact in found.values()}


async def _steps(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    found = await context.domain.automations.reads.steps(_parts(ids, "run"))
    return {step.id: AutomationStep.of(step) for step in found.values()}


async def _run_changes(context: Context, ids: list[str]) -> dict[str, Node]:
    if not context.audience.sees(Visibility.INTERNAL):
        return {}
    changes = await _visible_changes(context, [with_prefix(identifier, "chg") for identifier in ids])
    shown = [AutomationRunChange.of(change) for change in changes if change.cause.run_id is not None]
    return {change.id: change for change in shown}


_READERS: dict[str, Callable[[Context, list[str]], Awaitable[dict[str, Node]]]] = {
    "inc": _incidents,
    "sys": _systems,
    "upd": _updates,
    "lnk": _links,
    "rel": _relations,
    "upv": _former_updates,
    "chg": _changes,
    "evt:": _events,
    "trn:": _transitions,
    "tok": _tokens,
    "aud": _audit_entries,
    "sec": _secrets,
    "int": _integrations,
    "dlv": _deliveries,
    "chn": _channels,
    "vis": _visitors,
    "whk": _webhooks,
    "whd": _webhook_deliveries,
    "mnt": _maintenance,
    "mti": _maintenance_instances,
    "mtu": _maintenance_updates,
    "aut": _automations,
    "aut:": _versions,
    "run": _runs,
    "stp:": _steps,
    "rch": _run_changes,
    "art": _artifacts,
}
