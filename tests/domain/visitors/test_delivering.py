"""The delivery to visitors: one server sends, at least once, and what becomes of addresses that fail."""

import asyncio
from dataclasses import replace

import pytest

from domain.bootstrap import Domain, running_domain
from domain.messaging import readers
from domain.model.incident import Status
from domain.model.visitor import VisitorState
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.visitors.mailbox import Mailbox
from tests.domain.visitors.making import (
    ANN,
    another_process,
    ask,
    deliver,
    join,
    join_hook,
    queue,
    queued,
    subscriptions,
)
from tests.domain.webhooks.receiver import Reply, is_signed, receiving
from tests.factories import make_incident, make_system, set_status
from tests.inside import inside


@on_one_database
async def test_a_visitor_is_told_what_happens_once_they_have_confirmed(domain: Domain, box: Mailbox) -> None:
    await domain.visitors.changes.register()
    await ask(domain)
    await make_incident(domain, title="Before")
    await deliver(domain)
    assert box.subjects == ["Please confirm your subscription"]
    await domain.visitors.service.confirm(box.received[0].link("confirm"))
    await make_incident(domain, title="After")
    await deliver(domain)
    assert box.subjects[1:] == ["New incident: After"]


@on_one_database
async def test_what_no_server_queued_for_a_day_is_no_news(domain: Domain, box: Mailbox, clock: SteppingClock) -> None:
    await join(domain, box)
    await make_incident(domain, title="Long ago")
    clock.advance(hours=25)
    await make_incident(domain, title="Now")
    await deliver(domain)
    assert box.subjects == ["New incident: Now"]


@pytest.mark.parametrize("visitors", [0, 1])
async def test_news_is_noted_only_where_there_is_a_visitor_to_tell(
    domain: Domain, box: Mailbox, monkeypatch: pytest.MonkeyPatch, visitors: int
) -> None:
    # As it is once many changes were passed by: the next ones are handled, whomever they concern.
    monkeypatch.setattr(readers, "_UNWRITTEN", 0)
    await domain.visitors.changes.register()
    for _ in range(visitors):
        await join(domain, box)
    await make_incident(domain)
    await inside(domain).tail.read_now()
    assert await domain.visitors.changes.run_pending() > 0
    assert await inside(domain).database.read(lambda session: session.visitor_queues.has_notice()) is bool(visitors)


async def test_two_servers_send_each_message_once(domain: Domain, box: Mailbox) -> None:
    for number in range(6):
        await join(domain, box, f"visitor{number}@example.org")
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.RESOLVED)
    await queue(domain)
    await asyncio.gather(domain.visitors.deliverer.run_pending(), another_process(domain).run_pending())
    await deliver(domain)
    assert len(box.received) == len({mail.id for mail in box.received}) == 12
    assert await queued(domain) == 0


