"""An integration that deliveries are sent to, and what they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from domain.alerts.receiving import Received
from domain.alerts.service import WriteIntegration
from domain.bootstrap import Domain
from domain.model.filters import EVERYTHING
from domain.model.incident import Incident, IncidentLink
from domain.model.integration import DeliveryFilter, Integration, IntegrationDelivery, IntegrationType
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience
from domain.persistence.integration_tables import integration_alerts
from tests.domain.alerts.payloads import EVENTS_MAPPING
from tests.factories import ADMIN
from tests.inside import inside


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor with an integration of its own."""

    domain: Domain
    integration: Integration

    async def send(self, *bodies: Any) -> list[Received]:
        """Send deliveries one after another."""
        return [await self.domain.integrations.receiver.receive(self.integration, body) for body in bodies]

    async def incidents(self) -> Sequence[Incident]:
        """Return all incidents, oldest first."""
        return await incidents_of(self.domain)

    async def deliveries(self) -> Sequence[IntegrationDelivery]:
        """Return its deliveries, newest first."""
        wanted = DeliveryFilter(integration_id=self.integration.id)
        return (await self.domain.integrations.delivery_page(PageRequest(size=100), wanted)).items

    async def alerts(self) -> dict[str, tuple[bool, bool]]:
        """Return of each alert whether it fires, and whether it has had an incident."""
        columns = integration_alerts.c
        statement = sa.select(columns.key, columns.is_firing, columns.incident_id).where(
            columns.integration_id == self.integration.id
        )
        async with inside(self.domain).database._engines.reader.connect() as connection:
            return {
                row.key: (row.is_firing, row.incident_id is not None) for row in await connection.execute(statement)
            }


async def make_monitor(domain: Domain, kind: str = "alertmanager", **settings: Any) -> Monitor:
    """Create an integration."""
    if kind == "events":
        settings.setdefault("mapping", EVENTS_MAPPING)
    command = WriteIntegration(name=settings.pop("name", "Prometheus"), **settings)
    integration, _ = (await domain.integrations.create(ADMIN, IntegrationType(kind), command)).value
    return Monitor(domain, integration)


async def incidents_of(domain: Domain) -> Sequence[Incident]:
    """Return the newest hundred incidents, oldest first."""
    order, page = Order(field="number"), PageRequest(size=100)
    database = inside(domain).database
    found = await database.read(lambda session: session.incidents.page(EVERYTHING, order, page, Audience.MANAGER))
    return found.items[::-1]


async def links_of(domain: Domain, incident: Incident) -> Sequence[IncidentLink]:
    """Return the links of an incident, in the order of their labels."""
    read = inside(domain).database.read
    pages = await read(lambda session: session.links.pages([incident.id], PageRequest(), Audience.MANAGER))
    return sorted(pages[incident.id].items, key=lambda link: link.label or "")
