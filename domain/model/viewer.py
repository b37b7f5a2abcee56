"""Callers, their roles, and what they may see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import ForbiddenError, UnauthenticatedError
from domain.model.actor import SYSTEM, Actor, ActorType


class Visibility(StrEnum):
    """The audience that may read an update or a link, from the widest to the narrowest."""

    PUBLIC = "public"
    LOGGED_IN = "logged_in"
    INTERNAL = "internal"

    @property
    def audience(self) -> "Audience":
        """The widest audience that may read it."""
        return _AUDIENCES[self]


def widest(visibilities: Collection[Visibility | None]) -> Visibility | None:
    """Return the widest of these; None where there is none."""
    return next((visibility for visibility in Visibility if visibility in visibilities), None)


class Role(StrEnum):
    """The permissions of a caller, from least to most."""

    ANONYMOUS = "anonymous"
    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Return whether this role allows everything that the needed one allows."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


class Audience(StrEnum):
    """A group of callers that sees the same things, from the widest to the narrowest."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    MANAGER = "manager"

    @property
    def visibilities(self) -> tuple[Visibility, ...]:
        """The visibilities that this audience may read."""
        return _SEEN[self]

    def sees(self, visibility: Visibility) -> bool:
        """Return whether this audience may see things of this visibility."""
        return visibility in _SEEN[self]

    @property
    def sees_edit_history(self) -> bool:
        """Return whether former versions are shown: one of them might have been internal."""
        return self is Audience.MANAGER

    @property
    def sees_identities(self) -> bool:
        """Return whether ids and names of actors are shown: they may be subjects and addresses of people."""
        return self is Audience.MANAGER


_AUDIENCES = dict(zip(Visibility, Audience, strict=True))
_SEEN = {audience: tuple(Visibility)[: rank + 1] for rank, audience in enumerate(Audience)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One caller: an actor with a role, valid as long as the credential."""

    actor: Actor
    role: Role
    #: The id of the caller's API token, which can be revoked; None for callers without one.
    token_id: str | None = None
    expires_at: datetime | None = None
    #: When a user's token was issued, where it says so.
    issued_at: datetime | None = None
    #: The ids of the only systems whose incidents and health the caller may write; None without limits.
    systems: frozenset[str] | None = None

    @property
    def audience(self) -> Audience:
        """The audience that this caller belongs to."""
        if self.actor.type is ActorType.SERVICE or self.role.includes(Role.RESPONDER):
            return Audience.MANAGER
        return Audience.PUBLIC if self.role is Role.ANONYMOUS else Audience.AUTHENTICATED

    @property
    def can_lapse(self) -> bool:
        """Return whether the caller's credential may become invalid while they are connected."""
        return self.token_id is not None or self.expires_at is not None

    def may_write(self, system_ids: Collection[str]) -> bool:
        """Return whether the caller's limits allow writing an incident of these systems.

        A limited caller may not write an incident without systems: its system, now deleted, may have been another one.
        """
        return self.systems is None or (bool(system_ids) and self.systems.issuperset(system_ids))

    def require(self, needed: Role) -> None:
        """Check that the caller's role includes the needed one.

        Raises:
            UnauthenticatedError: the caller is anonymous.
            ForbiddenError: the caller's role does not suffice.
        """
        if self.role.includes(needed):
            return
        if self.role is Role.ANONYMOUS:
            raise UnauthenticatedError("This needs a token: send the header `Authorization: Bearer <token>`.")
        raise ForbiddenError(f"This needs the role {needed.upper()}; yours is {self.role.upper()}.")

    def require_systems(self, system_ids: Collection[str], *, field: str) -> None:
        """Check that all of these systems are within the caller's limits.

        Raises:
            ForbiddenError: one is not, or there is none; it names the field that led there.
        """
        if not self.may_write(system_ids):
            raise ForbiddenError(
                "This token may only write what is about its own systems, and about no other.", field=[field]
            )

    def require_unlimited(self) -> None:
        """Check that the caller is not limited to some systems.

        Raises:
            ForbiddenError: they are.
        """
        if self.systems is not None:
            raise ForbiddenError("This needs a token that is not limited to some systems.")


ANONYMOUS = Viewer(actor=Actor(type=ActorType.USER, id="anonymous", name="Anonymous"), role=Role.ANONYMOUS)
SYSTEM_VIEWER = Viewer(actor=SYSTEM, role=Role.ADMIN)
