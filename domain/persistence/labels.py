"""Labels of incidents, as rows and as the one text in which an incident is read with them."""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import Incident
from domain.model.labels import Labels
from domain.persistence.prepared import Prepared
from domain.persistence.tables import incident_labels

INSERT_LABELS = Prepared(lambda _: sa.insert(incident_labels).inline(), ["incident_id", "key", "value"])


def labels_text(incident_id: sa.ColumnElement[str], *, sqlite: bool) -> sa.ColumnElement[str | None]:
    """Return the column with the labels of each incident as a JSON object; it may be null where there are none."""
    labels = incident_labels.c
    pairs = (sa.func.json_group_object if sqlite else sa.func.json_object_agg)(labels.key, labels.value)
    found = sa.select(sa.cast(pairs, sa.Text)).where(labels.incident_id == incident_id)
    return found.scalar_subquery()


def labels_of(text: str | None) -> Labels:
    """Return the labels in such a text."""
    return () if text is None or text == "{}" else tuple(sorted(orjson.loads(text).items()))


def label_rows(loaded: Sequence[Incident]) -> list[dict[str, Any]]:
    """Return the rows of these incidents' labels."""
    return [
        {"incident_id": incident.id, "key": key, "value": value}
        for incident in loaded
        for key, value in incident.labels
    ]


async def save_labels(connection: AsyncConnection, before: Incident, after: Incident) -> None:
    """Write the labels that differ between two states of one incident."""
    old, new = set(before.labels), set(after.labels)
    gone = sorted(key for key, _ in old - new)
    if gone:
        labels = incident_labels.c
        await connection.execute(sa.delete(incident_labels).where(labels.incident_id == after.id, labels.key.in_(gone)))
    rows = [{"incident_id": after.id, "key": key, "value": value} for key, value in sorted(new - old)]
    if rows:
        await INSERT_LABELS.run_many(connection, rows)