async def test_two_servers_queue_each_message_once(
    domain: Domain, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.visitors.queueing._BATCH", 2)
    for number in range(5):
        await join(domain, box, f"visitor{number}@example.org")
    await make_incident(domain)
    await queue(domain)
    assert await queued(domain) == 5
    await make_incident(domain, title="Another")

    async def spread() -> None:
        while await domain.visitors._queueing.spread():
            pass

    await domain.visitors.changes.run_pending()
    await asyncio.gather(queue(domain), spread(), spread())
    assert await queued(domain) == 10


async def test_a_server_that_dies_between_sending_and_noting_leaves_the_message_to_another_with_its_id(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await join(domain, box)
    await make_incident(domain)
    await queue(domain)
    box.came.clear()
    box.until = asyncio.Event()
    dying = asyncio.create_task(domain.visitors.deliverer.run_pending())
    await box.came.wait()
    held, box.until = box.until, None
    other = another_process(domain)
    await other.run_pending()
    # The lease holds for as long as the first one might live.
    assert len(box.received) == 1
    clock.advance(minutes=2)
    await other.run_pending()
    first, second = box.received
    assert (first.id, first.raw) == (second.id, second.raw)
    held.set()
    await dying
    assert (len(box.received), await queued(domain)) == (2, 0)


async def test_a_stop_leaves_what_is_being_sent_to_others_at_once(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    await make_incident(domain)
    await queue(domain)
    box.came.clear()
    box.until = asyncio.Event()
    sending = asyncio.create_task(domain.visitors.deliverer.run_pending())
    await box.came.wait()
    held, box.until = box.until, None
    domain.visitors.deliverer.stop()
    await sending
    await another_process(domain).run_pending()
    held.set()
    assert (len({mail.id for mail in box.received}), await queued(domain)) == (1, 0)


async def test_who_leaves_is_sent_nothing_more(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    await make_incident(domain)
    await deliver(domain)
    token = box.received[0].link("leave")
    await make_incident(domain, title="Another")
    await queue(domain)
    assert [await domain.visitors.service.leave(token) for _ in range(2)] == [True, False]
    await deliver(domain)
    assert (len(box.received), await subscriptions(domain)) == (1, [])


async def test_an_address_that_the_mail_server_refuses_is_paused_until_it_is_confirmed_again(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await join(domain, box)
    await join(domain, box, "ben@example.org")
    box.refusal = lambda to: f"550 5.1.1 <{to}> is unknown here" if to == ANN else None
    await make_incident(domain)
    await deliver(domain)
    _, ann = await subscriptions(domain)
    assert (ann.state, ann.paused_reason) == (VisitorState.PAUSED, "The mail server refused the address with 550.")
    box.refusal = lambda _to: None
    await make_incident(domain, title="Another")
    clock.advance(hours=1)
    await deliver(domain)
    assert {mail.to for mail in box.received} == {"ben@example.org"}
    await ask(domain)
    await domain.visitors.service.confirm(box.received.pop().link("confirm"))
    await make_incident(domain, title="A third")
    await deliver(domain)
    assert {mail.to for mail in box.received if "third" in mail.subject} == {ANN, "ben@example.org"}
    assert (await subscriptions(domain))[1].paused_at is None


@on_one_database
@pytest.mark.parametrize("answer", ["554 5.7.1 Relay access denied", "550 5.7.1 You are on a list", "450 4.2.0 Later"])
async def test_what_a_mail_server_has_against_this_server_pauses_nobody(
    domain: Domain, box: Mailbox, clock: SteppingClock, answer: str
) -> None:
    await join(domain, box)
    box.refusal = lambda _to: answer
    incident = await make_incident(domain)
    await deliver(domain)
    await set_status(domain, incident, Status.RESOLVED)
    [ann] = await subscriptions(domain)
    assert (ann.state, ann.failing_since is not None) == (VisitorState.CONFIRMED, True)
    box.refusal = lambda _to: None
    clock.advance(minutes=1)
    await deliver(domain)
    # In order, and each once.
    assert [subject.partition(":")[0] for subject in box.subjects] == ["New incident", "Resolved"]
    assert (await subscriptions(domain))[0].failing_since is None


@on_one_database
async def test_a_mail_that_is_refused_for_itself_is_given_up_alone(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    box.data_refusal = "554 5.6.0 I do not like this"
    await make_incident(domain)
    await deliver(domain)
    assert (await queued(domain), (await subscriptions(domain))[0].state) == (0, VisitorState.CONFIRMED)
    box.data_refusal = None
    await make_incident(domain, title="Another")
    await deliver(domain)
    assert box.subjects == ["New incident: Another"]


async def test_a_mail_server_that_is_away_for_hours_loses_nothing(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await join(domain, box)
    box.refusal = lambda _to: "421 4.3.2 Down"
    incident = await make_incident(domain)
    for _ in range(12):
        await deliver(domain)
        clock.advance(minutes=20)
    await set_status(domain, incident, Status.RESOLVED)
    box.refusal = lambda _to: None
    clock.advance(hours=3)
    await deliver(domain)
    assert [subject.partition(":")[0] for subject in box.subjects] == ["New incident", "Resolved"]


@on_one_database
async def test_an_address_that_fails_for_five_days_is_paused(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await join(domain, box)
    box.refusal = lambda _to: "451 4.3.0 Later"
    for _ in range(14):
        await make_incident(domain, title="Again")
        await deliver(domain)
        clock.advance(hours=10)
    [ann] = await subscriptions(domain)
    assert (ann.state, await queued(domain)) == (VisitorState.PAUSED, 0)


@on_one_database
async def test_a_webhook_is_sent_signed_events(domain: Domain) -> None:
    async with receiving() as receiver:
        secret = await join_hook(domain, receiver)
        incident = await make_incident(domain)
        await set_status(domain, incident, Status.RESOLVED, message="Over")
        await deliver(domain)
        first, second = receiver.received
    assert all(is_signed(each, secret) for each in (first, second))
    assert first.headers["content-type"] == "application/cloudevents+json"
    assert {name: second.json[name] for name in ("specversion", "id", "type", "subject")} == {
        "specversion": "1.0",
        "id": second.id,
        "type": "dev.incidentql.public.incident.resolved.v1",
        "subject": f"incident/{incident.id}",
    }
    assert second.json["text"].startswith("Resolved: Checkout fails\n\nINC-1, resolved, major\n")
    assert second.json["data"]["incident"]["systems"] == ["Payments"]
    assert [update["message"] for update in second.json["data"]["updates"]] == ["Over"]
    token = second.json["data"]["leaveUrl"].partition("token=")[2]
    assert await domain.visitors.service.leave(token)


@on_one_database
async def test_a_webhook_that_is_gone_is_paused(domain: Domain) -> None:
    async with receiving() as receiver:
        await join_hook(domain, receiver)
        receiver.answers(410)
        await make_incident(domain)
        await deliver(domain)
    [hook] = await subscriptions(domain)
    assert hook.state is VisitorState.PAUSED
    assert hook.paused_reason is not None
    assert "410" in hook.paused_reason


@on_one_database
async def test_a_webhook_is_retried_with_its_id_as_it_asks(domain: Domain, clock: SteppingClock) -> None:
    async with receiving() as receiver:
        await join_hook(domain, receiver)
        receiver.answers(429, retry_after="1200")
        await make_incident(domain)
        await deliver(domain)
        clock.advance(minutes=10)
        await deliver(domain)
        assert len(receiver.received) == 1
        receiver.answers(204)
        clock.advance(minutes=11)
        await deliver(domain)
        first, second = receiver.received
    assert (first.id, first.body) == (second.id, second.body)


@on_one_database
async def test_slow_webhooks_do_not_hold_up_mails(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    async with receiving() as receiver:
        await join_hook(domain, receiver)
        held = asyncio.Event()
        receiver.reply = lambda _headers, _body: Reply(until=held)
        await make_incident(domain)
        await queue(domain)
        box.came.clear()
        sending = asyncio.create_task(domain.visitors.deliverer.run_pending())
        async with asyncio.timeout(30):
            await box.came.wait()
        assert box.subjects == ["New incident: Checkout fails"]
        held.set()
        await sending


@on_one_database
async def test_nothing_is_told_where_the_public_may_read_nothing(
    settings: Settings, box: Mailbox, clock: SteppingClock
) -> None:
    async with running_domain(settings, clock=clock) as domain:
        await make_system(domain)
        await join(domain, box)
    async with running_domain(replace(settings, anonymous_access=False), clock=clock) as domain:
        await make_incident(domain)
        await deliver(domain)
        assert (domain.visitors.kinds(), await queued(domain), box.received) == ((), 0, [])


@on_one_database
async def test_a_running_server_tells_by_itself(settings: Settings, box: Mailbox, clock: SteppingClock) -> None:
    async with running_domain(replace(settings, webhooks=True), clock=clock) as domain:
        await join(domain, box)
        box.came.clear()
        await make_incident(domain)
        async with asyncio.timeout(30):
            await box.came.wait()
    assert box.subjects == ["New incident: Checkout fails"]
