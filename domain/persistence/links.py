"""Links of incidents to pages elsewhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import IncidentLink, digest_of
from domain.model.paging import Page, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.keyset import paged, per_parent
from domain.persistence.prepared import Bound, Prepared
from domain.persistence.tables import incident_links as links
from domain.persistence.tables import incidents

_INSERT = Prepared(lambda _: sa.insert(links).inline(), [column.name for column in links.c])


class LinkRepository:
    """Links, oldest first; an address is unique on its incident."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, IncidentLink]:
        """Return the links of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(links).where(links.c.id.in_(ids)))).mappings()
        return {row["id"]: link_of(row) for row in rows}

    async def by_url(self, incident_id: str, url: str) -> IncidentLink | None:
        """Return an incident's link with that address, or None."""
        statement = sa.select(links).where(links.c.incident_id == incident_id, links.c.url_digest == digest_of(url))
        row = (await self._connection.execute(statement)).mappings().first()
        return link_of(row) if row else None

    async def pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience, *, until: datetime | None = None
    ) -> dict[str, Page[IncidentLink]]:
        """Return the page of each of these incidents' links that this audience may see, in one statement.

        With a moment, only those that were there by then.
        """

        def oldest(incident_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            seen = sa.and_(alias.c.incident_id == incident_id, alias.c.visibility.in_(audience.visibilities))
            if until is not None:
                seen = sa.and_(seen, alias.c.created_at <= until)
            return paged(sa.select(alias.c.id).where(seen), (alias.c.created_at, alias.c.id), page, descending=False)

        found = await per_parent(
            self._connection,
            parents=(incidents, incident_ids),
            child=links,
            children_of=oldest,
            page=page,
            form=("links", audience) if until is None else None,
        )
        lists: dict[str, list[IncidentLink]] = {identifier: [] for identifier in incident_ids}
        for parent, row in found:
            lists[parent].append(link_of(row))
        for entries in lists.values():
            entries.sort(key=lambda link: (link.created_at, link.id), reverse=page.backward)
        return {parent: page.cut(entries) for parent, entries in lists.items()}

    async def counts(
        self, incident_ids: Sequence[str], audience: Audience, *, until: datetime | None = None
    ) -> dict[str, int]:
        """Return the number of links of each of these incidents that this audience may see."""
        there = sa.true() if until is None else links.c.created_at <= until
        statement = (
            sa.select(links.c.incident_id, sa.func.count())
            .where(links.c.incident_id.in_(incident_ids), links.c.visibility.in_(audience.visibilities), there)
            .group_by(links.c.incident_id)
        )
        counted = {incident_id: count for incident_id, count in await self._connection.execute(statement)}
        return {incident_id: counted.get(incident_id, 0) for incident_id in incident_ids}

    async def insert(self, link: IncidentLink) -> bool:
        """Write a new link; return False where the incident has its address already."""
        statement = insert_or_ignore(self._connection, links, _columns(link)).returning(links.c.id)
        return await self._connection.scalar(statement) is not None

    async def save(self, link: IncidentLink) -> None:
        """Write an edited link; its incident is locked and its address free."""
        await self._connection.execute(sa.update(links).where(links.c.id == link.id).values(**_columns(link)))

    async def delete(self, link_id: str) -> None:
        """Delete a link."""
        await self._connection.execute(sa.delete(links).where(links.c.id == link_id))


def bound_links(dialect: sa.Dialect, loaded: Iterable[IncidentLink]) -> Bound:
    """Return the statement that writes links of a history, with distinct addresses."""
    return _INSERT.bound(dialect, map(_columns, loaded))


def _columns(link: IncidentLink) -> dict[str, Any]:
    return {
        "id": link.id,
        "incident_id": link.incident_id,
        "label": link.label,
        "url": link.url,
        "url_digest": digest_of(link.url),
        "visibility": link.visibility,
        "created_at": link.created_at,
    }


def link_of(row: sa.RowMapping) -> IncidentLink:
    """Return the link that a row stands for."""
    return IncidentLink(
        id=row["id"],
        incident_id=row["incident_id"],
        label=row["label"],
        url=row["url"],
        visibility=Visibility(row["visibility"]),
        created_at=row["created_at"],
    )
