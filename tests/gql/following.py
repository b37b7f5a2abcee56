"""Clients that load a list with its cursor and subscribe after it, again and again, while others write.

python -m tests.gql.following --writes 10000 --clients 8 --seed 7 [--database postgresql://...]
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from domain.bootstrap import Domain, running_domain
from domain.model.commands import UpdateIncident
from domain.settings import Settings
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.factories import ADMIN, make_incident
from tests.inside import inside

_LIST = "query List { cursor incidents(first: 100, filter: {includeResolved: true}) { nodes { id version title } } }"
_WATCH = """
subscription Watch($after: String) {
  incidentChanges(after: $after) { id incidentId version delta cursor }
}
"""
_MOST_INCIDENTS, _WRITERS = 80, 4
#: A client loads its list anew after so many changes at most.
_MOST_CHANGES = 60
#: How long a client that is not behind waits for a change, before it looks whether all is written.
_LEVEL_SECONDS = 0.2
#: Each text is read for the first time once, so that it takes the generic path.
_texts = count()


@dataclass(slots=True)
class Outcome:
    """Findings of the clients: a violation is a change that was missed or came twice, or an end unlike the server's."""

    violations: list[str] = field(default_factory=list)
    changes: int = 0
    compiled: int = 0
    generic: int = 0


@dataclass(slots=True)
class _Client:
    domain: Domain
    compiled: CompiledOperations
    outcome: Outcome
    chance: random.Random
    #: The version and the title of each incident.
    known: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    cursor: str = ""

    async def load(self) -> None:
        """Load the list, by one of the two paths."""
        text = _LIST if self.chance.random() < 0.5 else f"{_LIST} # {next(_texts)}"
        result = await self.compiled.execute(text, None, None, self._context())
        self.outcome.compiled += result is not None
        self.outcome.generic += result is None
        result = result or await schema.execute(text, context_value=self._context())
        data: Any = result.data
        self.known = {one["id"]: (one["version"], one["title"]) for one in data["incidents"]["nodes"]}
        self.cursor = data["cursor"]

    async def follow(self, written: asyncio.Event) -> None:
        """Follow the changes until all is written and received, and compare with the server."""
        while not (written.is_set() and self._is_level()):
            await self.load()
            if self._is_level():
                await inside(self.domain).tail.beyond(self._position(), seconds=_LEVEL_SECONDS)
            if not self._is_level():
                await self._receive(self.chance.randint(1, _MOST_CHANGES))
        mine = self.known
        await self.load()
        # A change that creates says that in no delta: its title is known once it changes.
        theirs = {key: (version, mine.get(key, (0, None))[1] and title) for key, (version, title) in self.known.items()}
        if mine != theirs:
            self.outcome.violations.append(f"a client ends unlike the server: {sorted(mine.keys() ^ theirs.keys())}")

    async def _receive(self, most: int) -> None:
        results: Any = await schema.stream(
            _WATCH, variable_values={"after": self.cursor}, context_value=self._context()
        )
        async with aclosing(results):
            for _ in range(most):
                change = (await anext(results)).data["incidentChanges"]
                self._apply(change)
                if self._is_level():
                    return

    def _apply(self, change: dict[str, Any]) -> None:
        version, title = self.known.get(change["incidentId"], (0, None))
        if change["version"] != version + 1:
            self.outcome.violations.append(f"{change['incidentId']}: {version}, then {change['version']}")
        self.known[change["incidentId"]] = (change["version"], change["delta"].get("title", title))
        self.cursor = change["cursor"]
        self.outcome.changes += 1

    def _is_level(self) -> bool:
        """Return whether this client is not behind; it may be ahead of what its process knows of."""
        return self._position() >= self.domain.events.known

    def _position(self) -> int:
        return self.domain.reads.cursors.read_position(self.cursor)

    def _context(self) -> Context:
        return Context(domain=self.domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")


async def follow(domain: Domain, *, writes: int, clients: int, seed: int) -> Outcome:
    """Write and follow until everything is written and received."""
    chance, outcome, written = random.Random(seed), Outcome(), asyncio.Event()
    compiled = CompiledOperations(schema, schema.documents, domain)
    ids = [(await make_incident(domain)).id for _ in range(10)]
    followers = [_Client(domain, compiled, outcome, random.Random(chance.random())) for _ in range(clients)]
    async with asyncio.TaskGroup() as group:
        for client in followers:
            group.create_task(client.follow(written))
        async with asyncio.TaskGroup() as writers:
            for number in range(_WRITERS):
                share = writes // _WRITERS
                writers.create_task(_write(domain, ids, random.Random(chance.random()), share, name=f"w{number}"))
        written.set()
    return outcome


async def _write(domain: Domain, ids: list[str], chance: random.Random, writes: int, *, name: str) -> None:
    for number in range(writes):
        if len(ids) < _MOST_INCIDENTS and chance.random() < 0.1:
            ids.append((await make_incident(domain, title=f"{name} opens {number}")).id)
        else:
            await domain.incidents.update(ADMIN, UpdateIncident(id=chance.choice(ids), title=f"{name} {number}"))


async def _main(database_url: str, *, writes: int, clients: int, seed: int) -> Outcome:
    settings = Settings(database_url=database_url, automations=False, rate_limit=0)
    async with running_domain(settings) as domain:
        return await follow(domain, writes=writes, clients=clients, seed=seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite:///{folder}/followed.db"
        outcome = asyncio.run(_main(url, writes=given.writes, clients=given.clients, seed=given.seed))
    print(
        f"{given.writes} writes, {given.clients} clients: {outcome.changes} changes received after "
        f"{outcome.compiled} compiled and {outcome.generic} generic lists, {len(outcome.violations)} violations"
    )
    print("\n".join(outcome.violations[:10]))


if __name__ == "__main__":
    main()
