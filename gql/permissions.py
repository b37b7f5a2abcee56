"""Permissions: every mutation and every subscription names one of these."""

from typing import Any, ClassVar

from strawberry.permission import BasePermission
from typing_extensions import override

from domain.model.viewer import Role, Viewer
from gql.context import Info


class Needs(BasePermission):
    """A permission of callers whose role includes the needed one."""

    role: ClassVar[Role]
    unlimited: ClassVar[bool] = False

    @classmethod
    def allows(cls, viewer: Viewer) -> bool:
        """Return whether that caller would not be refused."""
        return viewer.role.includes(cls.role) and not (cls.unlimited and viewer.systems is not None)

    @override
    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        info.context.require(self.role)
        if self.unlimited:
            info.context.viewer.require_unlimited()
        return True


class MayRead(Needs):
    """The permission to read, for every caller."""

    role = Role.ANONYMOUS


class MayManageIncidents(Needs):
    """The permission to manage incidents, for responders and admins."""

    role = Role.RESPONDER


class MayManageSystems(Needs):
    """The permission to manage systems, for admins that are not limited to some systems."""

    role = Role.ADMIN
    unlimited = True


class MayManageTokens(Needs):
    """The permission to manage tokens, for admins that are not limited to some systems.

    A token must not make another that may do more than itself.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeTokens(Needs):
    """The permission to see tokens, for admins."""

    role = Role.ADMIN


class MayManageSecrets(Needs):
    """The permission to manage secrets, for admins that are not limited to some systems.

    Automations of all systems use the same secrets.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeSecrets(Needs):
    """The permission to see the names of secrets, for admins."""

    role = Role.ADMIN


class MayManageAutomations(Needs):
    """The permission to manage automations, for admins that are not limited to some systems.

    Automations write incidents of any system.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeAutomations(Needs):
    """The permission to see automations, for responders and admins: definitions and traces may hold internal data."""

    role = Role.RESPONDER


class MayManageIntegrations(Needs):
    """The permission to manage integrations, for admins that are not limited to some systems.

    Integrations write incidents of any system.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeIntegrations(Needs):
    """The permission to see integrations and deliveries, for admins: bodies may hold what no other caller may see."""

    role = Role.ADMIN


class MayManageChannels(Needs):
    """The permission to manage channels and send tests, for admins that are not limited to some systems.

    Automations of all systems use the same channels.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeChannels(Needs):
    """The permission to see the names of channels and their services, for admins."""

    role = Role.ADMIN


class MayManageWebhooks(Needs):
    """The permission to manage webhooks, for admins that are not limited to some systems.

    Webhooks are sent changes of incidents of any system.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeWebhooks(Needs):
    """The permission to see webhooks and deliveries, for admins: their addresses may hold secrets."""

    role = Role.ADMIN


class MayManageVisitors(Needs):
    """The permission to remove subscriptions of visitors, for admins that are not limited to some systems.

    Visitors are told of any system.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeVisitors(Needs):
    """The permission to see subscriptions of visitors, for admins."""

    role = Role.ADMIN


class MaySeeAuditLog(Needs):
    """The permission to see who changed tokens, secrets and settings, for admins."""

    role = Role.ADMIN


class MaySeePeople(Needs):
    """The permission to see who is known, for responders and admins."""

    role = Role.RESPONDER


class MayForgetPeople(Needs):
    """The permission to have people forgotten, for admins that are not limited to some systems.

    Incidents of all systems name them.
    """

    role = Role.ADMIN
    unlimited = True


class MaySeeErasures(Needs):
    """The permission to see how far the erasure of a person is, for admins."""

    role = Role.ADMIN


class MayManageMaintenance(Needs):
    """The permission to schedule and change maintenance, for responders and admins."""

    role = Role.RESPONDER


MANAGE_INCIDENTS: list[type[BasePermission]] = [MayManageIncidents]
MANAGE_MAINTENANCE: list[type[BasePermission]] = [MayManageMaintenance]
MANAGE_SYSTEMS: list[type[BasePermission]] = [MayManageSystems]
MANAGE_TOKENS: list[type[BasePermission]] = [MayManageTokens]
SEE_TOKENS: list[type[BasePermission]] = [MaySeeTokens]
MANAGE_SECRETS: list[type[BasePermission]] = [MayManageSecrets]
SEE_SECRETS: list[type[BasePermission]] = [MaySeeSecrets]
MANAGE_AUTOMATIONS: list[type[BasePermission]] = [MayManageAutomations]
SEE_AUTOMATIONS: list[type[BasePermission]] = [MaySeeAutomations]
MANAGE_INTEGRATIONS: list[type[BasePermission]] = [MayManageIntegrations]
SEE_INTEGRATIONS: list[type[BasePermission]] = [MaySeeIntegrations]
MANAGE_CHANNELS: list[type[BasePermission]] = [MayManageChannels]
SEE_CHANNELS: list[type[BasePermission]] = [MaySeeChannels]
MANAGE_WEBHOOKS: list[type[BasePermission]] = [MayManageWebhooks]
SEE_WEBHOOKS: list[type[BasePermission]] = [MaySeeWebhooks]
MANAGE_VISITORS: list[type[BasePermission]] = [MayManageVisitors]
SEE_VISITORS: list[type[BasePermission]] = [MaySeeVisitors]
SEE_AUDIT_LOG: list[type[BasePermission]] = [MaySeeAuditLog]
SEE_PEOPLE: list[type[BasePermission]] = [MaySeePeople]
FORGET_PEOPLE: list[type[BasePermission]] = [MayForgetPeople]
SEE_ERASURES: list[type[BasePermission]] = [MaySeeErasures]
READ: list[type[BasePermission]] = [MayRead]
