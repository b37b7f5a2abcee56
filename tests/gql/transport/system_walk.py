"""Random writes about systems, and live lists of them, each of which has to be what the query shows.

For many more than in the tests: `python -m tests.gql.transport.system_walk --count 50 --seed 1 --database postgresql`.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from graphql import OperationDefinitionNode, parse

from domain.bootstrap import Domain, running_domain
from domain.errors import DomainError
from domain.model.commands import AddIncidentUpdate, CreateSystem, ReportSystemHealth, UpdateIncident, UpdateSystem
from domain.model.incident import Health, HealthOverride, Status
from domain.model.listing import edits_between
from domain.model.paging import Order
from domain.model.system import CatalogFilter
from domain.model.system_listing import SystemListing
from domain.model.viewer import ANONYMOUS, Audience
from domain.services.list_readers import Whole
from domain.services.lists import ListStep, LiveList
from domain.settings import Settings
from gql.compiled.lists import AskedList, CompiledList, CompiledLists, UnreadableError
from gql.context import Context
from gql.schema import schema
from tests.client import Json
from tests.e2e.databases import DIALECTS, fresh_database
from tests.factories import ADMIN, make_incident
from tests.gql.transport.sockets import until

T = TypeVar("T")
_ITEM = """id key name description version
  health { status reported { status message } overrides { incidentId status incidentTitle } }"""
_DECLARED = "$filter: SystemCatalogFilter, $order: SystemOrder, $first: Int"
_ARGUMENTS = "filter: $filter, orderBy: $order, first: $first"
_QUERY = f"query ({_DECLARED}) {{ cursor systems({_ARGUMENTS}) {{ totalCount nodes {{ {_ITEM} }} }} }}"
_LIST = f"""subscription ({_DECLARED}) {{ systemList({_ARGUMENTS}) {{
  startsOver totalCount changes {{ index previousIndex systemId system {{ {_ITEM} }} }}
}} }}"""
_WORDS = ("api", "web", "Store", "store", "Ärger", "mail")
_UNWELL = [Health.DEGRADED, Health.UNHEALTHY]
_FILTERS: Sequence[tuple[Json | None, CatalogFilter]] = (
    (None, CatalogFilter()),
    ({"health": {"notIn": ["HEALTHY"]}}, CatalogFilter(health=frozenset(_UNWELL))),
    ({"health": {"eq": "HEALTHY"}}, CatalogFilter(health=frozenset([Health.HEALTHY]))),
    (
        {"health": {"eq": "UNHEALTHY"}, "name": {"in": list(_WORDS[:3])}},
        CatalogFilter(health=frozenset([Health.UNHEALTHY]), names=frozenset(_WORDS[:3])),
    ),
    ({"text": "store"}, CatalogFilter(text="store")),
    (
        {"text": "store", "health": {"in": ["DEGRADED"]}},
        CatalogFilter(text="store", health=frozenset([Health.DEGRADED])),
    ),
    ({"key": {"in": ["key-1", "key-2", "key-5"]}}, CatalogFilter(keys=frozenset(["key-1", "key-2", "key-5"]))),
)
_ORDERS = (("NAME", "ASC"), ("NAME", "DESC"), ("CREATED_AT", "ASC"), ("CREATED_AT", "DESC"))
_SIZES = (1, 3, 100)


@dataclass(slots=True)
class Shown:
    """A list as one who follows it has it."""

    total: int = 0
    items: list[Json] = field(default_factory=list)

    def take(self, update: Json) -> "Shown":
        """Return the list after a message, which has to fit it."""
        items = [] if update["startsOver"] else list(self.items)
        for change in update["changes"]:
            ids = [item["id"] for item in items]
            at = ids.index(change["systemId"]) if change["systemId"] in ids else None
            assert at == change["previousIndex"]
            if at is not None:
                del items[at]
            if change["index"] is not None:
                items.insert(change["index"], change["system"])
        return Shown(update["totalCount"], items)


class _Patient:
    """A reader that asks again where the machine was too busy for the driver: groups would go on with objects then."""

    def __init__(self, domain: Domain, compiled: CompiledList) -> None:
        self._domain = domain
        self._compiled = compiled

    async def whole(self, size: int, departed: Sequence[str]) -> Whole[Any]:
        """Read the whole list."""
        return await self._read(lambda: self._compiled.whole(size, departed))

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, Any]]:
        """Read some items."""
        return await self._read(lambda: self._compiled.some(ids))

    async def _read(self, read: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await read()
            except UnreadableError:
                await until(lambda: self._domain.reads.can_project)


class Follower:
    """One list, by compiled functions and as objects, and what it was at each place of the log."""

    def __init__(self, domain: Domain, listing: SystemListing, compiled: CompiledList, variables: Json) -> None:
        self.variables = variables
        self.shown = Shown()
        self.past: dict[int, Shown] = {}
        self.resumed = self.started_over = 0
        self._position = 0
        self._domain = domain
        self._listing = listing
        self._compiled = compiled
        self._live: LiveList[Any] = LiveList(domain.lists, listing, _Patient(domain, compiled))
        self._objects: LiveList[Any] = LiveList(domain.lists, listing, domain.lists.reader(listing, Audience.PUBLIC))

    async def begin(self) -> None:
        """Read the list."""
        for live in (self._live, self._objects):
            await live.reread()
        self._apply(self._live.beginning())

    async def advance(self, *, at_once: bool) -> None:
        """Take over what was written, all of it together or each change by itself."""
        watch = self._domain.lists.watch(self._listing, Audience.PUBLIC)
        while changes := await self._domain.events.raw(self._position, limit=50):
            wanted = [change for change in changes if watch.wants(change)]
            for part in [wanted] if at_once else [[change] for change in wanted]:
                await self._objects.advance(part)
                step = await self._live.advance(part)
                if step is not None:
                    self._apply(step)
            self._position = max(changes[-1].seq, self._live.position)
        assert edits_between(self._live._window.entries, self._objects._window.entries) == []

    async def resume(self, since: int) -> None:
        """Resume from a place of the log, and come to the same list."""
        missed = await self._live.missed(since)
        step = await self._live.reread([] if missed is None else [missed])
        assert step is None, "the list was up to date"
        resumption = self._live.beginning() if missed is None else await self._live.resumption(since)
        assert self.past[since].take(self._data(resumption)) == self.shown
        self.resumed += not resumption.starts_over
        self.started_over += resumption.starts_over

    def _apply(self, step: ListStep[Any]) -> None:
        self.shown = self.shown.take(self._data(step))
        self._position = self._live.position

    def _data(self, step: ListStep[Any]) -> Json:
        data: Json = self._compiled.data(step)["systemList"]
        return data


class SystemWalk:
    """A walk of random writes, with followers of many lists."""

    def __init__(self, domain: Domain, *, seed: int, lists: int, compares_names: bool = True) -> None:
        self._domain = domain
        self._dice = random.Random(seed)
        self._numbers = count(1)
        self._systems: list[str] = []
        self._incidents: list[str] = []
        compiler = CompiledLists(schema._schema, domain.reads)
        self.followers = [self._follower(compiler, number, compares_names=compares_names) for number in range(lists)]

    def _follower(self, compiler: CompiledLists, number: int, *, compares_names: bool) -> Follower:
        given, wanted = _FILTERS[number % len(_FILTERS)]
        (name, direction), size = self._dice.choice(_ORDERS), self._dice.choice(_SIZES)
        order = Order(field=name.lower(), descending=direction == "DESC")
        listing = SystemListing(wanted=wanted, order=order, size=size, compares_names=compares_names)
        variables = {"filter": given, "order": {"field": name, "direction": direction}, "first": size}
        document = parse(_LIST)
        operation = document.definitions[0]
        assert isinstance(operation, OperationDefinitionNode)
        asked = AskedList(
            document=document, operation=operation, variables=variables, audience=Audience.PUBLIC, listing=listing
        )
        compiled = compiler.find(number, asked)
        assert compiled is not None
        return Follower(self._domain, listing, compiled, variables)

    async def run(self, steps: int) -> None:
        """Write, and compare after each write, or after some."""
        for follower in self.followers:
            await follower.begin()
        for _ in range(steps):
            for _ in range(self._dice.choice((1, 1, 1, 2, 5))):
                with suppress(DomainError):
                    await self._write()
            at_once = self._dice.random() < 0.5
            for follower in self.followers:
                await follower.advance(at_once=at_once)
                await self._compare(follower)

    async def _compare(self, follower: Follower) -> None:
        context = Context(domain=self._domain, request_id="req_walk", viewer=ANONYMOUS)
        result = await schema.execute(_QUERY, variable_values=follower.variables, context_value=context)
        assert result.data is not None, result.errors
        found = result.data["systems"]
        assert follower.shown == Shown(found["totalCount"], found["nodes"]), follower.variables
        if follower.past and self._dice.random() < 0.5:
            await follower.resume(self._dice.choice(list(follower.past)))
        follower.past[await self._domain.events.head()] = follower.shown

    async def _write(self) -> None:
        writes: list[Callable[[], Awaitable[None]]] = [
            *[self._report] * 4,
            *[self._open_incident] * 2,
            *[self._update_incident] * 3,
            *[self._note] * 2,
            self._delete_incident,
            *[self._create] * 2,
            *[self._rename] * 2,
            self._delete,
        ]
        write = self._dice.choice(writes) if len(self._systems) > 2 else self._create
        if write in (self._update_incident, self._note, self._delete_incident) and not self._incidents:
            write = self._open_incident
        await write()

    async def _create(self) -> None:
        key = f"key-{next(self._numbers)}"
        await self._domain.systems.create(ADMIN, CreateSystem(key=key, name=self._word(), description=self._word()))
        self._systems.append(key)

    async def _rename(self) -> None:
        fields: Any = self._dice.choice(({"name": self._word()}, {"description": self._word()}))
        await self._domain.systems.update(ADMIN, UpdateSystem(system=self._system(), **fields))

    async def _delete(self) -> None:
        await self._domain.systems.delete(ADMIN, system := self._system())
        self._systems.remove(system)

    async def _report(self) -> None:
        message = self._dice.choice((None, "slow"))
        report = ReportSystemHealth(system=self._system(), status=self._dice.choice(list(Health)), message=message)
        await self._domain.health.report(ADMIN, report)

    async def _open_incident(self) -> None:
        incident = await make_incident(
            self._domain, *self._affected(), title=self._word(), health_override=self._override()
        )
        self._incidents.append(incident.id)

    async def _update_incident(self) -> None:
        fields: Any = self._dice.choice(
            ({"health_override": self._override()}, {"systems": self._affected()}, {"title": self._word()})
        )
        await self._domain.incidents.update(ADMIN, UpdateIncident(id=self._incident(), **fields))

    async def _note(self) -> None:
        status = self._dice.choice((None, Status.RESOLVED, Status.FIXING))
        note = AddIncidentUpdate(incident_id=self._incident(), message="Noted", status_change=status)
        await self._domain.timeline.add(ADMIN, note)

    async def _delete_incident(self) -> None:
        await self._domain.incidents.delete(ADMIN, incident := self._incident())
        self._incidents.remove(incident)

    def _system(self) -> str:
        return self._dice.choice(self._systems)

    def _affected(self) -> list[str]:
        return self._dice.sample(self._systems, self._dice.randint(1, 2))

    def _incident(self) -> str:
        return self._dice.choice(self._incidents)

    def _override(self) -> HealthOverride | None:
        return self._dice.choice([None, HealthOverride.DEGRADED, HealthOverride.UNHEALTHY])

    def _word(self) -> str:
        return self._dice.choice(_WORDS)


async def check(domain: Domain, *, seed: int, steps: int, lists: int, compares_names: bool = True) -> SystemWalk:
    """Walk once."""
    walk = SystemWalk(domain, seed=seed, lists=lists, compares_names=compares_names)
    await walk.run(steps)
    return walk


async def _main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many walks")
    parser.add_argument("--steps", type=int, default=60, help="how many comparisons in each")
    parser.add_argument("--lists", type=int, default=21, help="how many lists in each")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--database", choices=DIALECTS, help="both by default")
    options = parser.parse_args(arguments)
    for dialect in (options.database,) if options.database else DIALECTS:
        resumed = started_over = 0
        for seed in range(options.seed, options.seed + options.count):
            async with (
                fresh_database(dialect) as url,
                running_domain(Settings(database_url=url)) as domain,
            ):
                walk = await check(
                    domain, seed=seed, steps=options.steps, lists=options.lists, compares_names=seed % 4 != 0
                )
            resumed += sum(follower.resumed for follower in walk.followers)
            started_over += sum(follower.started_over for follower in walk.followers)
        print(f"{dialect}: {options.count} walks, {resumed} lists resumed, {started_over} started over", flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
