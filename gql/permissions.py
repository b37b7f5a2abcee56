"""Who may: every mutation and every subscription names one of these."""

from typing import Any, ClassVar

from strawberry.permission import BasePermission
from typing_extensions import override

from domain.model.viewer import Role
from gql.context import Info


class _Needs(BasePermission):
    """Lets callers pass whose role includes the needed one."""

    role: ClassVar[Role]
    unlimited: ClassVar[bool] = False

    @override
    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        info.context.require(self.role)
        if self.unlimited:
            info.context.viewer.require_unlimited()
        return True


class MayRead(_Needs):
    """Whoever may read at all."""

    role = Role.ANONYMOUS


class MayManageIncidents(_Needs):
    """Responders and admins."""

    role = Role.RESPONDER


class MayManageSystems(_Needs):
    """Admins who are not limited to some systems."""

    role = Role.ADMIN
    unlimited = True


class MayManageTokens(_Needs):
    """Admins who are not limited to some systems: a token must not make one that may do more than itself."""

    role = Role.ADMIN
    unlimited = True


class MaySeeTokens(_Needs):
    """Admins."""

    role = Role.ADMIN


class MayManageSecrets(_Needs):
    """Admins who are not limited to some systems: automations of any system use the same secrets."""

    role = Role.ADMIN
    unlimited = True


class MaySeeSecrets(_Needs):
    """Admins."""

    role = Role.ADMIN


class MayManageAutomations(_Needs):
    """Admins who are not limited to some systems: automations write incidents of any system."""

    role = Role.ADMIN
    unlimited = True


class MaySeeAutomations(_Needs):
    """Responders and admins: definitions and traces may tell what is internal."""

    role = Role.RESPONDER


MANAGE_INCIDENTS: list[type[BasePermission]] = [MayManageIncidents]
MANAGE_SYSTEMS: list[type[BasePermission]] = [MayManageSystems]
MANAGE_TOKENS: list[type[BasePermission]] = [MayManageTokens]
SEE_TOKENS: list[type[BasePermission]] = [MaySeeTokens]
MANAGE_SECRETS: list[type[BasePermission]] = [MayManageSecrets]
SEE_SECRETS: list[type[BasePermission]] = [MaySeeSecrets]
MANAGE_AUTOMATIONS: list[type[BasePermission]] = [MayManageAutomations]
SEE_AUTOMATIONS: list[type[BasePermission]] = [MaySeeAutomations]
READ: list[type[BasePermission]] = [MayRead]
