"""The deliveries that integrations received, with their outcome."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.integration import DeliveryFilter, DeliveryOutcome, IntegrationDelivery
from domain.model.paging import Page, PageRequest
from domain.persistence.dialects import inserted_or_counted
from domain.persistence.integration_tables import integration_deliveries as deliveries
from domain.persistence.keyset import paged
from domain.persistence.prepared import Prepared

_COLUMNS = [column.name for column in deliveries.c]
_PLAIN = [name for name in _COLUMNS if name not in {"outcome", "incident_ids", "repeat_key"}]
_KEEP = Prepared(
    lambda sqlite: inserted_or_counted(
        deliveries, ["integration_id", "repeat_key"], count="times", latest="last_received_at", sqlite=sqlite
    ).returning(deliveries.c.id),
    _COLUMNS,
)


class IntegrationDeliveryRepository:
    """Deliveries, newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def keep(self, delivery: IntegrationDelivery, *, repeat_key: str | None) -> str:
        """Write a delivery and return its id; one with the key of another is counted there."""
        values = {name: getattr(delivery, name) for name in _COLUMNS if name != "repeat_key"}
        values |= {"incident_ids": list(delivery.incident_ids), "repeat_key": repeat_key}
        kept: str = await _KEEP.value(self._connection, values)
        return kept

    async def get_many(self, ids: Sequence[str]) -> dict[str, IntegrationDelivery]:
        """Return the deliveries of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(deliveries).where(deliveries.c.id.in_(ids)))).mappings()
        return {row["id"]: _delivery(row) for row in rows}

    async def page(self, page: PageRequest, wanted: DeliveryFilter) -> Page[IntegrationDelivery]:
        """Return one page of the deliveries that match, newest first."""
        statement = sa.select(deliveries).where(*_conditions(wanted))
        statement = paged(statement, [deliveries.c.id], page, descending=True)
        return page.cut([_delivery(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, wanted: DeliveryFilter) -> int:
        """Return the number of deliveries that match."""
        statement = sa.select(sa.func.count()).select_from(deliveries).where(*_conditions(wanted))
        return int(await self._connection.scalar(statement) or 0)

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` deliveries that last came before a moment, and return how many."""
        old = sa.select(deliveries.c.id).where(deliveries.c.last_received_at < before).limit(limit)
        result = await self._connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(old)))
        return result.rowcount


def _conditions(wanted: DeliveryFilter) -> list[sa.ColumnElement[bool]]:
    return [deliveries.c[name].in_([str(value) for value in values]) for name, values in wanted.among]


def _delivery(row: sa.RowMapping) -> IntegrationDelivery:
    return IntegrationDelivery(
        **{name: row[name] for name in _PLAIN},
        outcome=DeliveryOutcome(row["outcome"]),
        incident_ids=tuple(row["incident_ids"]),
    )
