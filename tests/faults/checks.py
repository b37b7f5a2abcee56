"""The checks of what is there against what was acknowledged, seen and delivered."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from domain.automations.definitions.templates import definition_from
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.operating.findings import Finding
from domain.operating.verifying import verify
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.persistence.webhook_tables import webhook_queues
from domain.settings import Settings
from tests.e2e.audit import Truth, contradictions
from tests.e2e.automation_audit import Rules, findings, recorded, unfinished
from tests.e2e.webhooks import Result as Delivered
from tests.e2e.webhooks import count_pending, wanted_of
from tests.e2e.writers import Writers
from tests.factories import ADMIN
from tests.faults.load import unasked
from tests.faults.subscribers import Subscriber

RULES = Rules(degraded=timedelta(seconds=0.6), healthy=timedelta(seconds=0.6), noted="")
#: For so long nothing that is left to do may stand still, on however busy a machine.
_STUCK_SECONDS = 60.0
#: What is lost never comes; on a busy machine, what is late may take so long.
_LOST_SECONDS = 25.0


async def install(domain: Domain) -> None:
    """Add the automation that opens and resolves incidents by health."""
    seconds = {
        "degradedSeconds": RULES.degraded.total_seconds(),
        "healthySeconds": RULES.healthy.total_seconds(),
    }
    write = WriteAutomation(name="sustained", definition=definition_from("sustained", seconds))
    await domain.automations.service.create(ADMIN, write)


async def caught_up(subscribers: Sequence[Subscriber], truth: Truth) -> list[str]:
    """Wait until all subscribers saw what they have to, as long as anything comes; return what differs in the end."""
    moved, seen = time.monotonic(), -1
    while found := [fault for each in subscribers for fault in each.unlike(truth.log)]:
        count = sum(len(each.seen) for each in subscribers)
        if count != seen:
            moved, seen = time.monotonic(), count
        if time.monotonic() - moved > _LOST_SECONDS + _LOST_SECONDS * (not seen):
            return found
        await asyncio.sleep(0.1)
    return []


async def database_faults(url: str, truth: Truth, writers: Writers) -> list[str]:
    """Return what is wrong with the rows and the log, and with writes that were acknowledged or never sent."""
    found = [*contradictions(truth), *unasked(writers, truth), *writers.mistakes]
    found += [f"lost: {write}" for write in writers.missing(truth)]
    found += writers.repeated(truth)

    def tell(finding: Finding) -> None:
        found.append(f"verify: {finding}")

    await verify(Settings(database_url=url), tell)
    return found


async def automation_faults(database: Database, url: str, systems: Sequence[str]) -> list[str]:
    """Wait until no run is left, and return what is wrong with the incidents of the automation."""
    moved, head = time.monotonic(), 0
    while await _left(database, systems):
        if (seen := await database.read(lambda session: session.changes.head())) > head:
            moved, head = time.monotonic(), seen
        if time.monotonic() - moved > _STUCK_SECONDS:
            return ["the automation does not come to an end"]
        await asyncio.sleep(0.2)
    truth = await recorded(url, RULES)
    truth = replace(truth, incidents=[one for one in truth.incidents if one.run is not None])
    found = findings(truth)
    # Another automation would write them.
    del found["notes wrong"]
    return [f"automation: {name}: {what}" for name, whats in found.items() for what in whats]


async def _left(database: Database, systems: Sequence[str]) -> int:
    return sum([await database.read(partial(unfinished, system_id=system)) for system in systems])


async def webhook_faults(database: Database, delivered: Delivered, truth: Truth) -> list[str]:
    """Wait until everything is delivered, and return what is wrong with that."""
    delivered.wanted = wanted_of(truth.log)
    moved, left = time.monotonic(), (-1, -1)
    hurried, pause = moved, 1.0
    while True:
        present = (await database.read(count_pending), delivered.count)
        if not present[0] and not delivered.violations:
            return []
        if present != left:
            moved, left = time.monotonic(), present
        patience = _STUCK_SECONDS if present[0] else _LOST_SECONDS
        if time.monotonic() - moved > patience:
            break
        if time.monotonic() - max(moved, hurried) > pause:
            # Later each time: on a busy machine, leases that end too soon would let others repeat it all for ever.
            await database.write(_hurry)
            hurried, pause = time.monotonic(), 2 * pause
        await asyncio.sleep(0.2)
    found = [f"{present[0]} deliveries stay pending"] if present[0] else []
    return found + [f"webhook: {name}: {len(what)}: {what[:3]}" for name, what in delivered.violations.items()]


async def _hurry(unit: UnitOfWork) -> None:
    """End leases and waits for a next attempt, as if their time was over."""
    values = {"leased_until": None, "due_at": datetime.now(UTC) - timedelta(seconds=1)}
    await unit.connection.execute(sa.update(webhook_queues).values(values))
