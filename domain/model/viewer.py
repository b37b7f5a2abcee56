"""Who is asking, and what they may see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import ForbiddenError, UnauthenticatedError
from domain.model.actor import SYSTEM, Actor, ActorType


class Visibility(StrEnum):
    """Who may read an update or a link, from the widest to the narrowest; each goes with one audience, in its order."""

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
    """What a caller may do, from least to most."""

    ANONYMOUS = "anonymous"
    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"

    def includes(self, needed: "Role") -> bool:
        """Whether this role may do whatever the needed one may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


class Audience(StrEnum):
    """A group of callers that sees the same things, from the widest to the narrowest."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    MANAGER = "manager"

    @property
    def visibilities(self) -> tuple[Visibility, ...]:
        """What this audience may read; history of edits is for managers alone."""
        return _SEEN[self]

    def sees(self, visibility: Visibility) -> bool:
        """Whether a thing of this visibility exists as far as this audience is concerned."""
        return visibility in _SEEN[self]

    @property
    def sees_edit_history(self) -> bool:
        """Whether former versions are shown: one of them might have been internal."""
        return self is Audience.MANAGER

    @property
    def sees_identities(self) -> bool:
        """Whether ids and names of actors are shown as they are: they may be subjects and addresses of people."""
        return self is Audience.MANAGER


_AUDIENCES = dict(zip(Visibility, Audience, strict=True))
_SEEN = {audience: tuple(Visibility)[: rank + 1] for rank, audience in enumerate(Audience)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """One caller: an actor with a role, for as long as the credential holds that they came with."""

    actor: Actor
    role: Role
    #: The API token that they came with, which can be revoked; None for anybody else.
    token_id: str | None = None
    expires_at: datetime | None = None
    #: The ids of the systems whose incidents and health they may write, and nothing else; None without limits.
    systems: frozenset[str] | None = None

    @property
    def audience(self) -> Audience:
        """The audience that this caller belongs to."""
        if self.actor.type is ActorType.SERVICE or self.role.includes(Role.RESPONDER):
            return Audience.MANAGER
        return Audience.PUBLIC if self.role is Role.ANONYMOUS else Audience.AUTHENTICATED

    @property
    def can_lapse(self) -> bool:
        """Whether the caller's credential may cease to be valid while they are connected."""
        return self.token_id is not None or self.expires_at is not None

    def may_write(self, system_ids: Collection[str]) -> bool:
        """Whether the caller may write an incident of these systems, as far as their limits are concerned.

        One of no system at all is within nobody's limits: its system may have been deleted, and been another's.
        """
        return self.systems is None or (bool(system_ids) and self.systems.issuperset(system_ids))

    def require(self, needed: Role) -> None:
        """Let the caller pass when their role includes the needed one.

        Raises:
            UnauthenticatedError: nobody said who they are.
            ForbiddenError: their role is not enough.
        """
        if self.role.includes(needed):
            return
        if self.role is Role.ANONYMOUS:
            raise UnauthenticatedError("This needs a token: send the header `Authorization: Bearer <token>`.")
        raise ForbiddenError(f"This needs the role {needed.upper()}; yours is {self.role.upper()}.")

    def require_systems(self, system_ids: Collection[str], *, field: str) -> None:
        """Let the caller pass when every one of these systems is within their limits.

        Raises:
            ForbiddenError: one is not, or there is none; it names the field that led there.
        """
        if not self.may_write(system_ids):
            raise ForbiddenError(
                "This token may only write what is about its own systems, and about no other.", field=[field]
            )

    def require_unlimited(self) -> None:
        """Let the caller pass when they are not limited to some systems.

        Raises:
            ForbiddenError: they are.
        """
        if self.systems is not None:
            raise ForbiddenError("This needs a token that is not limited to some systems.")


ANONYMOUS = Viewer(actor=Actor(type=ActorType.USER, id="anonymous", name="Anonymous"), role=Role.ANONYMOUS)
SYSTEM_VIEWER = Viewer(actor=SYSTEM, role=Role.ADMIN)
