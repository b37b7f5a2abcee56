"""API tokens, kept as digests."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.viewer import Role
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.tables import api_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token's name and role; the secret itself is kept nowhere."""

    id: str
    name: str
    role: Role
    created_at: datetime


def token_digest(secret: str) -> str:
    """What is stored of a token: it has 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenRepository:
    """Tokens by their digest."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, secret: str) -> ApiToken | None:
        """The token with that secret."""
        statement = sa.select(api_tokens).where(api_tokens.c.token_digest == token_digest(secret))
        row = (await self._connection.execute(statement)).mappings().first()
        if row is None:
            return None
        return ApiToken(id=row["id"], name=row["name"], role=Role(row["role"]), created_at=row["created_at"])

    async def has_admin(self) -> bool:
        """Whether an admin token exists."""
        statement = sa.select(sa.literal(1)).where(sa.exists().where(api_tokens.c.role == Role.ADMIN))
        return await self._connection.scalar(statement) is not None

    async def insert(self, token: ApiToken, secret: str) -> None:
        """Write a token; the same secret twice is one."""
        values = {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "token_digest": token_digest(secret),
            "created_at": token.created_at,
        }
        await self._connection.execute(insert_or_ignore(self._connection, api_tokens, values))
