"""A run: load, faults in turn, and checks between rounds and at the end."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from domain.bootstrap import running_domain
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.e2e.audit import truth_of
from tests.e2e.automation_crash import Stream
from tests.e2e.server import TOKEN, api_of
from tests.e2e.webhooks import DOCUMENT, Receiver, listening
from tests.e2e.webhooks import Result as Delivered
from tests.e2e.writers import Writers
from tests.factories import make_system
from tests.faults.checks import automation_faults, caught_up, database_faults, install, webhook_faults
from tests.faults.kinds import KINDS
from tests.faults.load import any_server
from tests.faults.outputs import errors, tracebacks
from tests.faults.scene import Parts, Scene, running_scene
from tests.faults.subscribers import VIEWS, Subscriber
from tests.inside import inside

_REFUSED = 0.02
_LONGEST_EPISODE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The options of a run."""

    dialect: str
    faults: int
    seed: int
    kinds: Sequence[str] = ()
    #: The bug that is put in.
    bug: str | None = None
    #: After how many faults all is checked.
    check_every: int = 25
    #: When no further fault is begun.
    seconds: float = 600.0
    small: bool = False
    #: The commit whose code some processes run after an upgrade in the middle, taken back.
    former: str = ""
    #: A folder for what the processes print.
    logs: Path | None = None


@dataclass(slots=True)
class Tally:
    """The counts of one kind of fault."""

    faults: int = 0
    acknowledged: int = 0
    unknown: int = 0
    events: int = 0


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome of a run."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    changes: int = 0
    events: int = 0
    connections: int = 0
    delivered: int = 0
    episodes: int = 0
    complaints: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def faults(self) -> int:
        """The number of faults."""
        return sum(tally.faults for tally in self.tallies.values())


@dataclass(slots=True, kw_only=True)
class _Load:
    """The load beside the faults."""

    writers: Writers
    subscribers: list[Subscriber]
    stream: Stream
    systems: dict[str, str]
    delivered: Delivered


async def run(plan: Plan) -> Result:
    """Do as the plan says; it ends early at the first violation."""
    began, result = time.monotonic(), Result()
    choices = random.Random(plan.seed)
    parts = Parts(dialect=plan.dialect, bug=plan.bug, small=plan.small, former=plan.former)
    async with running_scene(parts, choices) as scene:
        async with _loaded(scene, plan) as load:
            await _strike(scene, load, plan, result, ends=began + plan.seconds)
        result.complaints = errors(scene.complaints)
        result.violations += [f"{count} x a traceback: {what}" for what, count in tracebacks(scene.complaints).items()]
        if plan.logs is not None:
            plan.logs.mkdir(parents=True, exist_ok=True)
            (plan.logs / f"{plan.dialect}-{plan.seed}.log").write_text(scene.complaints)
    result.seconds = time.monotonic() - began
    return result


async def _strike(scene: Scene, load: _Load, plan: Plan, result: Result, *, ends: float) -> None:
    kinds = [name for name in plan.kinds or KINDS if KINDS[name].fits(scene)]
    pending: list[str] = []
    while result.faults < plan.faults and time.monotonic() < ends and not result.violations:
        async with _monitors(load):
            for _ in range(min(plan.check_every, plan.faults - result.faults)):
                # Each in turn in an order of its own, so that no kind is left out of a short run.
                pending = pending or scene.choices.sample(kinds, len(kinds))
                await _one(scene, load, pending.pop(), result)
                if result.violations or time.monotonic() > ends:
                    break
        await _check(scene, load, result)
        print(f"  {result.faults} faults, {len(result.violations)} violations", file=sys.stderr, flush=True)


