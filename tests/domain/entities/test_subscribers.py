"""Handlers that run on every change of a kind."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from domain.bootstrap import Domain, running_domain
from domain.entities.subscribers import ChangeSubscribers, Delivery
from domain.model.change import Change
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.messaging.changes import append, until
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")
#: What some prove of work queues does not depend on the database, and each takes a second to stop.
on_sqlite = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "shared", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """The domain that the tests of this module share."""
    return shared


class Heard:
    """A handler that notes what it got, and fails where it is told to."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.units: list[UnitOfWork | None] = []
        self.failing: set[int] = set()

    async def __call__(self, change: Change, unit: UnitOfWork | None) -> None:
        if change.seq in self.failing:
            raise RuntimeError("broken handler")
        self.seqs.append(change.seq)
        self.units.append(unit)


@pytest.fixture
def heard() -> Heard:
    """The handler of this test."""
    return Heard()


@pytest_asyncio.fixture(loop_scope="module")
async def subscribers(domain: Domain) -> AsyncIterator[ChangeSubscribers]:
    """The subscribers of this test, started."""
    async with not_started(domain) as subscribers:
        await subscribers.start()
        yield subscribers


@pytest.fixture
def group() -> str:
    """A group of this test alone."""
    return uuid.uuid4().hex


@asynccontextmanager
async def not_started(domain: Domain) -> AsyncIterator[ChangeSubscribers]:
    """Subscribers that the test starts itself."""
    subscribers = ChangeSubscribers(database=inside(domain).database, tail=inside(domain).tail, clock=domain.clock)
    yield subscribers
    await subscribers.stop()


async def test_a_handler_gets_the_changes_of_its_kind_in_order_and_no_others(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard
) -> None:
    subscribers.on_change(kind="widget", handler=heard)
    first = await append(domain, 2)
    await append(domain, 2, kind="gadget")
    second = await append(domain, 2)
    await until(lambda: len(heard.seqs) == 4)

    assert heard.seqs == first + second


async def test_changes_from_before_the_subscription_are_not_delivered(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard
) -> None:
    await append(domain, 2)
    await inside(domain).tail.read_now()
    subscribers.on_change(kind="widget", handler=heard)
    stored = await append(domain)
    await until(lambda: len(heard.seqs) == 1)

    assert heard.seqs == stored


async def test_by_default_every_process_gets_the_change_outside_of_a_transaction(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard
) -> None:
    elsewhere = Heard()
    async with running_domain(domain.settings) as other:
        subscription = inside(other).subscribers.on_change(kind="widget", handler=elsewhere)
        subscribers.on_change(kind="widget", handler=heard)
        stored = await append(domain)
        await until(lambda: heard.seqs == elsewhere.seqs == stored)

    assert subscription.delivery is Delivery.BROADCAST
    assert heard.units == [None]


async def test_of_a_work_queue_one_process_gets_the_change_with_its_transaction(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, group: str
) -> None:
    elsewhere = Heard()
    async with running_domain(domain.settings) as other:
        for process, handler in ((subscribers, heard), (inside(other).subscribers, elsewhere)):
            process.on_change(kind="widget", handler=handler, delivery=Delivery.WORK_QUEUE, group=group)
        stored = await append(domain, 10)
        await until(lambda: len(heard.seqs + elsewhere.seqs) >= 10)

    assert sorted(heard.seqs + elsewhere.seqs) == stored
    assert None not in heard.units + elsewhere.units


@on_sqlite
async def test_different_groups_each_get_the_change(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard
) -> None:
    other = Heard()
    for group, handler in ((uuid.uuid4().hex, heard), (uuid.uuid4().hex, other)):
        subscribers.on_change(kind="widget", handler=handler, delivery=Delivery.WORK_QUEUE, group=group)
    stored = await append(domain, 3)

    await until(lambda: heard.seqs == other.seqs == stored)


