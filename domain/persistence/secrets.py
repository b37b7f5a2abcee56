"""Secrets, stored encrypted."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.secret import Secret
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import paged
from domain.persistence.rows import actor_columns, actor_of
from domain.persistence.secret_tables import secrets

#: Everything but the ciphertext, which has a method of its own.
_COLUMNS = [column for column in secrets.c if column.name != "ciphertext"]


class SecretRepository:
    """Secrets by id or by name."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, secret_id: str) -> Secret | None:
        """Return the secret, locked against other writers until the commit."""
        await lock_rows(self._connection, secrets, [secret_id])
        return (await self.get_many([secret_id])).get(secret_id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Secret]:
        """Return the secrets of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(*_COLUMNS).where(secrets.c.id.in_(ids)))).mappings()
        return {row["id"]: _secret(row) for row in rows}

    async def ciphertexts(self, names: Collection[str]) -> dict[str, str]:
        """Return the ciphertexts of these names; unknown ones are left out."""
        # PostgreSQL refuses a NUL character instead of finding nothing.
        wanted = [name for name in names if "\0" not in name]
        statement = sa.select(secrets.c.name, secrets.c.ciphertext).where(secrets.c.name.in_(wanted))
        return {row.name: row.ciphertext for row in await self._connection.execute(statement)}

    async def page(self, page: PageRequest) -> Page[Secret]:
        """Return one page of all secrets, newest first."""
        statement = paged(sa.select(*_COLUMNS), [secrets.c.id], page, descending=True)
        return page.cut([_secret(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of secrets."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(secrets)) or 0)

    async def insert(self, secret: Secret, ciphertext: str) -> bool:
        """Write a new secret; return False where its name is taken."""
        values = {
            "id": secret.id,
            "name": secret.name,
            "ciphertext": ciphertext,
            "created_at": secret.created_at,
            "updated_at": secret.updated_at,
            **actor_columns("created_by", secret.created_by),
        }
        statement = insert_or_ignore(self._connection, secrets, values).returning(secrets.c.id)
        return await self._connection.scalar(statement) is not None

    async def replace(self, secret_id: str, ciphertext: str, *, at: datetime) -> None:
        """Write another value."""
        statement = sa.update(secrets).where(secrets.c.id == secret_id)
        await self._connection.execute(statement.values(ciphertext=ciphertext, updated_at=at))

    async def delete(self, secret_id: str) -> bool:
        """Delete a secret; return False where there is none of that id."""
        statement = sa.delete(secrets).where(secrets.c.id == secret_id).returning(secrets.c.id)
        return await self._connection.scalar(statement) is not None


def _secret(row: sa.RowMapping) -> Secret:
    plain = {name: row[name] for name in ("id", "name", "created_at", "updated_at")}
    return Secret(**plain, created_by=actor_of("created_by", row))
