"""Pruning, and its effect on readers of the log."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import CursorExpiredError
from domain.model.paging import PageRequest
from domain.model.webhook import WebhookDeliveryFilter
from domain.services.upkeep import Upkeep
from domain.settings import Settings
from domain.webhooks.drafting import WriteWebhook
from tests.conftest import SteppingClock
from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.domain.alerts.sending import make_monitor
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_pending_delivery
from tests.inside import inside


def _upkeep(domain: Domain, clock: SteppingClock, days: int) -> Upkeep:
    return Upkeep(database=inside(domain).database, clock=clock, event_retention_days=days)


async def test_old_changes_are_pruned_and_the_floor_moves(domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain)
    clock.advance(days=8)
    newer = await make_incident(domain, "payments")
    await _upkeep(domain, clock, days=7).run_once()
    assert [change.entity_id for change in await log_of(domain)] == [newer.id]
    assert await inside(domain).database.read(lambda session: session.changes.floor()) == 2
    assert await domain.events.head() == 3
    assert list(await domain.reads.incidents([incident.id])) == [incident.id]


async def test_the_head_stays_where_it_was_when_the_log_is_pruned(domain: Domain, clock: SteppingClock) -> None:
    await make_incident(domain)
    await make_incident(domain, "payments")
    clock.advance(days=8)
    await _upkeep(domain, clock, days=7).run_once()
    assert (await log_of(domain), await domain.events.head()) == ([], 3)
    await make_incident(domain, "payments")
    assert [change.seq for change in await log_of(domain)] == [4]


async def test_the_log_is_not_pruned_without_a_retention(domain: Domain, clock: SteppingClock) -> None:
    await make_incident(domain)
    clock.advance(days=10_000)
    await _upkeep(domain, clock, days=0).run_once()
    assert len(await log_of(domain)) == 1


async def test_a_cursor_before_the_floor_has_expired_and_one_at_the_floor_has_not(
    domain: Domain, clock: SteppingClock
) -> None:
    await make_incident(domain)
    for _ in range(2):
        await make_incident(domain, "payments")
    clock.advance(days=8)
    await _upkeep(domain, clock, days=7).run_once()
    assert await domain.events.start_of(inside(domain).cursors.position(4)) == 4
    with pytest.raises(CursorExpiredError):
        await domain.events.start_of(inside(domain).cursors.position(3))
    with pytest.raises(CursorExpiredError):
        await domain.events.start_of(inside(domain).cursors.position(5))


async def test_a_start_prunes_what_is_due(domain: Domain, settings: Settings, clock: SteppingClock) -> None:
    await make_incident(domain)
    clock.advance(days=8)
    async with running_domain(replace(settings, event_retention_days=7), clock=clock) as started:
        # Stopping waits for what has begun.
        await started.events.head()
    assert await log_of(domain) == []


@on_one_database
async def test_upkeep_stops_when_asked_to(domain: Domain, clock: SteppingClock) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(_upkeep(domain, clock, days=1).run(stopping))
    stopping.set()
    async with asyncio.timeout(60):
        await running
    assert running.exception() is None


async def test_old_deliveries_and_alerts_that_ended_are_pruned(domain: Domain, clock: SteppingClock) -> None:
    monitor = await make_monitor(domain)
    at, end = clock.now() - timedelta(minutes=2), clock.now() - timedelta(minutes=1)
    ended, firing = prometheus_alert("Ended", at, end), prometheus_alert("Firing", at)
    await monitor.send(alertmanager(ended, firing))
    clock.advance(days=31)
    await monitor.send(alertmanager(firing))
    database = inside(domain).database
    await Upkeep(database=database, clock=clock, event_retention_days=0, delivery_retention_days=30).run_once()
    assert [delivery.outcome for delivery in await monitor.deliveries()] == ["unchanged"]
    assert await monitor.alerts() == {firing["fingerprint"]: (True, True)}


async def test_old_deliveries_to_webhooks_are_pruned_but_not_what_is_still_to_be_sent(
    domain: Domain, clock: SteppingClock
) -> None:
    pending, (off, _) = await make_pending_delivery(domain), await make_pending_delivery(domain)
    await domain.webhooks.service.update(ADMIN, off.id, WriteWebhook(enabled=False))
    clock.advance(days=31)
    database = inside(domain).database
    await Upkeep(database=database, clock=clock, event_retention_days=0, delivery_retention_days=30).run_once()
    page = await domain.webhooks.service.delivery_page(PageRequest(), WebhookDeliveryFilter())
    assert {delivery.webhook_id for delivery in page.items} == {pending[0].id}
