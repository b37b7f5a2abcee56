"""Small facts that all processes of one database share."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_or_ignore, upsert
from domain.persistence.tables import server_state


class StateRepository:
    """Named values."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> str | None:
        """Return the value of that name."""
        return await self._connection.scalar(sa.select(server_state.c.value).where(server_state.c.name == name))

    async def values(self, *names: str) -> dict[str, str]:
        """Return the values of those names that have one."""
        chosen = sa.select(server_state.c.name, server_state.c.value).where(server_state.c.name.in_(names))
        return {row.name: row.value for row in await self._connection.execute(chosen)}

    async def has_schema(self) -> bool:
        """Return whether there is a schema of any revision."""
        return await self._connection.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version"))

    async def revision(self) -> str | None:
        """Return the revision of the schema."""
        revision: str | None = await self._connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return revision

    async def set(self, name: str, value: str) -> None:
        """Store a value under that name."""
        values = {"name": name, "value": value}
        await self._connection.execute(upsert(self._connection, server_state, values, keys=["name"]))

    async def exchange(self, name: str, value: str) -> str | None:
        """Store a value under that name, and return the one before it; of two at once, the second gets the first's."""
        values = {"name": name, "value": value}
        added = await self._connection.execute(insert_or_ignore(self._connection, server_state, values))
        if added.rowcount == 1:
            return None
        chosen = sa.select(server_state.c.value).where(server_state.c.name == name).with_for_update()
        former: str | None = await self._connection.scalar(chosen)
        await self.set(name, value)
        return former

    async def remove(self, name: str) -> None:
        """Delete the value of that name."""
        await self._connection.execute(sa.delete(server_state).where(server_state.c.name == name))
