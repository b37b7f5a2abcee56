"""Erasures of people, and how far each of them is."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor, ActorType
from domain.model.erasure import FORGOTTEN_NAME, Erasure, ErasureStatus, Forgotten
from domain.persistence.dialects import lock_rows
from domain.persistence.erasure_tables import erasures

_PENDING = erasures.c.status == sa.literal_column(f"'{ErasureStatus.PENDING}'", sa.String)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An erasure under way: whom it is about, and how far it is."""

    id: str
    forgotten: Forgotten
    since_seq: int
    pass_number: int
    place: str | None
    #: The primary key of the last row that was looked at; None at the beginning of a table.
    position: list[Any] | None
    rows_of_pass: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An erasure as every process has to know it: whose older tokens are refused, and who is being forgotten."""

    id: str
    digest: str
    actor_type: ActorType
    forgotten_at: datetime
    #: None once it is over.
    forgotten: Forgotten | None


class PersonDigest:
    """The keyed digest of people's ids: ids cannot be tried out without the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, actor_id: str) -> str:
        """Return the digest of an id."""
        return hmac.new(self._key, f"person:{actor_id}".encode(errors="replace"), hashlib.sha256).hexdigest()


class ErasureRepository:
    """Erasures by their ids, and by the people that they are about."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, Erasure]:
        """Return the erasures of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(erasures).where(erasures.c.id.in_(ids)))).mappings()
        return {row["id"]: _erasure(row) for row in rows}

    async def of_person(self, *, digest: str, pseudonym: str) -> Erasure | None:
        """Return the last erasure of a person, by the digest of their id or by the id of who stands in their place."""
        named = sa.or_(erasures.c.digest == digest, erasures.c.actor_id == pseudonym)
        statement = sa.select(erasures).where(named).order_by(erasures.c.id.desc()).limit(1)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _erasure(row)

    async def known(self, ids: Sequence[str] | None = None) -> list[Known]:
        """Return all erasures, or those of these ids, as every process has to know them."""
        wanted = sa.true() if ids is None else erasures.c.id.in_(ids)
        statement = sa.select(erasures).where(wanted).order_by(erasures.c.id)
        rows = (await self._connection.execute(statement)).mappings()
        return [_known(row) for row in rows]

    async def lock(self, ids: Sequence[str]) -> None:
        """Lock these erasures against other writers until the commit."""
        await lock_rows(self._connection, erasures, ids)

    async def insert(self, erasure: Erasure, forgotten: Forgotten, *, digest: str, since_seq: int) -> None:
        """Write a new erasure."""
        values = {
            "id": erasure.id,
            "actor_type": erasure.person.type,
            "actor_id": erasure.person.id,
            "digest": digest,
            "former_id": forgotten.former.id,
            "former_name": forgotten.former.name,
            "status": erasure.status,
            "version": erasure.version,
            "forgotten_at": erasure.forgotten_at,
            "since_seq": since_seq,
            "pass_number": 1,
            "rows": 0,
            "rows_of_pass": 0,
        }
        await self._connection.execute(sa.insert(erasures).values(**values))

    async def hold(self, *, now: datetime, grace: timedelta) -> Job | None:
        """Return the first erasure with something to do, locked until the commit; None where there is none.

        One that another process holds is passed over; so is one whose later passes have to wait.
        """
        statement = sa.select(erasures).where(_is_due(now, grace)).order_by(erasures.c.id).limit(1)
        row = (await self._connection.execute(statement.with_for_update(skip_locked=True))).mappings().first()
        return None if row is None else _job(row)

    async def is_due(self, *, now: datetime, grace: timedelta) -> bool:
        """Return whether any erasure has something to do."""
        return await self._connection.scalar(sa.select(sa.literal(1)).where(_is_due(now, grace)).limit(1)) is not None

    async def has_pending(self) -> bool:
        """Return whether any erasure is not over."""
        return await self._connection.scalar(sa.select(sa.literal(1)).where(_PENDING).limit(1)) is not None

    async def advance(self, job: Job, *, rows: int) -> None:
        """Store how far a held erasure is now, and how many more rows were rewritten."""
        values = {
            "pass_number": job.pass_number,
            "place": job.place,
            "position": None if job.position is None else json.dumps(job.position),
            "rows_of_pass": job.rows_of_pass,
            "rows": erasures.c.rows + rows,
        }
        await self._connection.execute(sa.update(erasures).where(erasures.c.id == job.id).values(**values))

    async def finish(self, erasure: Erasure) -> None:
        """Write that an erasure is over; who it was about is not kept."""
        values = {"status": erasure.status, "finished_at": erasure.finished_at, "former_id": None, "former_name": None}
        values |= {"place": None, "position": None}
        await self._connection.execute(sa.update(erasures).where(erasures.c.id == erasure.id).values(**values))

    async def stamp(self, erasure_id: str, *, version: int) -> None:
        """Write the version of an erasure."""
        await self._connection.execute(sa.update(erasures).where(erasures.c.id == erasure_id).values(version=version))


def _is_due(now: datetime, grace: timedelta) -> sa.ColumnElement[bool]:
    return sa.and_(_PENDING, sa.or_(erasures.c.pass_number == 1, erasures.c.forgotten_at <= now - grace))


def _pseudonym(row: sa.RowMapping) -> Actor:
    return Actor(type=ActorType(row["actor_type"]), id=row["actor_id"], name=FORGOTTEN_NAME)


def _erasure(row: sa.RowMapping) -> Erasure:
    return Erasure(
        id=row["id"],
        person=_pseudonym(row),
        status=ErasureStatus(row["status"]),
        rows=row["rows"],
        version=row["version"],
        forgotten_at=row["forgotten_at"],
        finished_at=row["finished_at"],
    )


def _forgotten(row: sa.RowMapping) -> Forgotten:
    former = Actor(type=ActorType(row["actor_type"]), id=row["former_id"], name=row["former_name"])
    return Forgotten(former=former, present=_pseudonym(row))


def _known(row: sa.RowMapping) -> Known:
    return Known(
        id=row["id"],
        digest=row["digest"],
        actor_type=ActorType(row["actor_type"]),
        forgotten_at=row["forgotten_at"],
        forgotten=None if row["former_id"] is None else _forgotten(row),
    )


def _job(row: sa.RowMapping) -> Job:
    return Job(
        id=row["id"],
        forgotten=_forgotten(row),
        since_seq=row["since_seq"],
        pass_number=row["pass_number"],
        place=row["place"],
        position=None if row["position"] is None else json.loads(row["position"]),
        rows_of_pass=row["rows_of_pass"],
    )
