"""A crash test of messages to visitors: kills servers while they send, then holds what came against the log.

python -m tests.e2e.visitors --kills 25 --visitors 20 --seed 1 --database sqlite
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import sqlalchemy as sa
from typing_extensions import override

from domain.bootstrap import Domain, running_domain
from domain.model.change import Change
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.visitor_tables import visitor_deliveries, visitor_notices, visitor_subscriptions
from domain.settings import Settings
from domain.visitors.news import KINDS, news_in
from tests.conftest import SECRET_KEY
from tests.domain.visitors.mailbox import Mail, Mailbox, mailbox
from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.notifications import Writers
from tests.e2e.server import TOKEN, Server, running_server
from tests.inside import inside

_ANSWER_SECONDS = 10.0
#: How long the mail server takes for a mail at most: kills fall between its answer and the record of that.
_SLOWEST_SECONDS = 0.1
#: How many writes there are for each kill.
_WRITES = 4
#: Longer than a lease, a retry and the rest of an idle server.
_QUIET_SECONDS = 240.0
#: In texts that the public may not read.
_SECRET = "hunter2"


class _SlowMailbox(Mailbox):
    """A mail server that takes its time, and now and then asks to come again."""

    def __init__(self, choices: random.Random, *, fails: float) -> None:
        super().__init__()
        self._random = choices
        self._fails = fails
        self.refused = 0

    @override
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Answer to a mail."""
        if self._random.random() < self._fails:
            self.refused += 1
            return "451 4.3.0 Later"
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(self._random.uniform(0, _SLOWEST_SECONDS))
        return answer


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome: how many messages each visitor was to get, and what came."""

    wanted: int = 0
    visitors: int = 0
    mails: Sequence[Mail] = ()
    refused: int = 0
    kills: int = 0
    is_quiet: bool = False
    seconds: float = 0.0

    @property
    def by_visitor(self) -> dict[str, list[str]]:
        """The ids of what each visitor got, each once and in the order in which they first came."""
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for mail in self.mails:
            found[mail.to][mail.id] = None
        return {to: list(ids) for to, ids in found.items()}

    @property
    def repeated(self) -> int:
        """The number of mails that had come before."""
        return len(self.mails) - sum(map(len, self.by_visitor.values()))

    @property
    def violations(self) -> dict[str, list[str]]:
        """All violations by name."""
        found: dict[str, list[str]] = defaultdict(list)
        counts = {to: len(ids) for to, ids in self.by_visitor.items()}
        found["lost"] = [to for to, count in counts.items() if count < self.wanted]
        found["lost"] += ["a visitor"] * (self.visitors - len(counts))
        found["invented"] = [to for to, count in counts.items() if count > self.wanted]
        found["out of order"] = [to for to, ids in self.by_visitor.items() if ids != sorted(ids)]
        found["of another content"] = [name for name, contents in _contents(self.mails).items() if len(contents) > 1]
        found["not public"] = [mail.id for mail in self.mails if _SECRET in mail.text]
        return {name: what for name, what in found.items() if what}


def _contents(mails: Sequence[Mail]) -> dict[str, Counter[bytes]]:
    found: dict[str, Counter[bytes]] = defaultdict(Counter)
    for mail in mails:
        found[mail.id][mail.raw] += 1
    return found


async def crash(
    database_url: str,
    *,
    kills: int,
    visitors: int,
    seed: int,
    servers: int = 2,
    fails: float = 0.05,
    waits: bool = True,
) -> Result:
    """Kill servers while they send, and return what came; without `waits`, leases of the dead end at once."""
    began, choices, result = time.monotonic(), random.Random(seed), Result(visitors=visitors)
    box = _SlowMailbox(choices, fails=0.0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(mailbox(box))
        settings: dict[str, Any] = {
            "secret_key": SECRET_KEY,
            "automations": "false",
            "public_url": "https://status.example.com",
            "mail_url": f"smtp://127.0.0.1:{box.port}",
            "mail_from": "status@example.com",
            "rate_limit": "0",
        }
        if database_url.startswith("postgres"):
            settings["broadcast_url"] = database_url
        own = Settings(database_url=database_url, secret_key=SECRET_KEY)
        domain = await stack.enter_async_context(running_domain(own, live=False))
        running = [
            await stack.enter_async_context(running_server(database_url, may_complain=True, **settings))
            for _ in range(servers)
        ]
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=_ANSWER_SECONDS, verify=False)
        )
        await Api(client, running[0].graphql_url).create_system()
        await _join(client, running[0], box, visitors)
        box.received.clear()
        box._fails = fails
        writers = Writers(running, client, choices)
        for _ in range(kills):
            writing = asyncio.create_task(_write(writers, domain, choices))
            await asyncio.sleep(choices.uniform(0.05, 0.4))
            await _restart(choices.choice(running), domain, result, waits=waits)
            await writing
        result.wanted = sum(news_in(change) is not None for change in await _log(domain))
        result.is_quiet = await _quiet(domain)
    result.mails, result.refused = box.received, box.refused
    result.seconds = time.monotonic() - began
    return result


async def _join(client: httpx.AsyncClient, server: Server, box: Mailbox, visitors: int) -> None:
    """Subscribe visitors by mail, as a form does it, and follow the links that they are sent."""
    for number in range(visitors):
        asked = await client.post(f"{server.url}/subscriptions", json={"email": f"visitor{number}@example.org"})
        asked.raise_for_status()
    async with asyncio.timeout(_QUIET_SECONDS):
        while len(box.received) < visitors:
            box.came.clear()
            await box.came.wait()
    for mail in box.received:
        link = f"{server.url}/subscriptions/confirm?token={mail.link('confirm')}"
        (await client.post(link)).raise_for_status()


async def _write(writers: Writers, domain: Domain, choices: random.Random) -> None:
    """Write to whichever server answers: incidents, and updates that are public or hidden."""
    known = [change.entity_id for change in await _log(domain)]
    for _ in range(_WRITES):
        if not known or choices.random() < 0.4:
            await writers.write("createIncident", title="Slow", severity="MAJOR", systemIds=["payments"])
        elif choices.random() < 0.6:
            await writers.write("addIncidentUpdate", incidentId=choices.choice(known), message="Looking")
        else:
            hidden = {"message": _SECRET, "visibility": "INTERNAL"}
            await writers.write("addIncidentUpdate", incidentId=choices.choice(known), **hidden)


async def _restart(server: Server, domain: Domain, result: Result, *, waits: bool) -> None:
    await server.kill()
    result.kills += 1
    if not waits:
        await inside(domain).database.write(_end_leases)
    await server.start()


async def _end_leases(unit: UnitOfWork) -> None:
    await unit.connection.execute(sa.update(visitor_subscriptions).values(leased_until=None))


async def _log(domain: Domain) -> list[Change]:
    found: list[Change] = []
    while page := await domain.events.raw(found[-1].seq if found else 0, limit=1000):
        found += page
    return [change for change in found if change.kind in KINDS]


async def _quiet(domain: Domain) -> bool:
    """Wait until the log is queued and nothing is left to send; return False where that takes too long."""
    ends = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < ends:
        if not await inside(domain).database.read(_left):
            return True
        await asyncio.sleep(0.2)
    return False


async def _left(session: ReadSession) -> bool:
    """Return whether there are messages, changes to queue, or changes that the reader has not seen."""
    for table in (visitor_deliveries, visitor_notices):
        if await session.connection.scalar(sa.select(sa.func.count()).select_from(table)):
            return True
    position = await session.readers.position("visitors") or 0
    unread = await session.changes.after(position, limit=1000, kinds=KINDS)
    return any(news_in(change) is not None for change in unread)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.visitors", description=__doc__)
    parser.add_argument("--kills", type=int, default=25, help="how many times to kill one of the two servers")
    parser.add_argument("--visitors", type=int, default=20, help="how many visitors there are, 100 at most")
    parser.add_argument("--seed", type=int, default=1, help="what the choices and the moments start from")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    is_sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await crash(url, kills=options.kills, visitors=options.visitors, seed=options.seed)
        print(
            f"{dialect}: {result.wanted} pieces of news for {result.visitors} visitors; {len(result.mails)} mails, "
            f"{result.repeated} of them again, {result.refused} refused at first; {result.kills} kills; "
            f"quiet: {result.is_quiet}; {result.seconds:.0f} s"
        )
        for name, what in result.violations.items():
            print(f"  {name}: {len(what)}: {json.dumps(what[:10])}")
        sys.stdout.flush()
        is_sound = is_sound and not result.violations and result.is_quiet
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
