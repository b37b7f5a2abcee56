"""Deliveries to a real receiver: order, retries, leases and what becomes of receivers that fail."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.change import Change
from domain.model.incident import Incident, Status
from domain.model.webhook import Webhook, WebhookAudience, WebhookDeliveryStatus
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from domain.tracing import within
from domain.webhooks.bodies import Bodies, Body
from domain.webhooks.drafting import WriteWebhook
from domain.webhooks.system import WebhookSystem
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.webhooks.making import deliver, deliveries, found, make_webhook, queue
from tests.domain.webhooks.receiver import Receiver, Reply, is_signed, receiving
from tests.factories import ADMIN, make_incident, set_status
from tests.inside import inside


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings by which receivers on this machine may be called."""
    return replace(settings, http_allow=("127.0.0.1",))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Yield a receiver."""
    async with receiving() as running:
        yield running


async def walked(domain: Domain, *statuses: Status) -> Incident:
    """Open an incident and take it through these statuses."""
    incident = await make_incident(domain)
    for status in statuses:
        await set_status(domain, incident, status)
    return incident


def types_of(receiver: Receiver) -> list[str]:
    """Return the types of what was taken, in order."""
    return [each.json["type"].split(".")[3] for each in receiver.taken]


async def test_a_delivery_goes_on_with_the_trace_of_its_change(domain: Domain, receiver: Receiver) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await make_webhook(domain, receiver.url)
    await make_incident(domain)
    with within(parent):
        await make_incident(domain)
    await deliver(domain)
    # Those of two incidents may arrive in any order.
    first, second = sorted(receiver.received, key=lambda each: bool(each.json["traceparent"] == parent))
    assert first.json["traceparent"] == first.headers["traceparent"] != parent
    assert second.json["traceparent"] == second.headers["traceparent"] == parent


async def test_attempts_are_counted_by_what_became_of_them(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    await make_webhook(domain, receiver.url)
    await make_incident(domain)
    results = domain.webhooks.results
    receiver.answers(500)
    await deliver(domain)
    assert (results[WebhookDeliveryStatus.PENDING], results[WebhookDeliveryStatus.DELIVERED]) == (1, 0)
    receiver.answers(204)
    clock.advance(minutes=5)
    await deliver(domain)
    assert (results[WebhookDeliveryStatus.PENDING], results[WebhookDeliveryStatus.DELIVERED]) == (1, 1)


@on_one_database
async def test_events_come_as_signed_cloud_events_in_their_order(domain: Domain, receiver: Receiver) -> None:
    _, secret = await make_webhook(domain, receiver.url)
    incident = await walked(domain, Status.IDENTIFIED, Status.RESOLVED)
    await deliver(domain)
    assert types_of(receiver) == ["created", "updated", "resolved"]
    assert all(is_signed(each, secret) for each in receiver.received)
    [first, *_] = receiver.received
    assert first.headers["content-type"] == "application/cloudevents+json"
    assert {name: first.json[name] for name in ("specversion", "source", "type", "subject")} == {
        "specversion": "1.0",
        "source": "/incidentql",
        "type": "dev.incidentql.incident.created.v1",
        "subject": f"incident/{incident.id}",
    }
    assert first.json["traceparent"] == first.headers["traceparent"]
    assert first.json["data"]["payload"]["status"] == "investigating"
    sequences = [each.json["sequence"] for each in receiver.received]
    assert sequences == sorted(sequences)


@on_one_database
async def test_a_receiver_that_is_down_for_an_hour_gets_all_of_it_in_order(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    async with receiving() as other:
        await make_webhook(domain, receiver.url)
        await make_webhook(domain, other.url)
        receiver.answers(500)
        one = await walked(domain, Status.IDENTIFIED)
        two = await walked(domain, Status.IDENTIFIED, Status.RESOLVED)
        for _ in range(12):
            await deliver(domain)
            clock.advance(minutes=5)
        assert (len(other.taken), receiver.taken) == (5, [])
        # Of each incident only the first was tried: what follows waits for it.
        assert {each.json["subject"]: each.json["type"] for each in receiver.received} == {
            f"incident/{incident.id}": "dev.incidentql.incident.created.v1" for incident in (one, two)
        }
        receiver.answers(204)
        clock.advance(hours=2)
        await deliver(domain)
    of_two = [each.json["type"].split(".")[3] for each in receiver.taken if each.json["subject"].endswith(two.id)]
    assert (len(receiver.taken), of_two) == (5, ["created", "updated", "resolved"])
    assert {each.status for each in await deliveries(domain)} == {WebhookDeliveryStatus.DELIVERED}


@on_one_database
async def test_the_id_of_a_delivery_is_the_same_for_every_attempt(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    await walked(domain)
    for status in (0, 500, 302, 204):
        receiver.answers(status, location="http://169.254.169.254/")
        await deliver(domain)
        clock.advance(minutes=10)
    [delivery] = await deliveries(domain)
    assert [each.status for each in receiver.received] == [0, 500, 302, 204]
    assert {each.id for each in receiver.received} == {delivery.id}
    assert len({each.body for each in receiver.received}) == 1
    assert (delivery.attempts, delivery.response_status, delivery.reason) == (4, 204, None)
    assert (await found(domain, webhook)).failing_since is None


@on_one_database
async def test_a_slow_receiver_delays_nobody_else(domain: Domain, receiver: Receiver) -> None:
    held = asyncio.Event()
    receiver.reply = lambda _headers, _body: Reply(until=held)
    async with receiving() as other:
        await make_webhook(domain, receiver.url)
        await make_webhook(domain, other.url)
        for _ in range(6):
            await walked(domain)
        await queue(domain)
        delivering = asyncio.create_task(domain.webhooks.deliverer.run_pending())
        async with asyncio.timeout(30):
            while len(other.taken) < 6 or len(receiver.received) < 4:
                await other.came.wait() if len(other.taken) < 6 else await receiver.came.wait()
                other.came.clear()
                receiver.came.clear()
        # As many at a time as one webhook may have; the other one has all that is its own.
        assert (len(other.taken), len(receiver.received)) == (6, 4)
        held.set()
        await delivering
    assert len(receiver.taken) == 6


@on_one_database
async def test_a_process_rests_while_a_slow_receiver_has_as_many_as_it_may(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    held = asyncio.Event()
    receiver.reply = lambda _headers, _body: Reply(until=held)
    await make_webhook(domain, receiver.url)
    for _ in range(6):
        await walked(domain)
    await queue(domain)
    deliverer = domain.webhooks.deliverer
    running = asyncio.create_task(deliverer.run())
    async with asyncio.timeout(30):
        while len(receiver.received) < 4:
            await receiver.came.wait()
            receiver.came.clear()
        # Two queues are due all the while: a loop that looked at them again and again would never wait.
        while deliverer.wake not in clock._waiting:  # noqa: ASYNC110 - the clock sets no event for it
            await asyncio.sleep(0)
        held.set()
        while len(receiver.taken) < 6:
            await receiver.came.wait()
            receiver.came.clear()
    deliverer.stop()
    await running
    assert len(receiver.taken) == 6


@on_one_database
async def test_429_pauses_the_whole_webhook_for_as_long_as_it_says(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.answers(429, retry_after="900")
    await walked(domain)
    await deliver(domain)
    await walked(domain)
    await deliver(domain)
    assert len(receiver.received) == 1
    assert (await found(domain, webhook)).paused_until is not None
    receiver.answers(204)
    clock.advance(seconds=850)
    await deliver(domain)
    assert len(receiver.received) == 1
    clock.advance(seconds=60)
    await deliver(domain)
    assert len(receiver.taken) == 2


@on_one_database
async def test_410_disables_at_once_and_says_why(domain: Domain, receiver: Receiver) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.answers(410)
    await walked(domain)
    await deliver(domain)
    await walked(domain)
    await deliver(domain)
    gone = await found(domain, webhook)
    assert (gone.enabled, gone.disabled_reason) == (False, "The receiver answered 410 Gone: it wants nothing more.")
    assert len(receiver.received) == 1


@on_one_database
async def test_another_address_begins_without_the_failures_of_the_former_one(
    domain: Domain, receiver: Receiver
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.answers(429, retry_after="3600")
    await walked(domain)
    await deliver(domain)
    async with receiving() as other:
        await domain.webhooks.service.update(ADMIN, webhook.id, WriteWebhook(url=other.url))
        moved = await found(domain, webhook)
        assert (moved.failing_since, moved.paused_until) == (None, None)
        await walked(domain)
        await deliver(domain)
        assert types_of(other) == ["created"]


@on_one_database
async def test_an_answer_of_the_former_address_disables_no_webhook_that_moved(
    domain: Domain, receiver: Receiver
) -> None:
    held = asyncio.Event()
    receiver.reply = lambda _headers, _body: Reply(status=410, until=held)
    webhook, _ = await make_webhook(domain, receiver.url)
    await walked(domain)
    await queue(domain)
    sending = asyncio.create_task(domain.webhooks.deliverer.run_pending())
    await receiver.came.wait()
    async with receiving() as other:
        await domain.webhooks.service.update(ADMIN, webhook.id, WriteWebhook(url=other.url))
        held.set()
        await sending
        assert types_of(other) == ["created"]
    moved = await found(domain, webhook)
    assert (moved.enabled, moved.failing_since) == (True, None)


async def test_what_fails_for_a_day_is_parked_and_what_follows_goes_on(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.reply = lambda _headers, body: Reply(status=500 if b"incident.created" in body else 204)
    await walked(domain, Status.IDENTIFIED)
    for _ in range(60):
        await deliver(domain)
        clock.advance(minutes=30)
    parked, after = await deliveries(domain)
    assert (parked.status, parked.attempts) == (WebhookDeliveryStatus.PARKED, 11)
    assert (after.status, after.event) == (WebhookDeliveryStatus.DELIVERED, "incident.updated")
    assert (await found(domain, webhook)).gap_since == parked.occurred_at
    # The gap is closed by delivering it once more.
    receiver.answers(204)
    await domain.webhooks.service.redeliver_all(webhook.id, after=None)
    await deliver(domain)
    assert (await found(domain, webhook)).gap_since is None
    assert types_of(receiver) == ["updated", "created"]


@on_one_database
async def test_a_body_that_this_server_fails_to_make_is_parked_as_well(
    domain: Domain, receiver: Receiver, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_webhook(domain, receiver.url)
    make = Bodies.make

    async def fails_at_first(bodies: Bodies, webhook: Webhook, change: Change) -> Body | None:
        if change.version == 1:
            raise RuntimeError("such as of a change that another version wrote")
        return await make(bodies, webhook, change)

    monkeypatch.setattr(Bodies, "make", fails_at_first)
    await walked(domain, Status.RESOLVED)
    for _ in range(40):
        await deliver(domain)
        clock.advance(hours=1)
    parked, after = await deliveries(domain)
    assert (parked.status, parked.reason) == (WebhookDeliveryStatus.PARKED, "this server failed; its log has the error")
    assert after.status is WebhookDeliveryStatus.DELIVERED


@on_one_database
async def test_of_a_receiver_that_is_down_for_two_days_only_the_last_day_is_left(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    await make_webhook(domain, receiver.url)
    receiver.answers(500)
    incident = await walked(domain, Status.IDENTIFIED, Status.FIXING)
    for hour in range(48):
        if hour == 40:
            await set_status(domain, incident, Status.RESOLVED)
        await deliver(domain)
        clock.advance(hours=1)
    receiver.answers(204)
    clock.advance(hours=12)
    await deliver(domain)
    statuses = [each.status for each in await deliveries(domain)]
    assert statuses == [WebhookDeliveryStatus.PARKED] * 3 + [WebhookDeliveryStatus.DELIVERED]
    assert types_of(receiver) == ["resolved"]


@on_one_database
async def test_five_failing_days_disable_a_webhook(domain: Domain, receiver: Receiver, clock: SteppingClock) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.answers(500)
    for _ in range(11):
        await walked(domain)
        await deliver(domain)
        clock.advance(hours=12)
    disabled = await found(domain, webhook)
    assert not disabled.enabled
    assert disabled.disabled_reason is not None
    assert disabled.disabled_reason.endswith("failed; the last one: answered 500.")


async def test_everything_behind_a_cursor_is_delivered_once_more_under_its_ids(
    domain: Domain, receiver: Receiver
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    await walked(domain)
    await deliver(domain)
    cursor = receiver.received[0].json["data"]["cursor"]
    await walked(domain, Status.IDENTIFIED, Status.RESOLVED)
    await deliver(domain)
    before = [each.id for each in receiver.received]
    await domain.webhooks.service.redeliver_all(webhook.id, after=cursor)
    await deliver(domain)
    assert [each.id for each in receiver.received] == before + before[1:]


@on_one_database
async def test_one_delivery_is_sent_once_more(domain: Domain, receiver: Receiver) -> None:
    await make_webhook(domain, receiver.url)
    await walked(domain, Status.RESOLVED)
    await deliver(domain)
    [first, _] = await deliveries(domain)
    await domain.webhooks.service.redeliver(first.id)
    await deliver(domain)
    assert [each.id for each in receiver.received][2:] == [first.id]


def another_process(domain: Domain) -> WebhookSystem:
    """Return the webhooks of a second process on the same database."""
    parts = inside(domain)
    own = domain.webhooks
    return WebhookSystem(
        database=parts.database,
        clock=domain.clock,
        writer=own.service._writer,
        tail=parts.tail,
        cursors=parts.cursors,
        caller=own.service._sender._caller,
        keys=own.service._sender.secrets._keys,
    )


async def test_a_process_that_dies_leaves_its_deliveries_to_another(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    held = asyncio.Event()
    receiver.reply = lambda _headers, _body: Reply(until=held)
    await make_webhook(domain, receiver.url)
    await walked(domain, Status.RESOLVED)
    await queue(domain)
    dying = asyncio.create_task(domain.webhooks.deliverer.run_pending())
    await receiver.came.wait()
    receiver.answers(204)
    other = another_process(domain).deliverer
    await other.run_pending()
    # The lease holds for as long as the first one might live.
    assert len(receiver.received) == 1
    clock.advance(minutes=2)
    await other.run_pending()
    assert types_of(receiver)[1:] == ["created", "resolved"]
    held.set()
    await dying
    assert {each.status for each in await deliveries(domain)} == {WebhookDeliveryStatus.DELIVERED}
    assert len(receiver.received) == 3


async def test_two_processes_at_once_send_each_delivery_once(domain: Domain, receiver: Receiver) -> None:
    await make_webhook(domain, receiver.url)
    for _ in range(5):
        await walked(domain, Status.RESOLVED)
    await queue(domain)
    other = another_process(domain).deliverer
    await asyncio.gather(domain.webhooks.deliverer.run_pending(), other.run_pending())
    await deliver(domain)
    assert len(receiver.received) == len({each.id for each in receiver.received}) == 10


@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_what_is_queued_once_more_while_it_is_delivered_is_no_deadlock(
    domain: Domain, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    await walked(domain)
    await queue(domain)
    [delivery] = await deliveries(domain)
    caplog.set_level(logging.INFO, "domain.persistence")
    held, waiting = (
        asyncio.Event(),
        sa.text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ),
    )

    async def work(unit: UnitOfWork) -> None:
        await unit.webhooks.lock(webhook.id)
        held.set()
        while not await unit.webhooks._connection.scalar(waiting):
            await unit.webhooks._connection.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
        await unit.webhook_queues.add([delivery], urgent=True)

    again = asyncio.create_task(inside(domain).database.write(work))
    await held.wait()
    await asyncio.gather(again, domain.webhooks.deliverer.run_pending())
    assert "retrying a transaction" not in caplog.text
    assert len(receiver.received) == 1


@on_one_database
async def test_a_stop_breaks_the_sending_off_and_leaves_it_to_others_at_once(
    domain: Domain, receiver: Receiver
) -> None:
    held = asyncio.Event()
    receiver.reply = lambda _headers, _body: Reply(until=held)
    await make_webhook(domain, receiver.url)
    await walked(domain)
    await queue(domain)
    sending = asyncio.create_task(domain.webhooks.deliverer.run_pending())
    await receiver.came.wait()
    domain.webhooks.deliverer.stop()
    await sending
    receiver.answers(204)
    await another_process(domain).deliverer.run_pending()
    [delivery] = await deliveries(domain)
    assert (delivery.status, delivery.attempts) == (WebhookDeliveryStatus.DELIVERED, 1)
    held.set()


@on_one_database
async def test_a_rotated_secret_signs_beside_the_former_one_until_the_overlap_is_over(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    webhook, former = await make_webhook(domain, receiver.url)
    _, present = (await domain.webhooks.service.rotate(ADMIN, webhook.id, overlap=timedelta(hours=1))).value
    for _ in range(2):
        await walked(domain)
        await deliver(domain)
        clock.advance(hours=1)
    during, after = receiver.received
    assert (is_signed(during, present), is_signed(during, former)) == (True, True)
    assert (is_signed(after, present), is_signed(after, former)) == (True, False)


@on_one_database
async def test_a_public_webhook_gets_no_people_and_a_responders_one_does(domain: Domain) -> None:
    async with receiving() as public, receiving() as internal:
        await make_webhook(domain, public.url)
        await make_webhook(domain, internal.url, audience=WebhookAudience.RESPONDERS)
        incident = await make_incident(domain)
        await domain.responders.acknowledge(ADMIN, incident.id)
        await deliver(domain)

        def people(receiver: Receiver) -> Any:
            return receiver.received[-1].json["data"]["payload"]["acknowledgedBy"]["id"]

        assert (people(public), people(internal)) == (None, ADMIN.actor.id)


@on_one_database
async def test_a_disabled_webhook_gets_nothing_and_an_enabled_one_begins_anew(
    domain: Domain, receiver: Receiver
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url, enabled=False)
    await walked(domain)
    await deliver(domain)
    await domain.webhooks.service.update(ADMIN, webhook.id, WriteWebhook(enabled=True))
    await walked(domain)
    await deliver(domain)
    assert len(receiver.received) == 1


@on_one_database
async def test_pruning_takes_old_deliveries_and_the_queue_of_a_disabled_webhook_closes(
    domain: Domain, receiver: Receiver, clock: SteppingClock
) -> None:
    webhook, _ = await make_webhook(domain, receiver.url)
    receiver.answers(500)
    await walked(domain)
    await deliver(domain)
    await domain.webhooks.service.update(ADMIN, webhook.id, WriteWebhook(enabled=False))
    now = clock.now()
    await inside(domain).database.write(
        lambda unit: unit.webhook_deliveries.prune(before=now + timedelta(days=1), limit=10)
    )
    assert await deliveries(domain) == []
    await domain.webhooks.service.update(ADMIN, webhook.id, WriteWebhook(enabled=True))
    clock.advance(hours=1)
    await deliver(domain)
    assert len(receiver.received) == 1
