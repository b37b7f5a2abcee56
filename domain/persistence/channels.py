"""Channels, whose URLs are stored encrypted."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.channel import Channel
from domain.model.paging import Page, PageRequest
from domain.persistence.channel_tables import channels
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import paged
from domain.persistence.rows import actor_columns, actor_of

#: Everything but the ciphertext, which has a method of its own.
_COLUMNS = [column for column in channels.c if column.name != "ciphertext"]
_PLAIN = ("id", "name", "service", "address", "created_at", "updated_at")


class ChannelRepository:
    """Channels by id or by name."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, channel_id: str) -> Channel | None:
        """Return the channel, locked against other writers until the commit."""
        await lock_rows(self._connection, channels, [channel_id])
        return (await self.get_many([channel_id])).get(channel_id)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Channel]:
        """Return the channels of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(*_COLUMNS).where(channels.c.id.in_(ids)))).mappings()
        return {row["id"]: _channel(row) for row in rows}

    async def find(self, reference: str) -> tuple[Channel, str] | None:
        """Return the channel of that id, or else of that name, with the ciphertext of its URL."""
        # PostgreSQL refuses a NUL character instead of finding nothing.
        if "\0" in reference:
            return None
        wanted = sa.or_(channels.c.id == reference, channels.c.name == reference)
        # A name may look like another channel's id.
        statement = sa.select(channels).where(wanted).order_by(sa.case((channels.c.id == reference, 0), else_=1))
        row = (await self._connection.execute(statement.limit(1))).mappings().first()
        return None if row is None else (_channel(row), row["ciphertext"])

    async def known(self, references: Collection[str]) -> set[str]:
        """Return those of these ids and names that a channel has."""
        wanted = [reference for reference in references if "\0" not in reference]
        statement = sa.select(channels.c.id, channels.c.name)
        statement = statement.where(sa.or_(channels.c.id.in_(wanted), channels.c.name.in_(wanted)))
        return {text for row in await self._connection.execute(statement) for text in row}

    async def page(self, page: PageRequest) -> Page[Channel]:
        """Return one page of all channels, newest first."""
        statement = paged(sa.select(*_COLUMNS), [channels.c.id], page, descending=True)
        return page.cut([_channel(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of channels."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(channels)) or 0)

    async def insert(self, channel: Channel, ciphertext: str) -> bool:
        """Write a new channel; return False where its name is taken."""
        values = {
            **_values(channel),
            "id": channel.id,
            "ciphertext": ciphertext,
            "created_at": channel.created_at,
            **actor_columns("created_by", channel.created_by),
        }
        statement = insert_or_ignore(self._connection, channels, values).returning(channels.c.id)
        return await self._connection.scalar(statement) is not None

    async def save(self, channel: Channel, ciphertext: str | None) -> bool:
        """Write a locked channel, with another URL where one is given; return False where its name is taken.

        Where it returns False, nothing else can be written in the same transaction.
        """
        values = _values(channel) | ({} if ciphertext is None else {"ciphertext": ciphertext})
        try:
            await self._connection.execute(sa.update(channels).where(channels.c.id == channel.id).values(**values))
        except IntegrityError:
            return False
        return True

    async def delete(self, channel_id: str) -> bool:
        """Delete a channel; return False where there is none of that id."""
        statement = sa.delete(channels).where(channels.c.id == channel_id).returning(channels.c.id)
        return await self._connection.scalar(statement) is not None


def _values(channel: Channel) -> dict[str, Any]:
    return {name: getattr(channel, name) for name in ("name", "service", "address", "updated_at")}


def _channel(row: sa.RowMapping) -> Channel:
    return Channel(**{name: row[name] for name in _PLAIN}, created_by=actor_of("created_by", row))
