"""How far durable readers of the log have come."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_or_ignore
from domain.persistence.tables import readers


class ReaderRepository:
    """One position per named reader."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def register(self, name: str, *, seq: int, now: datetime) -> None:
        """Start a reader at a position; one that exists stays where it is."""
        values = {"name": name, "seq": seq, "updated_at": now}
        await self._connection.execute(insert_or_ignore(self._connection, readers, values))

    async def position(self, name: str) -> int | None:
        """How far a reader has come, or None where nobody registered it."""
        return await self._connection.scalar(sa.select(readers.c.seq).where(readers.c.name == name))

    async def hold(self, name: str) -> int | None:
        """How far a reader has come, kept from its other processes until the commit; None while one of them works."""
        statement = sa.select(readers.c.seq).where(readers.c.name == name).with_for_update(skip_locked=True)
        return await self._connection.scalar(statement)

    async def advance(self, name: str, *, to: int, now: datetime) -> None:
        """Move a held reader forward."""
        statement = sa.update(readers).where(readers.c.name == name).values(seq=to, updated_at=now)
        await self._connection.execute(statement)
