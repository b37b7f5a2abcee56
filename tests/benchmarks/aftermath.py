"""`python -m tests.benchmarks.aftermath`: what follows a write, in CPU of this process and in statements.

Events, routing, runs and wakes are measured in one process, with nothing else in it; an idle server in its own. Writes
take turns between cases, so that what else the machine does meets all of them; figures are medians of rounds.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain, running_domain
from domain.entities.run import RUN
from domain.model.automation import RunStatus
from domain.model.incident import Health
from domain.model.viewer import Audience
from domain.settings import Settings
from gql.schema import schema
from gql.transport.groups import Groups
from gql.transport.members import SharedResult
from gql.transport.sharing import shared_operation
from tests.benchmarks.statements import StatementCount, count_sqlite, counted_sqlite, counting, relay
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import running_server
from tests.factories import ADMIN, make_incident, make_system, report_health
from tests.inside import inside

_LIMIT_SECONDS = 120.0
_LOG = {"action": "log", "config": {"message": "Seen.", "level": "debug"}}
_UPDATE = {
    "id": "note",
    "action": "incident.add_update",
    "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen."},
}
_WAIT = {"wait_until": {"condition": "health.system.status == 'healthy'"}}
_EVENTS = "subscription Events { incidentEvents { id type incidentId cursor incident { id title status severity } } }"
_FLAT = "subscription Flat { incidentEvents { id type incidentId cursor } }"
_CHANGES = "subscription Changes { incidentChanges { id action changedFields delta actor { name } occurredAt } }"

Work = Callable[[], Awaitable[Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.aftermath", description=__doc__)
    parser.add_argument("parts", nargs="*", default=[], help=f"of {', '.join(_PARTS)}; by default all")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--writes", type=int, default=20, help="how many writes, runs or wakes a round has")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a server is idle")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    with counting() as count, counted_sqlite(count.file):
        for part in options.parts or _PARTS:
            for dialect in DIALECTS if options.database == "both" else (options.database,):
                asyncio.run(_PARTS[part](dialect, options, count))


@asynccontextmanager
async def _url(dialect: str, count: StatementCount) -> AsyncIterator[str]:
    async with fresh_database(dialect) as url:
        if dialect == "sqlite":
            yield url
        else:
            with relay(url, count) as relayed:
                yield relayed


@asynccontextmanager
async def _domain(dialect: str, count: StatementCount, **settings: Any) -> AsyncIterator[Domain]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(_url(dialect, count))
        chosen = Settings(database_url=url, secret_key=None, **settings)
        domain = await stack.enter_async_context(running_domain(chosen))
        await make_system(domain)
        yield domain


class _Rounds:
    """The CPU seconds and the statements of some cases, each done so many times a round."""

    def __init__(self, count: StatementCount, *, rounds: int, times: int) -> None:
        self._count = count
        self._rounds = rounds
        self._times = times
        self._found: dict[str, list[tuple[float, float]]] = {}

    async def run(self, cases: dict[str, Work]) -> None:
        """Do each case in turn, so many rounds."""
        for _ in range(self._rounds + 1):
            for name, work in cases.items():
                await self.run_once(name, work)

    async def run_once(self, name: str, work: Work) -> None:
        """Do one case for one round."""
        began, before = time.process_time(), self._count.value
        for _ in range(self._times):
            await work()
        spent = (time.process_time() - began) / self._times
        self._found.setdefault(name, []).append((spent, (self._count.value - before) / self._times))

    def print(self, dialect: str, *, beyond: str | None = None) -> None:
        """Print the medians, and what is beyond one of the cases."""
        medians = {
            name: tuple(map(statistics.median, zip(*each[1:], strict=True))) for name, each in self._found.items()
        }
        least = {name: min(spent for spent, _ in each[1:]) for name, each in self._found.items()}
        for name, (spent, sent) in medians.items():
            more = "" if beyond in {None, name} else f"; beyond {beyond}: {(spent - medians[beyond][0]) * 1000:.2f} ms"
            print(
                f"{dialect:>10}  {name}: {spent * 1000:.2f} ms of CPU (least {least[name] * 1000:.2f}), "
                f"{sent:.1f} statements{more}",
                flush=True,
            )


class _Counted:
    """A member of a group that only counts what comes."""

    def __init__(self) -> None:
        self.last = 0
        self.came = asyncio.Event()

    def deliver(self, result: SharedResult) -> None:
        """Note that a result has come."""
        self.came.set()

    def finish(self, errors: list[Any] | None) -> None:
        """Fail: no subscription ends here."""
        raise AssertionError(errors)


async def _events(dialect: str, options: argparse.Namespace, count: StatementCount) -> None:
    rounds = _Rounds(count, rounds=options.rounds, times=options.writes)
    async with _domain(dialect, count, automations=False) as domain:
        groups = Groups(schema, domain)

        async def alone() -> None:
            await make_incident(domain, "payments")
            # PostgreSQL's changes are read by the tail, which has to come round.
            await inside(domain).tail.beyond(inside(domain).database.written - 1, seconds=_LIMIT_SECONDS)

        async def followed(query: str) -> None:
            member = _Counted()
            shared = shared_operation(groups.core, query, None)
            assert shared is not None
            key = shared.key(query, None, Audience.MANAGER)
            assert key is not None
            with groups.joining():
                group = groups.of(key)
                assert await group.ready()
                member.last = groups.position
                assert group.join(member)
            try:
                for _ in range(options.writes):
                    member.came.clear()
                    await make_incident(domain, "payments")
                    await member.came.wait()
            finally:
                group.leave(member)

        async def plain() -> None:
            for _ in range(options.writes):
                await alone()

        whole = _Rounds(count, rounds=options.rounds, times=1)
        await whole.run(
            {
                "a write": plain,
                "a write and its event": partial(followed, _EVENTS),
                "a write and its event without the incident": partial(followed, _FLAT),
                "a write and its change": partial(followed, _CHANGES),
            }
        )
        rounds._found = {
            name: [(spent / options.writes, sent / options.writes) for spent, sent in each]
            for name, each in whole._found.items()
        }
        rounds.print(dialect, beyond="a write")
        await groups.stop()


async def _routing(dialect: str, options: argparse.Namespace, count: StatementCount) -> None:
    rounds = _Rounds(count, rounds=options.rounds, times=options.writes)
    async with _domain(dialect, count, automations=False) as alone, _domain(dialect, count) as domain:
        listening = {
            "one for another event": {"event": "incident.resolved"},
            "one whose filter refuses": {"event": "incident.created", "filter": "1 > 2"},
        }
        automations = {
            name: await _automation(domain, trigger, _LOG, name=name.replace(" ", "-"))
            for name, trigger in listening.items()
        }

        async def written(name: str) -> None:
            for each, automation in automations.items():
                await domain.automations.service.update(ADMIN, automation, WriteAutomation(enabled=each == name))
            await rounds.run_once(f"a write beside {name}", partial(_routed, domain))

        for _ in range(options.rounds + 1):
            await rounds.run_once("a write", partial(_routed, alone))
            for name in ("no automation", *listening):
                await written(name)
        rounds.print(dialect, beyond="a write")


async def _automation(domain: Domain, trigger: dict[str, Any], action: dict[str, Any], name: str) -> str:
    definition = {"triggers": [trigger], "mode": "parallel", "actions": [action]}
    automation = (
        await domain.automations.service.create(ADMIN, WriteAutomation(name=name, definition=definition))
    ).value
    assert automation is not None
    return automation.id


async def _routed(domain: Domain) -> None:
    await make_incident(domain, "payments")
    parts = inside(domain)
    await parts.tail.beyond(parts.database.written - 1, seconds=_LIMIT_SECONDS)
    if domain.settings.automations:
        await _caught_up(domain)


async def _runs(dialect: str, options: argparse.Namespace, count: StatementCount) -> None:
    rounds = _Rounds(count, rounds=options.rounds, times=options.writes)
    async with _domain(dialect, count) as domain:
        incident = await make_incident(domain, "payments")
        cases: dict[str, Work] = {}
        for name, action in (("log", _LOG), ("incident.add_update", _UPDATE)):
            automation = await _automation(domain, {"event": "manual"}, action, name)
            cases[f"a run of {name}"] = partial(_ran, domain, automation, incident.id)
        await rounds.run(cases)
        rounds.print(dialect)


async def _ran(domain: Domain, automation: str, incident: str) -> None:
    run = (await domain.automations.service.run_by_hand(ADMIN, automation, payload={"incidentId": incident})).value
    assert run is not None
    await _status_of(domain, run.id, RunStatus.SUCCESS)


async def _wakes(dialect: str, options: argparse.Namespace, count: StatementCount) -> None:
    """Wake runs that wait for a system, one at a time; the report that wakes one counts."""
    rounds, times = _Rounds(count, rounds=options.rounds, times=1), options.writes
    async with _domain(dialect, count) as domain:
        definition = {
            "triggers": [{"event": "system.degraded"}],
            "mode": "single",
            "concurrency_scope": "context_key",
            "actions": [_WAIT],
        }
        await domain.automations.service.create(ADMIN, WriteAutomation(name="waiting", definition=definition))
        numbers = range(times)
        for number in numbers:
            await make_system(domain, f"system-{number}")
            await make_system(domain, f"other-{number}")

        async def begin() -> None:
            for number in numbers:
                await report_health(domain, f"system-{number}", Health.UNHEALTHY)
                await report_health(domain, f"other-{number}", Health.HEALTHY)
            await _all_waiting(domain, times)

        async def wake() -> None:
            for number in numbers:
                await report_health(domain, f"system-{number}", Health.HEALTHY)
            await _all_waiting(domain, 0)

        async def report() -> None:
            for number in numbers:
                await report_health(domain, f"other-{number}", Health.HEALTHY, message=f"{time.monotonic()}")
            await _caught_up(domain)

        await rounds.run({"begin": begin, "a report that wakes a run": wake, "a report": report})
        rounds._found = {
            name: [(spent / times, sent / times) for spent, sent in each]
            for name, each in rounds._found.items()
            if name != "begin"
        }
        rounds.print(dialect, beyond="a report")


async def _caught_up(domain: Domain) -> None:
    """Wait until the router has come to the last change that it wants."""
    parts = inside(domain)
    wanted = parts.tail.seen(parts.tail._floor, kinds=domain.automations.routed) or ()
    while wanted and domain.automations.changes.reached < wanted[-1].seq:  # noqa: ASYNC110 - it tells nobody
        # A loop that spins meanwhile would count.
        await asyncio.sleep(0.002)


async def _all_waiting(domain: Domain, wanted: int) -> None:
    tail = inside(domain).tail
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        seen = tail.last
        if await _count(domain, RunStatus.WAITING) == wanted and not await _count(domain, RunStatus.PENDING):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"there are no {wanted} runs that wait")
        await tail.beyond(seen, seconds=1.0, kinds=(RUN.name,))


async def _count(domain: Domain, status: RunStatus) -> int:
    return await inside(domain).database.read(lambda session: session.runs.count(statuses=[status]))


async def _status_of(domain: Domain, run: str, status: RunStatus) -> None:
    """Wait for the status in the log, without a read of the database."""
    tail = inside(domain).tail
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        seen = tail.last
        changes = tail.seen(max(0, tail._floor), kinds=(RUN.name,)) or ()
        if any(each.entity_id == run and (each.after or {}).get("status") == status for each in changes[-50:]):
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"the run is not {status}")
        await tail.beyond(seen, seconds=1.0)


async def _idle(dialect: str, options: argparse.Namespace, count: StatementCount) -> None:
    async with _url(dialect, count) as url:
        broadcasts = ["memory://"] if dialect == "sqlite" else ["memory://", url]
        for broadcast in broadcasts:
            prepare = partial(count_sqlite, count.file) if dialect == "sqlite" else None
            async with running_server(url, prepare=prepare, broadcast_url=broadcast) as server:
                # What a start does goes on for a while.
                await asyncio.sleep(min(15.0, options.seconds))
                began, spent, before = time.monotonic(), server.cpu_seconds, count.value
                await asyncio.sleep(options.seconds)
                minutes = (time.monotonic() - began) / 60
                shown = "alone" if broadcast == "memory://" else "with a broadcaster"
                print(
                    f"{dialect:>10}  an idle server, {shown}: {(count.value - before) / minutes:.0f} statements and "
                    f"{(server.cpu_seconds - spent) / minutes:.2f} s of CPU a minute",
                    flush=True,
                )


_PARTS: dict[str, Callable[[str, argparse.Namespace, StatementCount], Any]] = {
    "events": _events,
    "routing": _routing,
    "runs": _runs,
    "wakes": _wakes,
    "idle": _idle,
}


if __name__ == "__main__":
    main()
