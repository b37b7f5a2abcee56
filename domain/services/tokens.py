"""Authentication by token, and the use cases of API tokens."""

import logging
import secrets

from domain.clock import Clock
from domain.errors import ConflictError, InvalidInputError, NotFoundError, StartupError, UnauthenticatedError
from domain.ids import is_id, new_id
from domain.model.actor import SYSTEM, Actor, ActorType
from domain.model.audit import AuditAction, AuditKind, hidden
from domain.model.commands import CreateToken
from domain.model.erasure import is_pseudonym
from domain.model.texts import checked_name
from domain.model.token import SYSTEMS_PER_TOKEN, ApiToken, checked_expiry, checked_role
from domain.model.viewer import ANONYMOUS, SYSTEM_VIEWER, Role, Viewer
from domain.persistence.database import Database
from domain.persistence.tokens import token_digest
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.auditing import audit
from domain.services.forgetting.known import KnownForgotten
from domain.services.oidc import OidcVerifier, looks_like_jwt
from domain.services.references import known_system_ids
from domain.services.sessions import Sessions
from domain.services.writing import Outcome, Writer

logger = logging.getLogger(__name__)

_SHORTEST_SECRET = 16
_LONGEST_SECRET = 500
_SCHEME = "bearer "


class TokenService:
    """Authentication by bearer token, and the use cases of API tokens; they are in the audit log alone."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        writer: Writer,
        sessions: Sessions,
        oidc: OidcVerifier | None,
        forgotten: KnownForgotten,
        anonymous_access: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._writer = writer
        self._sessions = sessions
        self._oidc = oidc
        self._forgotten = forgotten
        self._anonymous_access = anonymous_access

    async def viewer_of(self, authorization: str | None) -> Viewer:
        """Return the caller of an `Authorization` header, or the anonymous one without a header.

        Raises:
            UnauthenticatedError: the value is no valid bearer token, or a token is needed to read.
            UnavailableError: the database, or the issuer of the token, is away.
        """
        if authorization is None or not authorization.strip():
            if not self._anonymous_access:
                raise UnauthenticatedError(
                    "This server needs a token: send the header `Authorization: Bearer <token>`."
                )
            return ANONYMOUS
        if not authorization.lower().startswith(_SCHEME):
            raise UnauthenticatedError("Authorization must have the form `Bearer <token>`.")
        secret = authorization[len(_SCHEME) :].strip()
        if self._oidc is not None and looks_like_jwt(secret):
            viewer = await self._oidc.viewer_of(secret)
            if self._forgotten.refuses(viewer):
                raise UnauthenticatedError("This token is not valid.")
            return viewer
        if secret and len(secret) <= _LONGEST_SECRET:
            known = await self._sessions.viewer_with(secret)
            if known is not None:
                return known
        raise UnauthenticatedError("This token is not valid.")

    def known_viewer_of(self, authorization: str | None) -> Viewer | None:
        """Return the caller of a header if that is known at once; else None, and `viewer_of` says more."""
        if authorization is None:
            return ANONYMOUS if self._anonymous_access else None
        if authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        secret = authorization[len(_SCHEME) :].strip()
        if not secret or len(secret) > _LONGEST_SECRET or (self._oidc is not None and looks_like_jwt(secret)):
            return None
        return self._sessions.known_viewer_with(secret)

    async def create(self, viewer: Viewer, command: CreateToken) -> Outcome[tuple[ApiToken, str]]:
        """Create a token and return it with its secret, which is not stored.

        Raises:
            InvalidInputError, UnknownSystemError
        """
        secret = _fresh_secret()
        name, role = checked_name(command.name), checked_role(command.role)

        async def work(unit: UnitOfWork) -> tuple[ApiToken, str]:
            token = ApiToken(
                id=new_id("tok"),
                name=name,
                role=role,
                created_at=unit.moment(),
                created_by=viewer.actor,
                expires_at=checked_expiry(command.expires_at, now=unit.moment()),
                systems=await _limits(unit, command),
            )
            await unit.tokens.insert(token, secret)
            await audit(unit, viewer, AuditKind.TOKEN, AuditAction.CREATED, after=token)
            await _note(unit, token)
            await unit.people.note_user(viewer.actor, at=unit.moment())
            return token, secret

        return await self._writer.run(work)

    async def renew(self, viewer: Viewer, command: CreateToken) -> str:
        """Return a new secret of the token of that name that the caller made, which is created where there is none.

        The former secret is not valid any more; the token stays the same person's.

        Raises:
            InvalidInputError, UnknownSystemError
        """
        secret = _fresh_secret()

        async def work(unit: UnitOfWork) -> bool:
            expires_at = checked_expiry(command.expires_at, now=unit.moment())
            renewed = await unit.tokens.renew(command.name, by=viewer.actor, secret=secret, expires_at=expires_at)
            if renewed is None:
                return False
            changes = hidden("secret", "expires_at")
            await audit(
                unit, viewer, AuditKind.TOKEN, AuditAction.ROTATED, before=renewed, after=renewed, changes=changes
            )
            return True

        if (await self._writer.run(work)).value:
            return secret
        return (await self.create(viewer, command)).value[1]

    async def revoke(self, viewer: Viewer, token_id: str) -> Outcome[ApiToken]:
        """Revoke a token and end its streams; a revoked one stays as it is.

        Raises:
            NotFoundError: there is no such token.
            ConflictError: it is the last one that can make others.
        """

        async def work(unit: UnitOfWork) -> ApiToken:
            token = await unit.tokens.lock(token_id) if is_id(token_id, "tok") else None
            if token is None:
                raise NotFoundError("Token", token_id)
            if token.revoked_at is not None:
                return token
            if await unit.tokens.valid_admins(unit.moment()) == {token_id}:
                raise ConflictError("This is the last admin token. Create another one first.", field=["id"])
            await unit.tokens.revoke(token_id, at=unit.moment())
            revoked = (await unit.tokens.get_many([token_id]))[token_id]
            await audit(unit, viewer, AuditKind.TOKEN, AuditAction.REVOKED, before=token, after=revoked)
            return revoked

        outcome = await self._writer.run(work)
        self._sessions.revoked(token_id)
        return outcome

    async def ensure_admin(self, wanted: str | None) -> str | None:
        """Ensure that there is an admin token: the wanted one, or a new one where none is valid.

        Returns the secret of a new one, which is shown once and not stored.

        Raises:
            StartupError: the wanted one is too short to be a secret.
        """
        if wanted is not None and not _SHORTEST_SECRET <= len(wanted) <= _LONGEST_SECRET:
            raise StartupError(f"INCIDENTQL_ADMIN_TOKEN must have at least {_SHORTEST_SECRET} characters.")
        fresh = _fresh_secret()

        async def work(unit: UnitOfWork) -> str | None:
            if wanted is None and await unit.tokens.valid_admins(unit.moment()):
                return None
            token = ApiToken(
                id=new_id("tok"), name="admin", role=Role.ADMIN, created_at=unit.moment(), created_by=SYSTEM
            )
            if await unit.tokens.insert(token, wanted or fresh):
                await audit(unit, SYSTEM_VIEWER, AuditKind.TOKEN, AuditAction.CREATED, after=token)
            if wanted is None:
                await _note(unit, token)
                return fresh
            stored = await unit.tokens.find(token_digest(wanted))
            if stored is not None and not is_pseudonym(stored.id):
                await _note(unit, stored)
            if stored is not None and not stored.is_valid(unit.moment()):
                # It is not reactivated, because others may know it, and does not prevent the start.
                logger.warning("the token in INCIDENTQL_ADMIN_TOKEN was revoked or has expired: choose another")
            return None

        return (await self._database.write(work)).value


def _fresh_secret() -> str:
    return f"iql_{secrets.token_urlsafe(32)}"


async def _limits(unit: UnitOfWork, command: CreateToken) -> frozenset[str] | None:
    if command.systems is None:
        return None
    if not 1 <= len(command.systems) <= SYSTEMS_PER_TOKEN:
        raise InvalidInputError(
            f"Name 1 to {SYSTEMS_PER_TOKEN} systems, or leave them out for a token without limits.", field=["systemIds"]
        )
    return frozenset(await known_system_ids(unit, command.systems))


async def _note(unit: UnitOfWork, token: ApiToken) -> None:
    """Write the person that a token stands for."""
    await unit.people.note(Actor(type=ActorType.APPLICATION, id=token.id, name=token.name), at=unit.moment())
