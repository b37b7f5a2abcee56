"""Visitors for tests, and what drives their messages by hand."""

from collections.abc import Sequence
from random import SystemRandom

from domain.bootstrap import Domain
from domain.messaging.leasing import LeasedWorker
from domain.model.paging import PageRequest
from domain.model.visitor import VisitorKind, VisitorSubscription
from domain.visitors.delivering import VisitorQueues
from domain.visitors.service import Subscribe
from tests.domain.visitors.mailbox import Mailbox
from tests.domain.webhooks.receiver import Receiver
from tests.inside import inside

ANN = "ann@example.org"


async def ask(domain: Domain, address: str = ANN, *systems: str, kind: VisitorKind | None = None) -> None:
    """Ask for messages to an address, and send what follows."""
    of_web = VisitorKind.WEBHOOK if "://" in address else VisitorKind.MAIL
    await domain.visitors.service.subscribe(Subscribe(kind=kind or of_web, address=address, systems=systems))
    await domain.visitors.deliverer.run_pending()


async def join(domain: Domain, box: Mailbox, address: str = ANN, *systems: str) -> None:
    """Subscribe a mail address, and confirm that."""
    await domain.visitors.changes.register()
    await ask(domain, address, *systems)
    assert await domain.visitors.service.confirm(box.received.pop().link("confirm"))


async def join_hook(domain: Domain, receiver: Receiver, *systems: str) -> str:
    """Subscribe the URL of a receiver, confirm that, and return the secret that it was sent."""
    await domain.visitors.changes.register()
    await ask(domain, receiver.url, *systems)
    data = receiver.received.pop().json["data"]
    assert await domain.visitors.service.confirm(data["confirmUrl"].partition("token=")[2])
    return str(data["secret"])


async def queue(domain: Domain) -> None:
    """Queue all that was written."""
    await inside(domain).tail.read_now()
    await domain.visitors.changes.run_pending()
    while await domain.visitors._queueing.spread():
        pass


async def deliver(domain: Domain) -> None:
    """Queue all that was written, and send what is due."""
    await queue(domain)
    await domain.visitors.deliverer.run_pending()


async def subscriptions(domain: Domain) -> Sequence[VisitorSubscription]:
    """Return all subscriptions, newest first."""
    page = await domain.visitors.service.page(PageRequest(size=100))
    return [shown.subscription for shown in page.items]


async def queued(domain: Domain) -> int:
    """Return the number of messages that are yet to be sent."""
    return await inside(domain).database.read(lambda session: session.visitor_queues.count())


def another_process(domain: Domain) -> LeasedWorker:  # type: ignore[type-arg] # of what, tests do not ask
    """Return the sending of a second process on the same database."""
    queues = VisitorQueues(
        queueing=domain.visitors._queueing, sender=domain.visitors.service._sender, chance=SystemRandom().random
    )
    return LeasedWorker("visitors", database=inside(domain).database, clock=domain.clock, queues=queues)
