"""A check of live lists: whatever is written, and however clients come and go, each has what the query shows.

python -m tests.e2e.live_lists --count 2000 --seed 1 --database sqlite
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.list_client import INCIDENTS, SYSTEMS, ListClient, Noun, View, state_of
from tests.e2e.list_writer import ListWriter
from tests.e2e.server import TOKEN, Server, api_of, running_server

_FILTERS: Sequence[dict[str, Any] | None] = (
    None,
    {"includeResolved": True},
    {"severity": {"gte": "MAJOR"}},
    {"system": {"in": ["payments"]}},
    {"status": {"in": ["RESOLVED", "FIXING"]}},
    {"not": {"system": {"in": ["search", "mail"]}}, "includeResolved": True},
    {"or": [{"severity": {"eq": "CRITICAL"}}, {"status": {"eq": "MONITORING"}}]},
    {"text": "alpha"},
    {"text": "beta", "severity": {"lt": "CRITICAL"}, "includeResolved": True},
    {"or": [{"text": "gamma"}, {"system": {"in": ["mail"]}}]},
    {"not": {"link": {"in": ["https://example.com/1", "https://example.com/2"]}}},
)
_ORDERS: Sequence[dict[str, Any] | None] = (
    None,
    {"field": "CREATED_AT", "direction": "ASC"},
    {"field": "UPDATED_AT"},
    {"field": "UPDATED_AT", "direction": "ASC"},
    {"field": "SEVERITY"},
    {"field": "SEVERITY", "direction": "ASC"},
    {"field": "NUMBER", "direction": "ASC"},
    {"field": "STATUS", "thenBy": {"field": "UPDATED_AT", "direction": "ASC"}},
    {"field": "RESOLVED_AT", "thenBy": {"field": "SEVERITY"}},
    {"field": "OCCURRED_AT", "direction": "ASC"},
)
_SYSTEM_FILTERS: Sequence[dict[str, Any] | None] = (
    None,
    {"health": {"notIn": ["HEALTHY"]}},
    {"health": {"eq": "HEALTHY"}},
    {"health": {"eq": "UNHEALTHY"}, "name": {"in": ["alpha", "beta"]}},
    {"key": {"in": ["payments", "search", "extra-1", "extra-3"]}},
    {"text": "gamma"},
    {"text": "alpha", "health": {"in": ["DEGRADED", "HEALTHY"]}},
)
_SYSTEM_ORDERS: Sequence[dict[str, Any] | None] = (
    None,
    {"field": "NAME", "direction": "DESC"},
    {"field": "CREATED_AT"},
    {"field": "CREATED_AT", "direction": "DESC"},
)
_CHOICES: Mapping[Noun, tuple[Sequence[Any], Sequence[Any]]] = {
    INCIDENTS: (_FILTERS, _ORDERS),
    SYSTEMS: (_SYSTEM_FILTERS, _SYSTEM_ORDERS),
}
_CATCH_UP_SECONDS = 120.0
_START_SECONDS = 600.0
#: A server of the check refuses nobody.
_UNBOUNDED: Mapping[str, Any] = {
    "rate_limit": "0",
    "max_subscriptions_per_address": "1000",
    "max_sockets_per_caller": "1000",
}


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome of a check."""

    writes: int = 0
    compared: int = 0
    #: How often a list was compared as of the very cursor of a query.
    at_cursors: int = 0
    at_cursors_of_systems: int = 0
    kills: int = 0
    resumed: int = 0
    started_over: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


