"""Removals of an entity during another write of it."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.entities.handle import Applied
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.model.change import ChangeAction
from domain.model.incident import Incident, Status
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.messaging.changes import until_it_is
from tests.factories import ADMIN, log_of, make_incident
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("shared", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_a_removal_waits_for_a_concurrent_write_and_has_the_next_version(shared: Domain) -> None:
    domain = shared
    incident = await make_incident(domain)
    written, commit = asyncio.Event(), asyncio.Event()

    async def resolve(unit: UnitOfWork) -> None:
        async def resolved(before: Snapshot[Incident] | None) -> Applied[Incident]:
            after = incident.with_status(Status.RESOLVED, at=domain.clock.now())
            await unit.incidents.save(incident, after, now=unit.moment())
            return Applied(after=snapshot_of(after))

        await inside(domain).handle.mutate(unit, incident.id, resolved)
        written.set()
        await commit.wait()

    resolving = asyncio.create_task(inside(domain).database.write(resolve))
    await written.wait()
    removing = asyncio.create_task(domain.incidents.delete(ADMIN, incident.id))
    try:
        await until_it_is(partial(_someone_waits, domain))
    finally:
        commit.set()
    await asyncio.gather(resolving, removing)

    removed = (await log_of(domain, incident))[-1]
    assert (removed.action, removed.version) == (ChangeAction.DELETED, 3)
    assert removed.prev is not None
    assert removed.prev["status"] == "resolved"


async def _someone_waits(domain: Domain) -> bool:
    waiting = sa.text(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(await inside(domain).database.read(lambda session: session.connection.scalar(waiting)))
