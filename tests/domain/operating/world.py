"""Databases filled by use cases: imports, automations, deletions, people who are forgotten, and all that is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from domain.bootstrap import Domain, running_domain
from domain.entities.origin import Origin
from domain.model.commands import AddIncidentLink, CreateIncident, UpdateIncident, UpdateSystem
from domain.model.incident import Health, HealthOverride, Severity
from domain.operating.findings import Finding
from domain.operating.verifying import findings, scope_of
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.conftest import SECRET_KEY, DrivenErasureWork, DrivenMaintenanceClock, SteppingClock
from tests.domain.messaging.changes import until_it_is
from tests.domain.services.test_forgetting import forget, work
from tests.domain.transfer.world import AMINA, exported, imported, lively
from tests.e2e.databases import fresh_database
from tests.factories import (
    ADMIN,
    log_of,
    make_automation,
    make_incident,
    make_maintenance,
    make_pending_delivery,
    make_secret,
    make_system,
    report_health,
    start_run,
)
from tests.inside import inside

OPENING = {
    "triggers": [{"event": "manual"}],
    "actions": [
        {
            "id": "opened",
            "action": "incident.create",
            "config": {"title": "Opened by a run", "severity": "minor", "systemIds": ["checkout"]},
        }
    ],
}
_SECRET = "correct-horse-battery"


def settings_of(url: str) -> Settings:
    """Return the settings of a domain that runs automations."""
    return Settings(
        database_url=url, sqlite_synchronous="NORMAL", poll_seconds=0.05, webhooks=False, secret_key=SECRET_KEY
    )


@asynccontextmanager
async def quiet_domain(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Run a domain whose erasures and maintenance only the test drives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.services.forgetting.making.ErasureWork", DrivenErasureWork)
        patch.setattr("domain.services.maintenance.service.MaintenanceClock", DrivenMaintenanceClock)
        async with running_domain(settings, clock=clock) as domain:
            yield domain


@cache
def _history() -> bytes:
    """Return the export of another database."""

    async def filled() -> bytes:
        async with fresh_database("sqlite") as url:
            clock = SteppingClock()
            settings = Settings(database_url=url, automations=False, sqlite_synchronous="NORMAL")
            async with quiet_domain(settings, clock) as domain:
                await lively(domain, clock)
                return await exported(domain)

    return asyncio.run(filled())


async def fill(domain: Domain) -> None:
    """Write something of everything, after a history that comes from elsewhere."""
    with TemporaryDirectory() as folder:
        data = await asyncio.to_thread(_history)
        _, heard = await imported(domain, Path(folder) / "history", data)
        assert heard.refusals == []
    clock = domain.clock
    assert isinstance(clock, SteppingClock)
    await make_system(domain, "billing", description="Rechnungen")
    await domain.systems.update(ADMIN, UpdateSystem(system="billing", name="Billing and more"))
    fields = {"severity": Severity.MINOR, "title": "Langsam", "systems": ["billing"], "dedupe_key": "slow"}
    command = CreateIncident(**fields, initial_message="We look into it", dedupe_open_for_system=True)  # type: ignore[arg-type]
    for key in ("once", "twice", "once"):
        await domain.incidents.create(ADMIN, command, idempotency_key=key)
    incident = await make_incident(domain, "billing", "payments", health_override=HealthOverride.UNHEALTHY)
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/d/2"))
    await domain.responders.acknowledge(AMINA, incident.id)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Schlimmer", severity=Severity.CRITICAL))
    await domain.incidents.resolve(ADMIN, incident.id)
    gone = await make_incident(domain, "payments")
    await domain.incidents.delete(ADMIN, gone.id)
    for status in (Health.DEGRADED, Health.UNHEALTHY, Health.HEALTHY):
        await report_health(domain, "billing", status, message="a check")
    await report_health(domain, "payments", Health.DEGRADED)
    window = await make_maintenance(domain, "billing", begins=1, hours=2)
    clock.advance(hours=2)
    await domain.maintenance.timer.run_once()
    begun = await inside(domain).database.read(lambda session: session.maintenance.get_many([window.id]))
    assert begun[window.id].active
    await make_pending_delivery(domain)
    await make_secret(domain)
    await _run(domain)
    await make_system(domain, "former")
    await report_health(domain, "former", Health.UNHEALTHY)
    await domain.systems.delete(ADMIN, "former")
    await forget(domain, AMINA.actor.id)


async def finish_erasures(domain: Domain) -> None:
    """Have everybody forgotten whose erasure is under way."""
    await work(domain)


async def found_in(domain: Domain) -> list[Finding]:
    """Return all that an inspection finds."""
    return await inside(domain).database.read(found_by)


async def found_by(session: ReadSession) -> list[Finding]:
    """Return all that an inspection finds within a transaction."""
    scope = await scope_of(session, is_sqlite=session.connection.dialect.name == "sqlite")
    return [finding async for finding in findings(scope)]


async def _run(domain: Domain) -> None:
    """Have a run open an incident, and write what it knows of a secret."""
    automation = await make_automation(domain, "opener", definition=OPENING)
    run = await start_run(domain, automation)

    async def is_over() -> bool:
        return (await inside(domain).database.read(lambda session: session.runs.get_many([run.id])))[
            run.id
        ].status.is_final

    await until_it_is(is_over)
    [incident] = {change.entity_id for change in await log_of(domain) if change.cause.run_id == run.id} - {run.id}
    inside(domain).masker.register(run.id, [_SECRET])
    origin = Origin(actor=ADMIN.actor, run_id=run.id)
    told = UpdateIncident(id=incident, title=f"It said {_SECRET}", description=f"{_SECRET}, twice {_SECRET}")
    await inside(domain).database.write(lambda unit: domain.incidents.update_in(unit, told, origin=origin))