async def _one(scene: Scene, load: _Load, name: str, result: Result) -> None:
    tally = result.tallies.setdefault(name, Tally())
    before = _counts(load)
    await asyncio.sleep(scene.choices.uniform(0.05, 0.4))
    try:
        await KINDS[name].strike(scene)
        result.violations += await scene.recovered()
    except AssertionError as error:
        result.violations.append(f"{name}: {error}")
    tally.faults += 1
    for field_, more in _counts(load).items():
        setattr(tally, field_, getattr(tally, field_) + more - before[field_])


def _counts(load: _Load) -> dict[str, int]:
    return {
        "acknowledged": len(load.writers.acknowledged),
        "unknown": load.writers.cut_off,
        "events": sum(len(each.seen) for each in load.subscribers),
    }


async def _check(scene: Scene, load: _Load, result: Result) -> None:
    """Let everything come to rest, and compare."""
    await load.writers.rest()
    result.violations += await scene.recovered()
    settings = Settings(database_url=scene.url, secret_key=SECRET_KEY)
    async with running_domain(settings, live=False) as domain:
        database = inside(domain).database
        while True:
            found = await automation_faults(database, scene.url, [*load.systems.values()])
            head = await database.read(_head)
            truth = await truth_of(scene.url)
            found += await caught_up(load.subscribers, truth)
            found += await webhook_faults(database, load.delivered, truth)
            found += await database_faults(scene.url, truth, load.writers)
            # A request whose connection was cut may still have been written meanwhile: then it is looked at again.
            if await database.read(_head) == head:
                break
    result.violations += found
    result.changes = len(truth.log)
    result.events = sum(len(each.seen) for each in load.subscribers)
    result.connections = sum(each.connections for each in load.subscribers)
    result.delivered = load.delivered.count
    load.writers.up.set()


async def _head(session: ReadSession) -> int:
    return await session.changes.head()


@asynccontextmanager
async def _loaded(scene: Scene, plan: Plan) -> AsyncIterator[_Load]:
    """Start the load, except the monitors, which rest while it is checked."""
    choices = random.Random(plan.seed + 1)
    delivered = Delivered()
    receiver = Receiver(delivered, choices, fails=_REFUSED)
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(listening(receiver))
        systems = {}
        async with running_domain(Settings(database_url=scene.url, secret_key=SECRET_KEY), live=False) as domain:
            for number in range(1 if plan.small else 4):
                key = f"monitored-{number}"
                systems[key] = (await make_system(domain, key)).id
            await install(domain)
        async with api_of(scene.servers[0]) as api:
            await api.create_system()
            for name, given in (("events", {}), ("document", {"document": DOCUMENT, "audience": "RESPONDERS"})):
                made = await api.write("createWebhook", url=f"{hook}/{name}", **given)
                receiver.secrets[name] = made["secret"]
            after = (await api.run("{ cursor }"))["cursor"]
        client = await stack.enter_async_context(any_server(scene.addresses, choices))
        writers = Writers(api=client, random=choices)
        subscribers = [
            Subscriber(view, kind, scene.addresses, choices, after=after)
            for nth, view in enumerate(VIEWS)
            for kind in (("ws", "sse")[nth % 2 :] if plan.small else ("ws", "sse"))
        ]
        headers = {"authorization": f"Bearer {TOKEN}"}
        reports = await stack.enter_async_context(httpx.AsyncClient(headers=headers, timeout=5, verify=False))
        stream = Stream(scene, reports, choices)
        tasks = [asyncio.create_task(each.run()) for each in subscribers]
        tasks += [asyncio.create_task(writers.run()) for _ in range(2 if plan.small else 6)]
        writers.up.set()
        try:
            yield _Load(writers=writers, subscribers=subscribers, stream=stream, systems=systems, delivered=delivered)
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _monitors(load: _Load) -> AsyncIterator[None]:
    """Let systems degrade and recover in the block; at the end all are healthy."""
    load.stream.stopping = False
    tasks = [asyncio.create_task(load.stream.run(key, longest=_LONGEST_EPISODE)) for key in load.systems]
    try:
        yield
        load.stream.stopping = True
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
