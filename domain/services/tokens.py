"""Who a token belongs to, and the first one."""

import secrets

from domain.clock import Clock
from domain.errors import StartupError, UnauthenticatedError
from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.viewer import ANONYMOUS, Role, Viewer
from domain.persistence.database import Database
from domain.persistence.tokens import ApiToken
from domain.persistence.unit_of_work import UnitOfWork

_SHORTEST_SECRET = 16
_LONGEST_SECRET = 500
_SCHEME = "bearer "


class TokenService:
    """Authentication by bearer token."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def viewer_of(self, authorization: str | None) -> Viewer:
        """The caller behind an `Authorization` value; the anonymous one where there is none.

        Raises:
            UnauthenticatedError: the value is no bearer token, or none that is valid.
        """
        if authorization is None or not authorization.strip():
            return ANONYMOUS
        if not authorization.lower().startswith(_SCHEME):
            raise UnauthenticatedError("Authorization must have the form `Bearer <token>`.")
        secret = authorization[len(_SCHEME) :].strip()
        if secret and len(secret) <= _LONGEST_SECRET:
            token = await self._database.read(lambda session: session.tokens.find(secret))
            if token is not None:
                actor = Actor(type=ActorType.APPLICATION, id=token.id, name=token.name)
                return Viewer(actor=actor, role=token.role)
        raise UnauthenticatedError("This token is not valid.")

    async def ensure_admin(self, wanted: str | None) -> str | None:
        """See to it that there is an admin token: the wanted one, or a fresh one where there was none.

        Returns the fresh one, which is shown once and stored nowhere.

        Raises:
            StartupError: the wanted one is too short to be a secret.
        """
        if wanted is not None and not _SHORTEST_SECRET <= len(wanted) <= _LONGEST_SECRET:
            raise StartupError(f"INCIDENTQL_ADMIN_TOKEN must have at least {_SHORTEST_SECRET} characters.")
        fresh = f"iql_{secrets.token_urlsafe(32)}"

        async def work(unit: UnitOfWork) -> str | None:
            if wanted is None and await unit.tokens.has_admin():
                return None
            token = ApiToken(id=new_id("tok"), name="admin", role=Role.ADMIN, created_at=self._clock.now())
            await unit.tokens.insert(token, wanted or fresh)
            return None if wanted is not None else fresh

        return (await self._database.write(work)).value
