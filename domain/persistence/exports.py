"""The history of a database in pages, in an order that is the same in every database that has it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.change import Transition
from domain.model.health_history import HealthSpan
from domain.model.histories import PersonHistory, RelationHistory
from domain.model.incident import IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.maintenance import MaintenanceInstance, MaintenanceUpdate
from domain.model.relation import RelationType
from domain.model.system import System
from domain.persistence.dialects import insert_many_or_ignore
from domain.persistence.health_spans import span_of
from domain.persistence.health_tables import health_spans
from domain.persistence.links import link_of
from domain.persistence.log_tables import entity_transitions
from domain.persistence.maintenance import message_of
from domain.persistence.maintenance_instances import instance_of
from domain.persistence.maintenance_tables import maintenance_instances, maintenance_updates, maintenances
from domain.persistence.people import person_of
from domain.persistence.people_tables import people
from domain.persistence.prepared import Prepared, among
from domain.persistence.relation_tables import incident_relations as relations
from domain.persistence.relations import relation_of
from domain.persistence.systems import system_of
from domain.persistence.tables import (
    incident_links,
    incident_update_versions,
    incident_updates,
    incidents,
    systems,
)
from domain.persistence.timeline import update_of, version_of
from domain.persistence.transitions import transition_of


def _present(table: sa.Table) -> Prepared:
    return Prepared(lambda sqlite: sa.select(table.c.id).where(among(table.c.id, "ids", sqlite=sqlite)))


#: The rows of these ids, by the prefix of the ids.
_PRESENT = {
    "inc": _present(incidents),
    "upd": _present(incident_updates),
    "upv": _present(incident_update_versions),
    "lnk": _present(incident_links),
    "rel": _present(relations),
    "mnt": _present(maintenances),
    "mti": _present(maintenance_instances),
    "mtu": _present(maintenance_updates),
    "per": _present(people),
    "sys": _present(systems),
}


class ExportRepository:
    """All rows of a history, page by page.

    Ids are of lower-case letters and digits, which any collation orders alike.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def revision(self) -> str:
        """Return the revision of the database's schema."""
        return str(await self._connection.scalar(sa.text("SELECT version_num FROM alembic_version")))

    async def counts(self) -> dict[str, int]:
        """Return the number of systems and of incidents."""
        tables = {"system": systems, "incident": incidents}
        counted = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in tables.values()]
        row = (await self._connection.execute(sa.select(*counted))).one()
        return dict(zip(tables, row, strict=True))

    async def systems(self, *, after: str, limit: int) -> list[System]:
        """Return the next systems in the order of their ids."""
        return [system_of(row) for row in await self._rows(systems, systems.c.id > after, [systems.c.id], limit)]

    async def people(self, *, after: str, limit: int) -> list[PersonHistory]:
        """Return the next people in the order of their ids."""
        rows = await self._rows(people, people.c.id > after, [people.c.id], limit)
        return [PersonHistory(person=person_of(row), created_at=row["created_at"]) for row in rows]

    async def incident_ids(self, *, after: int, limit: int) -> dict[int, str]:
        """Return the next incidents' ids by their numbers, in the order of these."""
        columns = (incidents.c.number, incidents.c.id)
        statement = sa.select(*columns).where(incidents.c.number > after).order_by(incidents.c.number).limit(limit)
        return {number: identifier for number, identifier in await self._connection.execute(statement)}

    async def relations(self, *, after: str, limit: int) -> list[RelationHistory]:
        """Return the next relations, in the order of the ids under which their first incidents have them."""
        other = relations.alias("other")
        is_mutual = relations.c.type == RelationType.RELATED_TO.value
        together = sa.and_(
            other.c.incident_id == relations.c.related_id,
            other.c.related_id == relations.c.incident_id,
            other.c.type == relations.c.type,
            other.c.is_inverse != is_mutual,
        )
        first = sa.and_(~relations.c.is_inverse, sa.or_(~is_mutual, relations.c.id < other.c.id))
        statement = sa.select(relations.c.id, other.c.id.label("other")).join(other, together)
        statement = statement.where(first, relations.c.id > after).order_by(relations.c.id).limit(limit)
        pairs = list(await self._connection.execute(statement))
        ids = [identifier for pair in pairs for identifier in pair]
        rows = (await self._connection.execute(sa.select(relations).where(relations.c.id.in_(ids)))).mappings()
        found = {row["id"]: relation_of(row) for row in rows}
        return [RelationHistory(one=found[one], other=found[other]) for one, other in pairs]

    async def maintenance_ids(self, *, after: str, limit: int) -> list[str]:
        """Return the ids of the next maintenance windows in their order."""
        column = maintenances.c.id
        statement = sa.select(column).where(column > after).order_by(column).limit(limit)
        return list(await self._connection.scalars(statement))

    async def instances(self, ids: Sequence[str]) -> Mapping[str, list[MaintenanceInstance]]:
        """Return the instances of these windows, in the order of their beginnings by the windows' own times."""
        columns = maintenance_instances.c
        rows = await self._rows(maintenance_instances, columns.maintenance_id.in_(ids), [columns.original_start])
        return _by("maintenance_id", ((row, instance_of(row)) for row in rows))

    async def messages(self, ids: Sequence[str]) -> Mapping[str, list[MaintenanceUpdate]]:
        """Return the messages about these windows, oldest first."""
        columns = maintenance_updates.c
        rows = await self._rows(maintenance_updates, columns.maintenance_id.in_(ids), [columns.id])
        return _by("maintenance_id", ((row, message_of(row)) for row in rows))

    async def updates(self, incident_ids: Sequence[str]) -> Mapping[str, list[IncidentUpdate]]:
        """Return the timelines of these incidents, oldest first."""
        columns = incident_updates.c
        rows = await self._rows(
            incident_updates, columns.incident_id.in_(incident_ids), [columns.created_at, columns.id]
        )
        return _by("incident_id", ((row, update_of(row)) for row in rows))

    async def versions(self, incident_ids: Sequence[str]) -> Mapping[str, list[IncidentUpdateVersion]]:
        """Return the former versions of these incidents' entries by the entries' ids, oldest first."""
        entries = sa.select(incident_updates.c.id).where(incident_updates.c.incident_id.in_(incident_ids))
        columns = incident_update_versions.c
        rows = await self._rows(incident_update_versions, columns.update_id.in_(entries), [columns.id])
        return _by("update_id", ((row, version_of(row)) for row in rows))

    async def links(self, incident_ids: Sequence[str]) -> Mapping[str, list[IncidentLink]]:
        """Return the links of these incidents, oldest first."""
        columns = incident_links.c
        rows = await self._rows(incident_links, columns.incident_id.in_(incident_ids), [columns.created_at, columns.id])
        return _by("incident_id", ((row, link_of(row)) for row in rows))

    async def transitions(self, kind: str, ids: Sequence[str]) -> Mapping[str, list[Transition]]:
        """Return the transitions of these entities, oldest first."""
        columns = entity_transitions.c
        wanted = sa.and_(columns.kind == kind, columns.entity_id.in_(ids))
        rows = await self._rows(entity_transitions, wanted, [columns.id])
        return _by("entity_id", ((row, transition_of(row)) for row in rows))

    async def spans_of_incidents(self, ids: Sequence[str]) -> Mapping[str, list[HealthSpan]]:
        """Return the spans of health that these incidents set, in the order in which they were written."""
        return _by("incident_id", await self._spans(health_spans.c.incident_id.in_(ids)))

    async def spans_of_reports(self, system_id: str) -> list[HealthSpan]:
        """Return the spans of health that were reported of a system, in the order in which they were written."""
        columns = health_spans.c
        found = await self._spans(sa.and_(columns.system_id == system_id, columns.incident_id.is_(None)))
        return [span for _, span in found]

    async def taken(self, ids: Iterable[str]) -> set[str]:
        """Return those of the ids of systems, people, incidents and their parts that exist."""
        by_prefix: dict[str, list[str]] = {}
        for identifier in ids:
            by_prefix.setdefault(identifier.partition("_")[0], []).append(identifier)
        found: set[str] = set()
        for prefix, wanted in by_prefix.items():
            found.update(row["id"] for row in await _PRESENT[prefix].rows(self._connection, {"ids": wanted}))
        return found

    async def known_people(self, actors: Iterable[Actor]) -> set[tuple[str, str]]:
        """Return the types and ids of those of the actors that are known as people."""
        columns = (people.c.actor_type, people.c.actor_id)
        statement = sa.select(*columns).where(people.c.actor_id.in_([actor.id for actor in actors]))
        return {(kind, identifier) for kind, identifier in await self._connection.execute(statement)}

    async def insert_people(self, known: Sequence[PersonHistory]) -> None:
        """Write people who are not known yet; a rival may have noted one of them meanwhile."""
        rows = [
            {
                "id": each.person.id,
                "actor_type": each.person.actor.type,
                "actor_id": each.person.actor.id,
                "name": each.person.actor.name,
                "folded_name": (each.person.actor.name or "").casefold(),
                "created_at": each.created_at,
            }
            for each in known
        ]
        if rows:
            await self._connection.execute(insert_many_or_ignore(self._connection, people), rows)

    async def _spans(self, wanted: sa.ColumnElement[bool]) -> list[tuple[Any, HealthSpan]]:
        columns = (*health_spans.c, sa.null().label("occurred_at"))
        statement = sa.select(*columns).where(wanted).order_by(health_spans.c.id)
        return [(row, span_of(row)) for row in (await self._connection.execute(statement)).mappings()]

    async def _rows(
        self, table: sa.Table, wanted: sa.ColumnElement[bool], order: Sequence[Any], limit: int | None = None
    ) -> Sequence[sa.RowMapping]:
        statement = sa.select(table).where(wanted).order_by(*order).limit(limit)
        return (await self._connection.execute(statement)).mappings().all()


def _by(name: str, rows: Iterable[tuple[Any, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row, item in rows:
        found.setdefault(row[name], []).append(item)
    return found