class Check:
    """One run: a writer, clients that come and go, and queries to compare them with."""

    def __init__(self, server: Server, dice: random.Random, *, clients: int) -> None:
        self._server = server
        self._dice = dice
        self.clients = [
            ListClient(server.websocket_url, self._view(SYSTEMS if number % 2 else INCIDENTS))
            for number in range(clients)
        ]
        self.result = Result()
        self._apis: dict[str | None, Api] = {}
        #: What queries showed, by view and cursor.
        self._shown: dict[tuple[View, str], tuple[str, ...]] = {}

    def _view(self, noun: Noun) -> View:
        filters, orders = _CHOICES[noun]
        arguments = {
            "filter": self._dice.choice(filters),
            "order": self._dice.choice(orders),
            "first": self._dice.choice((1, 3, 10, 25, 100)),
        }
        return View(noun, json.dumps(arguments), self._dice.choice((TOKEN, None)))

    async def run(self, *, writes: int, points: int, kills: int) -> None:
        """Write, and compare at random moments, while clients reconnect and the server is killed."""
        began = time.monotonic()
        running: list[asyncio.Task[None]] = []
        due = set(self._dice.sample(range(1, writes), min(points, writes - 1)))
        deadly = set(self._dice.sample(range(1, writes), kills))
        try:
            # Loading certificates would take longer than anything else here.
            async with api_of(self._server) as api, httpx.AsyncClient(timeout=60, verify=False) as http:
                self._apis = {TOKEN: api, None: Api(http, self._server.graphql_url)}
                writer = ListWriter(api, self._dice)
                await writer.begin()
                running += [asyncio.create_task(client.run()) for client in self.clients]
                for number in range(writes):
                    await writer.write()
                    self.result.writes += 1
                    await self._disturb()
                    if number in deadly:
                        await self._server.restart()
                        self.result.kills += 1
                    if number in due:
                        await self._look()
                    if number in due and self._dice.random() < 0.5:
                        await self.compare()
                await self.compare()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        self._conclude(time.monotonic() - began)

    async def _disturb(self) -> None:
        if self._dice.random() < 0.1:
            await self._dice.choice(self.clients).cut(forget=self._dice.random() < 0.2)

    async def _look(self) -> None:
        """Note what every list is at this cursor."""
        for view in {client.view for client in self.clients}:
            cursor, self._shown[view, cursor] = await self._queried(view)

    async def compare(self) -> None:
        """Compare the list of each client with what the query shows, now that nothing is written."""
        for view in {client.view for client in self.clients}:
            cursor, expected = await self._queried(view)
            for client in self.clients:
                if client.view == view and not await client.until(expected, seconds=_CATCH_UP_SECONDS):
                    self.result.violations.append(f"{view}: {client.state} is not {expected} at {cursor}")
                self.result.compared += client.view == view

    async def _queried(self, view: View) -> tuple[str, tuple[str, ...]]:
        """Return what the query shows, and as of which cursor."""
        data = await self._apis[view.token].run(view.noun.query, **view.arguments)
        found = data[view.noun.many]
        return data["cursor"], state_of(found["totalCount"], found["nodes"])

    def _conclude(self, seconds: float) -> None:
        result = self.result
        result.seconds = seconds
        for client in self.clients:
            result.violations += [f"{client.view}: {fault}" for fault in client.faults]
            result.resumed += client.resumed
            result.started_over += client.started_over
            for (view, cursor), expected in self._shown.items():
                if view == client.view and cursor in client.past:
                    result.at_cursors += 1
                    result.at_cursors_of_systems += view.noun is SYSTEMS
                    if client.past[cursor] != expected:
                        result.violations.append(f"{view} at {cursor}: {client.past[cursor]} is not {expected}")


async def check(database_url: str, *, writes: int, seed: int, clients: int, points: int, kills: int) -> Result:
    """Run one check on a database."""
    async with running_server(database_url, **_UNBOUNDED) as server:
        # All clients come back at once, while it starts.
        server.start_seconds = _START_SECONDS
        one = Check(server, random.Random(seed), clients=clients)
        await one.run(writes=writes, points=points, kills=kills)
        return one.result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.live_lists", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="how many writes")
    parser.add_argument("--seed", type=int, default=1, help="what all choices start from")
    parser.add_argument("--clients", type=int, default=50, help="how many clients")
    parser.add_argument("--points", type=int, default=100, help="at how many cursors to compare")
    parser.add_argument("--kills", type=int, default=5, help="how often to kill the server")
    parser.add_argument("--database", choices=DIALECTS, help="both by default")
    options = parser.parse_args(arguments)
    dialects = (options.database,) if options.database else DIALECTS
    return asyncio.run(_on_all(dialects, options))


async def _on_all(dialects: Sequence[str], options: argparse.Namespace) -> int:
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await check(
                url,
                writes=options.count,
                seed=options.seed,
                clients=options.clients,
                points=options.points,
                kills=options.kills,
            )
        print(
            f"{dialect}: {result.writes} writes, {result.kills} kills, {result.started_over} lists from the beginning, "
            f"{result.resumed} resumed, {result.compared} compared at rest, {result.at_cursors} at a cursor "
            f"({result.at_cursors_of_systems} of systems), "
            f"{len(result.violations)} violations, {result.seconds:.1f} s",
            flush=True,
        )
        for violation in result.violations[:20]:
            print(f"  {violation[:1000]}")
        sound = sound and not result.violations
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
