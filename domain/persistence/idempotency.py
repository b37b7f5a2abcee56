"""Idempotency: answers stored for a day, so that a repeated call gets the first answer instead of a second effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_or_ignore
from domain.persistence.tables import idempotency_keys as keys


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The input of the first call with a key, its answer, and the log's position after it."""

    input_digest: str
    answer: Mapping[str, Any]
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """The name of a key, which belongs to one caller and one mutation."""

    viewer_id: str
    mutation: str
    key: str


class IdempotencyRepository:
    """Idempotency keys with their answers."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(
        self, name: KeyName, *, input_digest: str, now: datetime, forget_before: datetime
    ) -> StoredAnswer | None:
        """Return the stored answer of a key, or None for the first caller, who then has to call `answer`.

        It waits for an uncommitted rival with the same key.
        """
        await self._connection.execute(sa.delete(keys).where(_is(name), keys.c.created_at < forget_before))
        values = {
            "viewer_id": name.viewer_id,
            "mutation": name.mutation,
            "key": name.key,
            "input_digest": input_digest,
            "created_at": now,
        }
        statement = insert_or_ignore(self._connection, keys, values).returning(keys.c.key)
        if await self._connection.scalar(statement) is not None:
            return None
        row = (await self._connection.execute(sa.select(keys).where(_is(name)))).mappings().one()
        return StoredAnswer(input_digest=row["input_digest"], answer=row["answer"], seq=row["seq"])

    async def answer(self, name: KeyName, answer: Mapping[str, Any], *, seq: int) -> None:
        """Store the answer of a claimed key."""
        await self._connection.execute(sa.update(keys).where(_is(name)).values(answer=answer, seq=seq))

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` keys that are older than a moment, and return how many."""
        old = sa.select(keys.c.viewer_id, keys.c.mutation, keys.c.key).where(keys.c.created_at < before).limit(limit)
        primary = sa.tuple_(keys.c.viewer_id, keys.c.mutation, keys.c.key)
        result = await self._connection.execute(sa.delete(keys).where(primary.in_(old)))
        return result.rowcount


def _is(name: KeyName) -> sa.ColumnElement[bool]:
    return sa.and_(keys.c.viewer_id == name.viewer_id, keys.c.mutation == name.mutation, keys.c.key == name.key)
