"""Small facts that all processes of one database share."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.tables import server_state


class StateRepository:
    """Named values."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> str | None:
        """The value of that name."""
        return await self._connection.scalar(sa.select(server_state.c.value).where(server_state.c.name == name))
