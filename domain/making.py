"""Services that the domain is put together of, made of shared parts."""

from typing import Any

from domain.automations.actions.builtin import register_builtin_actions
from domain.automations.actions.incidents import IncidentActions
from domain.automations.actions.notify import NotifyActions
from domain.automations.actions.outbound import OutboundActions
from domain.automations.actions.registry import ActionRegistry
from domain.automations.actions.responders import ResponderActions
from domain.automations.services.system import AutomationSystem, Parts
from domain.derived import oidc_verifier, secret_keys
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.maintenance import MAINTENANCE
from domain.entities.system import SYSTEM
from domain.model.cursor import CursorCodec
from domain.notifications.channels import ChannelService
from domain.notifications.services import Services as NotificationServices
from domain.outbound.addresses import AddressRules
from domain.persistence.database import Database
from domain.services.forgetting.known import KnownForgotten
from domain.services.forgetting.making import forgetting_service
from domain.services.forgetting.service import ForgettingService
from domain.services.health import HealthService
from domain.services.labels import LabelService
from domain.services.links import LinkService
from domain.services.measures import Measures
from domain.services.relations import RelationService
from domain.services.secrets import SecretService
from domain.services.sessions import Sessions
from domain.services.systems import SystemService
from domain.services.tokens import TokenService
from domain.services.writing import Writer
from domain.settings import Settings
from domain.visitors.making import visitor_system
from domain.webhooks.making import webhook_system


def own(parts: Parts) -> dict[str, Any]:
    """Return what every service works with."""
    return {"database": parts.database, "clock": parts.clock, "writer": parts.writer}


def parts_of_incidents(parts: Parts) -> dict[str, Any]:
    """Return the services of what belongs to an incident, by name."""
    given: dict[str, Any] = {"writer": parts.writer, "handle": parts.registry.handle(INCIDENT)}
    return {"labels": LabelService(**given), "links": LinkService(**given), "relations": RelationService(**given)}


def catalog_services(parts: Parts) -> tuple[SystemService, HealthService]:
    """Return the services of systems and of their health."""
    writer, of = parts.writer, parts.registry.handle
    others: dict[str, Any] = {"incidents": of(INCIDENT), "health": of(HEALTH), "maintenance": of(MAINTENANCE)}
    return SystemService(writer=writer, handle=of(SYSTEM), **others), HealthService(writer=writer, handle=of(HEALTH))


def secret_services(
    settings: Settings, database: Database, writer: Writer, rules: AddressRules
) -> tuple[SecretService, ChannelService]:
    """Return the services whose values are encrypted: of secrets, and of channels."""
    keys = secret_keys(settings)
    secrets = SecretService(database=database, writer=writer, keys=keys)
    return secrets, ChannelService(database=database, writer=writer, keys=keys, services=NotificationServices(rules))


def registered_actions(*groups: IncidentActions | ResponderActions | OutboundActions | NotifyActions) -> ActionRegistry:
    """Return the actions of these groups, and those that need no service."""
    actions = ActionRegistry()
    for group in groups:
        group.register(actions)
    register_builtin_actions(actions)
    return actions


def forgetting_services(parts: Parts, key: bytes) -> tuple[Sessions, ForgettingService]:
    """Return the sessions, and the service that forgets people."""
    sessions = Sessions(database=parts.database, clock=parts.clock)
    return sessions, forgetting_service(
        **own(parts),
        registry=parts.registry,
        tail=parts.tail,
        masker=parts.masker,
        sessions=sessions,
        key=key,
    )


def working_systems(settings: Settings, parts: Parts, cursors: CursorCodec) -> dict[str, Any]:
    """Return what runs automations and delivers changes, by name, and the counts of this process."""
    given: dict[str, Any] = {**own(parts), "tail": parts.tail, "keys": secret_keys(settings)}
    automations = AutomationSystem(parts)
    webhooks, visitors = webhook_system(settings, **given, cursors=cursors), visitor_system(settings, **given)
    systems = {"automations": automations, "webhooks": webhooks, "visitors": visitors}
    readers = {"automations": automations.changes, "webhooks": webhooks.changes, "visitors": visitors.changes}
    return {**systems, "measures": Measures(parts.database, parts.tail, readers)}


def token_service(settings: Settings, parts: Parts, sessions: Sessions, forgotten: KnownForgotten) -> TokenService:
    """Return the service of tokens and of those who call with them."""
    return TokenService(
        **own(parts),
        sessions=sessions,
        oidc=oidc_verifier(settings, parts.clock),
        forgotten=forgotten,
        anonymous_access=settings.anonymous_access,
    )
