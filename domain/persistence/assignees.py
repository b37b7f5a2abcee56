"""The people assigned to incidents, as rows and as the one text in which an incident is read with them."""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor, ActorType
from domain.model.incident import Incident
from domain.persistence.people_tables import incident_assignees
from domain.persistence.prepared import Prepared

INSERT_ASSIGNEES = Prepared(lambda _: sa.insert(incident_assignees).inline(), ["incident_id", "id", "type", "name"])


def assignees_text(incident_id: sa.ColumnElement[str], *, sqlite: bool) -> sa.ColumnElement[str | None]:
    """Return the column with the type and name of each assignee by id, as JSON; it may be null where there are none."""
    columns = incident_assignees.c
    pair = (sa.func.json_array if sqlite else sa.func.json_build_array)(columns.type, columns.name)
    pairs = (sa.func.json_group_object if sqlite else sa.func.json_object_agg)(columns.id, pair)
    return sa.select(sa.cast(pairs, sa.Text)).where(columns.incident_id == incident_id).scalar_subquery()


def assignees_of(text: str | None) -> tuple[Actor, ...]:
    """Return the assignees in such a text, in the order of their ids."""
    if text is None or text == "{}":
        return ()
    found = sorted(orjson.loads(text).items())
    return tuple([Actor(type=ActorType(kind), id=identifier, name=name) for identifier, (kind, name) in found])


def assignee_rows(loaded: Sequence[Incident]) -> list[dict[str, Any]]:
    """Return the rows of these incidents' assignees."""
    return [_row(incident, person) for incident in loaded for person in incident.assignees]


async def save_assignees(connection: AsyncConnection, before: Incident, after: Incident) -> None:
    """Write the assignees that differ between two states of one incident."""
    gone = [person.id for person in before.assignees if person not in after.assignees]
    if gone:
        columns = incident_assignees.c
        left = sa.and_(columns.incident_id == after.id, columns.id.in_(gone))
        await connection.execute(sa.delete(incident_assignees).where(left))
    rows = [_row(after, person) for person in after.assignees if person not in before.assignees]
    if rows:
        await INSERT_ASSIGNEES.run_many(connection, rows)


def _row(incident: Incident, person: Actor) -> dict[str, Any]:
    return {"incident_id": incident.id, "id": person.id, "type": person.type, "name": person.name}
