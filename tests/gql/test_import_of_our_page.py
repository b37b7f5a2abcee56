"""Our own public page, imported as one of Statuspage's."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx

from domain.bootstrap import Domain, running_domain
from domain.model.commands import AddIncidentUpdate
from domain.model.histories import IncidentHistory
from domain.model.incident import Status
from domain.settings import Settings
from domain.transfer.statuspage_files import read_statuspage
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import Heard
from tests.factories import ADMIN, make_incident


@on_one_database
async def test_our_own_page_is_imported_with_its_times(
    domain: Domain, clock: SteppingClock, own_database_url: str, tmp_path: Path
) -> None:
    begun = clock.now() - timedelta(hours=3)
    incident = await make_incident(domain, occurred_at=begun, initial_message="Seen")
    for minutes, status in ((20, Status.FIXING), (90, Status.RESOLVED)):
        at = begun + timedelta(minutes=minutes)
        entry = AddIncidentUpdate(incident_id=incident.id, message="On it", status_change=status, created_at=at)
        await domain.timeline.add(ADMIN, entry)
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as reader:
        document = (await reader.get("/api/v2/incidents.json")).content
    await asyncio.to_thread((tmp_path / "incidents.json").write_bytes, document)
    taken: list[IncidentHistory] = []
    async with running_domain(
        Settings(database_url=own_database_url, automations=False), clock=clock, live=False
    ) as other:
        heard = Heard()
        await other.transfer.imports.run(read_statuspage(tmp_path, now=clock.now()), heard)
        await other.transfer.exports.incidents(lambda history, _: taken.append(history))
    assert (heard.refusals, [each.incident.status for each in taken]) == ([], [Status.RESOLVED])
    assert taken[0].incident.occurred_at == begun
    assert taken[0].incident.time_to_resolve_seconds == 90 * 60
    assert taken[0].incident.identified_at == begun + timedelta(minutes=20)