@on_sqlite
async def test_a_group_with_handlers_of_two_kinds_misses_no_change_of_either(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, group: str
) -> None:
    other = Heard()
    for kind, handler in (("widget", heard), ("gadget", other)):
        subscribers.on_change(kind=kind, handler=handler, delivery=Delivery.WORK_QUEUE, group=group)
    widgets, gadgets = [], []
    for _ in range(5):
        widgets += await append(domain)
        gadgets += await append(domain, kind="gadget")

    await until(lambda: heard.seqs == widgets and other.seqs == gadgets)


@on_sqlite
async def test_a_handler_that_left_its_work_queue_takes_no_change_from_those_who_stay(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, group: str
) -> None:
    gone = subscribers.on_change(kind="widget", handler=Heard(), delivery=Delivery.WORK_QUEUE, group=group)
    await gone.unsubscribe()
    subscribers.on_change(kind="widget", handler=heard, delivery=Delivery.WORK_QUEUE, group=group)
    stored = await append(domain, 5)

    await until(lambda: heard.seqs == stored)


@on_postgresql
async def test_a_new_work_queue_misses_nothing_that_is_written_right_after(
    domain: Domain, heard: Heard, group: str
) -> None:
    async with not_started(domain) as subscribers:
        subscribers.on_change(kind="widget", handler=heard, delivery=Delivery.WORK_QUEUE, group=group)
        await subscribers.start()
        stored = await asyncio.gather(*(append(domain) for _ in range(5)))

        await until(lambda: len(heard.seqs) == len(stored))


@pytest.mark.parametrize("group", [None, "", " "])
@on_sqlite
async def test_a_work_queue_without_a_group_is_refused(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, group: str | None
) -> None:
    with pytest.raises(ValueError, match="group"):
        subscribers.on_change(kind="widget", handler=heard, delivery=Delivery.WORK_QUEUE, group=group)


@pytest.mark.parametrize("kind", ["", " "])
@on_sqlite
async def test_a_subscription_of_a_blank_kind_is_refused(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, kind: str
) -> None:
    with pytest.raises(ValueError, match="non-empty string"):
        subscribers.on_change(kind=kind, handler=heard)


async def test_a_subscription_from_before_the_start_is_kept(domain: Domain, heard: Heard) -> None:
    async with not_started(domain) as subscribers:
        subscribers.on_change(kind="widget", handler=heard)
        await subscribers.start()
        stored = await append(domain)

        await until(lambda: heard.seqs == stored)


async def test_who_unsubscribes_hears_no_more_any_number_of_times(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard
) -> None:
    staying = Heard()
    subscription = subscribers.on_change(kind="widget", handler=heard)
    subscribers.on_change(kind="widget", handler=staying)
    stored = await append(domain)
    await until(lambda: heard.seqs == staying.seqs == stored)
    await subscription.unsubscribe()
    await subscription.unsubscribe()
    stored += await append(domain)
    await until(lambda: staying.seqs == stored)

    assert heard.seqs == stored[:1]


async def test_who_unsubscribes_before_the_start_hears_nothing(domain: Domain, heard: Heard) -> None:
    staying = Heard()
    async with not_started(domain) as subscribers:
        await subscribers.on_change(kind="widget", handler=heard).unsubscribe()
        subscribers.on_change(kind="widget", handler=staying)
        await subscribers.start()
        await append(domain)
        await until(lambda: len(staying.seqs) == 1)

    assert heard.seqs == []


async def test_stopping_detaches_everybody(domain: Domain, heard: Heard) -> None:
    async with not_started(domain) as subscribers:
        followers = inside(domain).tail.followers
        subscribers.on_change(kind="widget", handler=heard)
        await subscribers.start()
        await until(lambda: inside(domain).tail.followers == followers + 1)

    assert inside(domain).tail.followers == followers


async def test_a_handler_that_raises_is_logged_and_stops_neither_itself_nor_others(
    domain: Domain, subscribers: ChangeSubscribers, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    other = Heard()
    subscribers.on_change(kind="widget", handler=heard)
    subscribers.on_change(kind="widget", handler=other)
    head = await domain.events.head()
    heard.failing = {head + 1}
    stored = await append(domain, 2)
    await until(lambda: other.seqs == stored and heard.seqs == stored[1:])

    assert [(record.levelno, record.name) for record in caplog.records] == [
        (logging.ERROR, "domain.entities.subscribers")
    ]
