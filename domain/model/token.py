"""API tokens: their roles and limits, without their secrets."""

from dataclasses import dataclass
from datetime import datetime

from domain.errors import InvalidInputError
from domain.model.actor import Actor, ActorType
from domain.model.viewer import Role, Viewer

SYSTEMS_PER_TOKEN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token's name and what it allows; the secret itself is not stored."""

    id: str
    name: str
    role: Role
    created_at: datetime
    #: The actor that made it; None for a token older than this record.
    created_by: Actor | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Accurate to a minute.
    last_used_at: datetime | None = None
    #: The ids of the systems whose incidents and health it may write; None for all.
    systems: frozenset[str] | None = None

    def is_valid(self, at: datetime) -> bool:
        """Return whether the token is neither revoked nor expired at that moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    @property
    def viewer(self) -> Viewer:
        """The caller that uses this token."""
        return Viewer(
            actor=Actor(type=ActorType.APPLICATION, id=self.id, name=self.name),
            role=self.role,
            token_id=self.id,
            expires_at=self.expires_at,
            systems=self.systems,
        )


def checked_role(role: Role) -> Role:
    """Return a role that a token can have.

    Raises:
        InvalidInputError: it is that of callers without one.
    """
    if role is Role.ANONYMOUS:
        raise InvalidInputError("A token has the role VIEWER, RESPONDER or ADMIN.", field=["role"])
    return role


def checked_expiry(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return a future moment, or None for a token that never expires.

    Raises:
        InvalidInputError: it has passed.
    """
    if expires_at is not None and expires_at <= now:
        raise InvalidInputError("A token must expire in the future.", field=["expiresAt"])
    return expires_at
