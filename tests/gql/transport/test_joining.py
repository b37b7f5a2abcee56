"""Joining of groups: each change comes once and in order, whatever happens during the catch-up."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from domain.bootstrap import Domain
from domain.model.change import Change
from domain.model.commands import AddIncidentUpdate, UpdateIncident
from domain.model.incident import Incident
from tests.examples import share
from tests.factories import ADMIN, log_of, make_incident, make_system
from tests.gql.transport.sockets import Raw, Running, until
from tests.inside import inside

DOCUMENT = """subscription S($after: String, $f: IncidentEventFilter) {
  incidentChanges(after: $after, filter: $f) { id }
}"""
FILTERS = [None, {"system": {"in": ["payments"]}}, {"system": {"in": ["search"]}}]
STEPS = 120


@dataclass(eq=False)
class Subscriber:
    """One subscription with its received events."""

    id: str
    filter: int
    after: int | None
    #: It has left, so that its received events may end anywhere.
    left: bool = False
    received: list[str] = field(default_factory=list)


class Listener:
    """A socket with many subscriptions."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self.subscribers: dict[str, Subscriber] = {}
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            message = await self.raw.next()
            assert message["type"] == "next", message
            self.subscribers[message["id"]].received.append(message["payload"]["data"]["incidentChanges"]["id"])


class Crowd:
    """Subscribers that come and go at random, and writers."""

    def __init__(
        self, domain: Domain, dice: random.Random, incidents: list[Incident], listeners: list[Listener]
    ) -> None:
        self._domain = domain
        self._dice = dice
        self._incidents = incidents
        self._listeners = listeners
        self._writes: set[asyncio.Task[None]] = set()
        self.subscribers: list[Subscriber] = []

    @property
    def staying(self) -> list[Subscriber]:
        """Return the subscribers that have not left."""
        return [subscriber for subscriber in self.subscribers if not subscriber.left]

    async def step(self) -> None:
        """Do one random step and yield to the event loop."""
        step = self._dice.random()
        listener = self._dice.choice(self._listeners)
        if step < 0.5:
            self._writes.add(asyncio.create_task(self._write()))
        elif step < 0.8:
            await self._join(listener)
        else:
            await self._leave(listener)
        for _ in range(self._dice.randrange(20)):
            await asyncio.sleep(0)

    async def written(self) -> None:
        """Return when all writes are committed."""
        await asyncio.gather(*self._writes)

    async def _write(self) -> None:
        incident = self._dice.choice(self._incidents)
        if self._dice.random() < 0.3:
            systems = self._dice.choice([["payments"], ["search"], ["payments", "search"]])
            await self._domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=systems))
        else:
            await self._domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Hm"))

    async def _join(self, listener: Listener) -> None:
        head = await self._domain.events.head()
        after = self._dice.choice([None, head, self._dice.randint(0, head)])
        subscriber = Subscriber(str(len(self.subscribers)), self._dice.randrange(len(FILTERS)), after)
        self.subscribers.append(subscriber)
        listener.subscribers[subscriber.id] = subscriber
        cursor = None if after is None else inside(self._domain).cursors.position(after)
        await listener.raw.subscribe(DOCUMENT, id=subscriber.id, after=cursor, f=FILTERS[subscriber.filter])

    async def _leave(self, listener: Listener) -> None:
        staying = [subscriber for subscriber in listener.subscribers.values() if not subscriber.left]
        if staying:
            leaving = self._dice.choice(staying)
            leaving.left = True
            await listener.raw.send({"id": leaving.id, "type": "complete"})


@pytest.mark.parametrize("seed", range(share(6)))
async def test_each_subscriber_gets_each_change_once_in_order_while_others_come_and_go(
    served: Running, domain: Domain, seed: int
) -> None:
    await make_system(domain, "search")
    incidents = [await make_incident(domain) for _ in range(3)]
    async with AsyncExitStack() as stack:
        listeners = [Listener(await stack.enter_async_context(served.socket())) for _ in range(4)]
        crowd = Crowd(domain, random.Random(seed), incidents, listeners)
        for _ in range(STEPS):
            await crowd.step()
        await crowd.written()
        await until(lambda: served.members == len(crowd.staying))
        # On both systems, so that every subscriber gets it.
        last = await make_incident(domain, "payments", "search")
        log = [change for change in await log_of(domain) if change.kind == "incident"]
        assert log[-1].entity_id == last.id
        await until(lambda: all(subscriber.received[-1:] == [log[-1].id] for subscriber in crowd.staying))
        for listener in listeners:
            listener.reading.cancel()
            await asyncio.wait({listener.reading})
    ids = await domain.reads.system_ids(["payments", "search"])
    for subscriber in crowd.subscribers:
        system = [None, ids["payments"], ids["search"]][subscriber.filter]
        _check(subscriber, [change.id for change in log if _wants(subscriber, change, system)])
    await until(served.idle)


async def test_a_cursor_ahead_of_the_feed_joins_without_a_duplicate(served: Running, domain: Domain) -> None:
    async with served.socket() as raw:
        await raw.subscribe(DOCUMENT, id="warm")
        await until(lambda: served.members == 1)
        incident = await make_incident(domain)
        after = inside(domain).cursors.position(await domain.events.head())
        await raw.subscribe(DOCUMENT, after=after)
        await until(lambda: served.members == 2)
        await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Hm"))
        received = [(await raw.next())["id"] for _ in range(3)]
    assert sorted(received) == ["1", "warm", "warm"]


def _check(subscriber: Subscriber, wanted: list[str]) -> None:
    received = subscriber.received
    if subscriber.after is None:
        # From some moment on; where it is still there, up to the end.
        start = wanted.index(received[0]) if received else len(wanted)
        wanted = wanted[start:]
    assert received == (wanted[: len(received)] if subscriber.left else wanted)


def _wants(subscriber: Subscriber, change: Change, system: str | None) -> bool:
    states = (change.before or {}, change.after or {})
    touches = system is None or any(system in state.get("system_ids", ()) for state in states)
    return touches and change.seq > (subscriber.after or 0)
