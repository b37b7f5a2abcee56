"""A failover whose former primary goes on without its standby, and keeps all who write there waiting."""

import asyncio
import time
from contextlib import suppress

import asyncpg
import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import UnavailableError
from domain.model.incident import Incident
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.e2e.clusters import Cluster, running_pair
from tests.e2e.failover import Pair
from tests.factories import make_incident, make_system
from tests.inside import inside

pytestmark = pytest.mark.postgres
_DEADLINE_SECONDS = 90
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' OR wait_event_type = 'Lock'"


async def test_writes_that_wait_at_a_former_primary_keep_nobody_from_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("domain.persistence.engines._POOL_SECONDS", 2.0)
    async with running_pair() as servers:
        pair = Pair(*servers)
        await pair.synchronize()
        async with running_domain(Settings(database_url=pair.url, automations=False, webhooks=False)) as domain:
            await make_system(domain)
            await _open_all(domain)
            pair.standby.set("synchronous_standby_names = ''")
            await pair.standby.promote()
            former, most = pair.primary, inside(domain).measures.pools()["all"].most
            # The first commit waits for a standby that is none any more, the others for the lock that it holds.
            stuck = [asyncio.create_task(make_incident(domain, title=f"Stuck {number}")) for number in range(2 * most)]
            await _until_so_many_wait(former, most)
            former.set("default_transaction_read_only = on")
            await former.reload()

            written = await _written(domain)

            assert await domain.reads.incidents([written.id])
            assert not all(task.done() for task in stuck)
            former.kill()
            await asyncio.gather(*stuck, return_exceptions=True)


async def _open_all(domain: Domain) -> None:
    """Open as many connections as there may be, while there is one server that they lead to."""
    held = asyncio.Event()

    async def hold(_: ReadSession) -> None:
        await held.wait()

    database, most = inside(domain).database, inside(domain).measures.pools()["all"].most
    reads = [asyncio.create_task(database.read(hold)) for _ in range(most)]
    await _until_all_are_in_use(domain)
    held.set()
    await asyncio.gather(*reads)


async def _until_all_are_in_use(domain: Domain) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while (use := inside(domain).measures.pools()["all"]).in_use < use.most:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def _until_so_many_wait(former: Cluster, count: int) -> None:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    connection = await asyncpg.connect(former.url)
    while await connection.fetchval(_WAITING) < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await connection.close()


async def _written(domain: Domain) -> Incident:
    """Return an incident that is written as soon as that is possible."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with suppress(UnavailableError):
            return await make_incident(domain, title="After")
    raise AssertionError("nothing can be written")
