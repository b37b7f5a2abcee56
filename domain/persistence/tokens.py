"""API tokens, stored as digests."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.paging import Page, PageRequest
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.persistence.caller_tables import api_tokens
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import paged
from domain.persistence.rows import actor_columns, actor_of

#: Everything but the digest, which is never read back.
_COLUMNS = [column for column in api_tokens.c if column.name != "token_digest"]


def token_digest(secret: str) -> str:
    """Return the stored digest of a token, whose 256 random bits make a plain hash safe."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenRepository:
    """Tokens by their digest or their id."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, digest: str) -> ApiToken | None:
        """Return the token whose secret has that digest, valid or not."""
        statement = sa.select(*_COLUMNS).where(api_tokens.c.token_digest == digest)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _token(row)

    async def get_many(self, ids: Sequence[str]) -> dict[str, ApiToken]:
        """Return the tokens of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(*_COLUMNS).where(api_tokens.c.id.in_(ids)))).mappings()
        return {row["id"]: _token(row) for row in rows}

    async def unrevoked(self, ids: Sequence[str]) -> set[str]:
        """Return those of the tokens that exist and are not revoked."""
        statement = sa.select(api_tokens.c.id).where(api_tokens.c.id.in_(ids), api_tokens.c.revoked_at.is_(None))
        return set(await self._connection.scalars(statement))

    async def page(self, page: PageRequest) -> Page[ApiToken]:
        """Return one page of all tokens, newest first."""
        statement = paged(sa.select(*_COLUMNS), [api_tokens.c.id], page, descending=True)
        return page.cut([_token(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of tokens."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(api_tokens)) or 0)

    async def lock(self, token_id: str) -> ApiToken | None:
        """Return the token, with it and all admin tokens locked against other writers until the commit."""
        # All of them in one order: of two callers who revoke the last two, the second sees the first revocation.
        admins = await self._connection.scalars(sa.select(api_tokens.c.id).where(api_tokens.c.role == Role.ADMIN))
        await lock_rows(self._connection, api_tokens, sorted({token_id, *admins}))
        return (await self.get_many([token_id])).get(token_id)

    async def valid_admins(self, at: datetime) -> set[str]:
        """Return the admin tokens that are valid at that moment."""
        columns = api_tokens.c
        statement = sa.select(columns.id).where(
            columns.role == Role.ADMIN,
            columns.systems.is_(None),
            columns.revoked_at.is_(None),
            sa.or_(columns.expires_at.is_(None), columns.expires_at > at),
        )
        return set(await self._connection.scalars(statement))

    async def insert(self, token: ApiToken, secret: str) -> bool:
        """Write a token, and return whether it was; one with a known secret is not written twice."""
        values = {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "token_digest": token_digest(secret),
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "systems": None if token.systems is None else sorted(token.systems),
        }
        if token.created_by is not None:
            values |= actor_columns("created_by", token.created_by)
        written = await self._connection.execute(insert_or_ignore(self._connection, api_tokens, values))
        return written.rowcount > 0

    async def renew(self, name: str, *, by: Actor, secret: str, expires_at: datetime | None) -> ApiToken | None:
        """Give the newest unrevoked token of that name another secret and expiry; return it, None without one."""
        columns = api_tokens.c
        newest = sa.select(sa.func.max(columns.id)).where(
            columns.name == name,
            columns.created_by_type == by.type,
            columns.created_by_id == by.id,
            columns.revoked_at.is_(None),
        )
        values = {"token_digest": token_digest(secret), "expires_at": expires_at}
        statement = sa.update(api_tokens).where(columns.id == newest.scalar_subquery()).values(values)
        row = (await self._connection.execute(statement.returning(*_COLUMNS))).mappings().first()
        return None if row is None else _token(row)

    async def revoke(self, token_id: str, *, at: datetime) -> None:
        """Revoke a locked token."""
        await self._connection.execute(sa.update(api_tokens).where(api_tokens.c.id == token_id).values(revoked_at=at))

    async def forget(self, token_id: str, *, present: Actor, at: datetime) -> None:
        """Revoke a locked token, and give it the id and the name of who stands in its holder's place."""
        revoked = sa.func.coalesce(api_tokens.c.revoked_at, sa.literal(at, api_tokens.c.revoked_at.type))
        values = {"id": present.id, "name": present.name, "revoked_at": revoked}
        await self._connection.execute(sa.update(api_tokens).where(api_tokens.c.id == token_id).values(values))

    async def used(self, uses: Mapping[str, datetime], *, every: timedelta) -> None:
        """Store when tokens were last used, where the stored time is older; in the order of ids, against deadlocks."""
        for token_id, at in sorted(uses.items()):
            noted = api_tokens.c.last_used_at
            statement = sa.update(api_tokens).where(
                api_tokens.c.id == token_id, sa.or_(noted.is_(None), noted <= at - every)
            )
            await self._connection.execute(statement.values(last_used_at=at))


def _token(row: sa.RowMapping) -> ApiToken:
    return ApiToken(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        created_by=None if row["created_by_id"] is None else actor_of("created_by", row),
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        systems=None if row["systems"] is None else frozenset(row["systems"]),
    )
