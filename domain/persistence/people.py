"""People and programs that incidents can be assigned to: those with tokens, and users who have acted."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.paging import Page, PageRequest
from domain.model.person import Person
from domain.persistence.caller_tables import api_tokens
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.keyset import paged
from domain.persistence.people_tables import people


class PersonRepository:
    """People by their ids as actors."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, actor: Actor, *, at: datetime) -> None:
        """Write the person that an actor is, where there is none yet, or their new name."""
        folded = (actor.name or "").casefold()
        values = {
            "id": new_id("per"),
            "actor_type": actor.type,
            "actor_id": actor.id,
            "name": actor.name,
            "folded_name": folded,
            "created_at": at,
        }
        await self._connection.execute(insert_or_ignore(self._connection, people, values))
        renamed = sa.and_(_is(actor), people.c.name.is_distinct_from(actor.name))
        await self._connection.execute(sa.update(people).where(renamed).values(name=actor.name, folded_name=folded))

    async def note_user(self, actor: Actor, *, at: datetime) -> None:
        """Write the person that a user is who wrote something that the log does not have."""
        if actor.type is ActorType.USER:
            await self.note(actor, at=at)

    async def resolve(self, references: Sequence[str]) -> dict[str, Actor]:
        """Return the people of these ids, locked against being erased until the commit."""
        columns = people.c
        # Of a program and a user with one id the program counts: ids of tokens are made here, those of users elsewhere.
        statement = sa.select(people).where(columns.actor_id.in_(references)).with_for_update()
        rows = (await self._connection.execute(statement.order_by(columns.actor_type.desc(), columns.id))).mappings()
        return {row["actor_id"]: person_of(row).actor for row in rows}

    async def revoked(self, actors: Iterable[Actor]) -> frozenset[str]:
        """Return the ids of those that act by a token which is revoked."""
        ids = [actor.id for actor in actors if actor.type is ActorType.APPLICATION]
        if not ids:
            return frozenset()
        tokens = api_tokens.c
        statement = sa.select(tokens.id).where(tokens.id.in_(ids), tokens.revoked_at.is_not(None))
        return frozenset(await self._connection.scalars(statement))

    async def remove(self, actor: Actor) -> None:
        """Delete the person that an actor is."""
        await self._connection.execute(sa.delete(people).where(_is(actor)))

    async def of(self, actor: Actor) -> Person | None:
        """Return the person that an actor is."""
        row = (await self._connection.execute(sa.select(people).where(_is(actor)))).mappings().first()
        return None if row is None else person_of(row)

    async def page(self, text: str, page: PageRequest) -> Page[Person]:
        """Return one page of the people whose name has that text in it, in any case, in the order of their ids."""
        statement = paged(sa.select(people).where(_named(text)), [people.c.id], page, descending=False)
        return page.cut([person_of(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, text: str) -> int:
        """Return the number of these people."""
        statement = sa.select(sa.func.count()).select_from(people).where(_named(text))
        return int(await self._connection.scalar(statement) or 0)


def _is(actor: Actor) -> sa.ColumnElement[bool]:
    return sa.and_(people.c.actor_type == actor.type, people.c.actor_id == actor.id)


def _named(text: str) -> sa.ColumnElement[bool]:
    return people.c.folded_name.contains(text.casefold(), autoescape=True)


def person_of(row: sa.RowMapping) -> Person:
    """Return the person that a row stands for."""
    actor = Actor(type=ActorType(row["actor_type"]), id=row["actor_id"], name=row["name"])
    return Person(id=row["id"], actor=actor)
