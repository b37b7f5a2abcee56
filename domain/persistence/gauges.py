"""Numbers of what is open and what waits, for metrics: few statements, each of which an index answers."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.automation import ACTIVE, RunStatus
from domain.model.gauges import Gauges, Queue
from domain.model.incident import Severity, Status
from domain.model.webhook import WebhookDeliveryStatus
from domain.persistence.automation_tables import automation_runs
from domain.persistence.changes import ChangeRepository
from domain.persistence.tables import incidents
from domain.persistence.visitor_tables import visitor_deliveries
from domain.persistence.webhook_tables import webhook_deliveries


class GaugeRepository:
    """The numbers of one snapshot."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self) -> Gauges:
        """Return all of them, by nine statements."""
        log, runs = ChangeRepository(self._connection), await self._runs()
        return Gauges(
            open=await self._open(),
            head=await log.head(),
            floor=await log.floor(),
            runs=runs,
            queues={
                "automations": Queue(runs.get(RunStatus.PENDING, 0), await self._oldest(automation_runs, "pending")),
                "webhooks": await self._webhooks(),
                "visitors": await self._visitors(),
            },
        )

    async def _open(self) -> dict[tuple[Severity, Status], int]:
        # As a literal: with a parameter, the partial index would not be used.
        is_open = sa.text("status <> 'resolved'")
        statement = sa.select(incidents.c.severity, incidents.c.status, sa.func.count()).where(is_open)
        rows = await self._connection.execute(statement.group_by(incidents.c.severity, incidents.c.status))
        return {(Severity(severity), Status(status)): count for severity, status, count in rows}

    async def _runs(self) -> dict[RunStatus, int]:
        status = automation_runs.c.status
        statement = sa.select(status, sa.func.count()).where(status.in_(ACTIVE)).group_by(status)
        return {RunStatus(name): count for name, count in await self._connection.execute(statement)}

    async def _webhooks(self) -> Queue:
        pending = webhook_deliveries.c.status == WebhookDeliveryStatus.PENDING
        count = await self._connection.scalar(sa.select(sa.func.count()).where(pending))
        return Queue(int(count or 0), await self._oldest(webhook_deliveries, WebhookDeliveryStatus.PENDING))

    async def _visitors(self) -> Queue:
        # Those that are sent, or given up, are deleted.
        created = visitor_deliveries.c.created_at
        row = (await self._connection.execute(sa.select(sa.func.count(), sa.func.min(created)))).one()
        return Queue(row[0], row[1])

    async def _oldest(self, table: sa.Table, status: str) -> datetime | None:
        """Return when the first one in a status was made: ids are in the order of time."""
        statement = sa.select(table.c.created_at).where(table.c.status == status).order_by(table.c.id).limit(1)
        found: Any = await self._connection.scalar(statement)
        return found if isinstance(found, datetime) else None
