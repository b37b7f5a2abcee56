"""Idempotency: answers stored for a day, so that a repeated call gets the first answer instead of a second effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.caller_tables import idempotency_keys as keys
from domain.persistence.prepared import Prepared

_CLAIMED = ("viewer_id", "mutation", "key", "input_digest", "created_at")
_NAMED = sa.and_(
    keys.c.viewer_id == sa.bindparam("owner"),
    keys.c.mutation == sa.bindparam("called"),
    keys.c.key == sa.bindparam("given"),
)
_FIND = Prepared(lambda _: sa.select(keys.c.input_digest, keys.c.answer, keys.c.seq).where(_NAMED))
_ANSWER = Prepared(
    lambda _: sa.update(keys).where(_NAMED).values(answer=sa.bindparam("to_answer"), seq=sa.bindparam("to_seq"))
)


def _claim(*, sqlite: bool) -> Any:
    insert: Any = (sqlite_dialect if sqlite else postgresql).insert(keys)
    # A call with a key that has expired is a first one again.
    anew = {"answer": None, "seq": None} | {name: insert.excluded[name] for name in ("input_digest", "created_at")}
    expired = keys.c.created_at < sa.bindparam("before", type_=keys.c.created_at.type)
    return insert.on_conflict_do_update(
        index_elements=["viewer_id", "mutation", "key"], set_=anew, where=expired
    ).returning(keys.c.key)


_CLAIM = Prepared(lambda sqlite: _claim(sqlite=sqlite), _CLAIMED)


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
        values = {
            "viewer_id": name.viewer_id,
            "mutation": name.mutation,
            "key": name.key,
            "input_digest": input_digest,
            "created_at": now,
            "before": forget_before,
        }
        if await _CLAIM.value(self._connection, values) is not None:
            return None
        [row] = await _FIND.rows(self._connection, _named(name))
        return StoredAnswer(input_digest=row["input_digest"], answer=row["answer"], seq=row["seq"])

    async def answer(self, name: KeyName, answer: Mapping[str, Any], *, seq: int) -> None:
        """Store the answer of a claimed key."""
        await _ANSWER.run(self._connection, {**_named(name), "to_answer": answer, "to_seq": seq})

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` keys that are older than a moment, and return how many."""
        old = sa.select(keys.c.viewer_id, keys.c.mutation, keys.c.key).where(keys.c.created_at < before).limit(limit)
        primary = sa.tuple_(keys.c.viewer_id, keys.c.mutation, keys.c.key)
        result = await self._connection.execute(sa.delete(keys).where(primary.in_(old)))
        return result.rowcount


def _named(name: KeyName) -> dict[str, Any]:
    return {"owner": name.viewer_id, "called": name.mutation, "given": name.key}
