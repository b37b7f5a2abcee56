"""A webhook and an automation that follow all writes of a test, and what everybody must have seen in the end."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import orjson
import sqlalchemy as sa
from typing_extensions import override

from domain.bootstrap import running_domain
from domain.model.webhook import WebhookDeliveryStatus
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.webhook_tables import webhook_deliveries
from domain.settings import Settings
from tests.e2e.api import Api
from tests.e2e.audit import contradictions, truth_of
from tests.e2e.automation_audit import Rules, findings, recorded, unfinished
from tests.e2e.subscriber import Subscriber
from tests.e2e.writers import Writers
from tests.inside import inside

DEADLINE_SECONDS = 90
_NOTED = "Somebody was called."
_RULES = Rules(degraded=timedelta(0), healthy=timedelta(0), noted=_NOTED)
_AUTOMATION = {
    "triggers": [{"event": "incident.created"}],
    "mode": "parallel",
    "max_runs": 100,
    "actions": [
        {"delay": {"seconds": 2}},
        {
            "action": "incident.add_update",
            "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": _NOTED},
        },
    ],
}
_CREATE_AUTOMATION = (
    "mutation ($input: CreateAutomationInput!) { createAutomation(input: $input) { userErrors { message } } }"
)
_DOCUMENT = "subscription { incidentChanges { id } }"
_FINDINGS = ("failed runs", "orphan runs", "lost wake-ups", "steps done twice", "notes wrong", "broken workflows")


class Receiver:
    """The receiver of a webhook, which takes everything."""

    def __init__(self) -> None:
        #: How often each change came.
        self.taken: Counter[str] = Counter()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen, and yield the address."""
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = re.search(rb"content-length: (\d+)", head)
            assert found is not None, head
            body = orjson.loads(await reader.readexactly(int(found[1])))
            self.taken[body["data"]["incidentChanges"]["id"]] += 1
            writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class KeepingWriters(Writers):
    """Writers that delete no incident: an automation comments on each."""

    @override
    async def _delete(self) -> None:
        await self._comment()


async def prepare(api: Api, hook: str) -> str:
    """Make the system where it is missing, the webhook and the automation, and return the cursor before these two."""
    after = str((await api.attempt("createSystem", key="payments", name="Payments"))["cursor"])
    await api.write("createWebhook", url=hook, document=_DOCUMENT, audience="RESPONDERS")
    given = {"name": "call", "definition": _AUTOMATION}
    made = (await api.run(_CREATE_AUTOMATION, input=given))["createAutomation"]
    assert made["userErrors"] == [], made
    return after


async def until(holds: Callable[[], Awaitable[bool]], since: float) -> float:
    """Return the seconds until a condition held; infinite where it never did."""
    while time.monotonic() - since < DEADLINE_SECONDS:
        if await holds():
            return time.monotonic() - since
        await asyncio.sleep(0.05)
    return float("inf")


async def settled(url: str) -> list[str]:
    """Wait until no run and no delivery is left to do; return what is."""

    async def left(session: ReadSession) -> int:
        pending = webhook_deliveries.c.status == WebhookDeliveryStatus.PENDING
        counted = await session.connection.scalar(sa.select(sa.func.count()).where(pending))
        return int(counted or 0) + await unfinished(session)

    async with running_domain(Settings(database_url=url), live=False) as domain:
        database = inside(domain).database

        async def is_done() -> bool:
            return not await database.read(left)

        seconds = await until(is_done, time.monotonic())
        print(f"  nothing left to do after {seconds:.1f} s", flush=True)
        return [] if seconds <= DEADLINE_SECONDS else [f"{await database.read(left)} runs and deliveries never ended"]


async def compared(
    url: str, writers: Writers, subscribers: Sequence[Subscriber], receiver: Receiver, *, after: str
) -> list[str]:
    """Hold what everybody saw after a cursor against what is stored, and return all differences."""
    truth = await truth_of(url)
    start = truth.cursors.read_position(after)
    expected = [change.id for change in truth.log if change.seq > start]
    found = [*contradictions(truth), *writers.missing(truth), *writers.repeated(truth), *writers.mistakes]
    for subscriber in subscribers:
        found += subscriber.refusals
        if subscriber.seen != expected:
            missed, invented = set(expected) - set(subscriber.seen), set(subscriber.seen) - set(expected)
            found.append(f"a subscriber missed {len(missed)}, {len(invented)} are invented, or the order is another")
    if lost := set(expected) - set(receiver.taken):
        found.append(f"the webhook missed {len(lost)}")
    if invented := set(receiver.taken) - set(expected):
        found.append(f"the webhook got {len(invented)} that never were")
    earlier = {change.entity_id for change in truth.log if change.seq <= start}
    automations = await recorded(url, _RULES)
    automations = replace(automations, incidents=[one for one in automations.incidents if one.id not in earlier])
    violations = findings(automations)
    found += [f"{name}: {what}" for name in _FINDINGS for what in violations[name]]
    found += [f"a delivery is {status}" for status in await _failed(url)]
    connections = ", ".join(str(subscriber.connections) for subscriber in subscribers)
    print(
        f"  {len(writers.acknowledged)} writes acknowledged, {writers.cut_off} refused or cut off; "
        f"{len(expected)} changes for subscribers that connected {connections} times; "
        f"runs: {dict(automations.statuses)}; {sum(receiver.taken.values())} deliveries, "
        f"{sum(receiver.taken.values()) - len(receiver.taken)} of them again",
        flush=True,
    )
    return found


async def _failed(url: str) -> list[str]:
    """Return the states of deliveries that failed: the receiver took all that came."""

    async def read(session: ReadSession) -> list[str]:
        statement = sa.select(webhook_deliveries.c.status).where(
            webhook_deliveries.c.status != WebhookDeliveryStatus.DELIVERED
        )
        return list(await session.connection.scalars(statement))

    async with running_domain(Settings(database_url=url), live=False) as domain:
        return await inside(domain).database.read(read)
