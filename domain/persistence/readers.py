"""The positions of durable readers in the log."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_or_ignore
from domain.persistence.log_tables import readers
from domain.persistence.prepared import Prepared

_POSITION = sa.select(readers.c.seq).where(readers.c.name == sa.bindparam("name"))
_HOLD = Prepared(lambda _: _POSITION.with_for_update(skip_locked=True))
_ADVANCE = Prepared(
    lambda _: (
        sa.update(readers)
        .where(readers.c.name == sa.bindparam("held"))
        .values(seq=sa.bindparam("to"), updated_at=sa.bindparam("now"))
    )
)


class ReaderRepository:
    """The positions of durable readers, one per name."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def register(self, name: str, *, seq: int, now: datetime) -> None:
        """Start a reader at a position; an existing one keeps its own."""
        values = {"name": name, "seq": seq, "updated_at": now}
        await self._connection.execute(insert_or_ignore(self._connection, readers, values))

    async def position(self, name: str) -> int | None:
        """Return a reader's position, or None for an unregistered one."""
        return await self._connection.scalar(_POSITION, {"name": name})

    async def hold(self, name: str) -> int | None:
        """Return a reader's position, locked until the commit; None while another process holds it."""
        position: int | None = await _HOLD.value(self._connection, {"name": name})
        return position

    async def advance(self, name: str, *, to: int, now: datetime) -> None:
        """Move a held reader forward."""
        await _ADVANCE.run(self._connection, {"held": name, "to": to, "now": now})
