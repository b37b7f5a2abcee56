"""Each permission by itself: the roles that it admits, and whether it admits limited tokens."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from strawberry.permission import BasePermission

from domain.errors import DomainError
from domain.model.actor import Actor, ActorType
from domain.model.viewer import Role, Viewer
from gql import permissions
from gql.context import Context

ALL = list(Role)
RESPONDERS = [Role.RESPONDER, Role.ADMIN]
#: Whom each lets through, and whether their tokens may be limited to some systems.
LETS_THROUGH: dict[str, tuple[list[Role], bool]] = {
    "READ": (ALL, True),
    "MANAGE_INCIDENTS": (RESPONDERS, True),
    "SEE_AUTOMATIONS": (RESPONDERS, True),
    "SEE_PEOPLE": (RESPONDERS, True),
    "SEE_TOKENS": ([Role.ADMIN], True),
    "SEE_SECRETS": ([Role.ADMIN], True),
    "SEE_INTEGRATIONS": ([Role.ADMIN], True),
    "SEE_AUDIT_LOG": ([Role.ADMIN], True),
    "SEE_CHANNELS": ([Role.ADMIN], True),
    "SEE_WEBHOOKS": ([Role.ADMIN], True),
    "SEE_VISITORS": ([Role.ADMIN], True),
    "SEE_ERASURES": ([Role.ADMIN], True),
    "FORGET_PEOPLE": ([Role.ADMIN], False),
    "MANAGE_MAINTENANCE": (RESPONDERS, True),
    "MANAGE_SYSTEMS": ([Role.ADMIN], False),
    "MANAGE_TOKENS": ([Role.ADMIN], False),
    "MANAGE_SECRETS": ([Role.ADMIN], False),
    "MANAGE_INTEGRATIONS": ([Role.ADMIN], False),
    "MANAGE_CHANNELS": ([Role.ADMIN], False),
    "MANAGE_VISITORS": ([Role.ADMIN], False),
    "MANAGE_WEBHOOKS": ([Role.ADMIN], False),
    "MANAGE_AUTOMATIONS": ([Role.ADMIN], False),
}


def test_every_permission_is_in_the_table() -> None:
    assert {name for name in vars(permissions) if name.isupper()} == set(LETS_THROUGH)


@pytest.mark.parametrize(("name", "roles", "limited"), [(name, *row) for name, row in LETS_THROUGH.items()])
def test_a_permission_admits_the_named_roles_and_refuses_others(name: str, roles: list[Role], limited: bool) -> None:
    asked: list[type[BasePermission]] = getattr(permissions, name)

    assert [role for role in Role if _passes(asked, role)] == roles
    assert [role for role in Role if _passes(asked, role, systems=frozenset({"sys_a"}))] == (roles if limited else [])


def _passes(asked: list[type[BasePermission]], role: Role, *, systems: frozenset[str] | None = None) -> bool:
    viewer = Viewer(actor=Actor(type=ActorType.APPLICATION, id="tok_1", name="token"), role=role, systems=systems)
    info: Any = SimpleNamespace(context=Context(domain=cast("Any", None), request_id="req_1", viewer=viewer))
    try:
        return all(permission().has_permission(None, info) is True for permission in asked)
    except DomainError:
        return False
