"""Random subscriptions to the log, compiled beside executed: what each change sends has to be equal to the byte.

python -m tests.gql.compiled.events --count 1000 --seed 7 [--database postgresql://...]
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import orjson
from strawberry.types.execution import ExecutionResult

from domain.bootstrap import Domain, running_domain
from domain.model.change import Change
from domain.model.commands import UpdateIncident
from domain.model.viewer import Audience
from domain.services.events import AnyWatch
from domain.settings import Settings
from gql.context import GroupContext
from gql.schema import schema
from gql.transport.groups import Groups
from gql.transport.sharing import GroupKey, shared_operation
from tests.factories import ADMIN, log_of
from tests.gql.compiled.differential import Tally, fill, known
from tests.gql.compiled.queries import Query, QueryMaker

_FIELDS = ("incidentEvents", "incidentChanges")


class Recorded:
    """A source of changes that were recorded, for one execution."""

    shows_present = False

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        #: Those that the subscription wants.
        self.wanted: list[Change] = []

    async def start(self, after: str | None) -> int:
        """Return the beginning of the log."""
        return 0

    async def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield what the watch wants."""
        for change in self._changes:
            if watch.wants(change):
                self.wanted.append(change)
                yield change


async def compare_events(domain: Domain, *, count: int, seed: int, incidents: int = 10) -> Tally:
    """Have so many random subscriptions send a few changes both ways."""
    chance = random.Random(seed)
    ids = await fill(domain, chance, incidents=incidents)
    for identifier in [each for each in ids if each.startswith("inc_")][::4]:
        await domain.incidents.update(ADMIN, UpdateIncident(id=identifier, title="Renamed"))
        await domain.incidents.delete(ADMIN, identifier)
    changes = await log_of(domain)
    maker = QueryMaker(schema._schema, chance, await known(domain, ids))
    groups, tally = Groups(schema, domain), Tally()
    for number in range(count):
        query = maker.make_events(_FIELDS[number % len(_FIELDS)])
        some = sorted(chance.sample(changes, 12), key=lambda change: change.seq)
        await _compare(groups, domain, query, chance.choice(list(Audience)), some, tally)
    return tally


async def _compare(
    groups: Groups, domain: Domain, query: Query, audience: Audience, changes: Sequence[Change], tally: Tally
) -> None:
    shared = shared_operation(schema._schema, query.text, None)
    key = shared.key(query.text, query.variables, audience) if shared is not None else None
    compiled = groups.functions.of_events(key) if key is not None else None
    if key is None or compiled is None:
        tally.refused += 1
        return
    source = Recorded(changes)
    said = await _executed(domain, key, source)
    event, wanted = compiled
    shown = []
    for change in source.wanted[: len(said)]:
        data = await event.data(change, wanted)
        cursor = domain.events.cursor_of(change.seq)
        shown.append(orjson.dumps({"data": data, "extensions": {"cursor": cursor}}))
    tally.compared += bool(said)
    for generic, ours in zip(said, shown, strict=True):
        if generic != ours:
            variables = json.dumps(query.variables)
            tally.differences.append(f"{query.text}\n{variables}\ngeneric  {generic!r}\ncompiled {ours!r}")


async def _executed(domain: Domain, key: GroupKey, source: Recorded) -> list[bytes]:
    context = GroupContext(domain=domain, request_id="req_1", shared_audience=key.audience, source=source)
    results = await schema.stream(
        key.query,
        variable_values=dict(key.given),
        context_value=context,
        operation_name=key.operation_name,
    )
    payloads = []
    async for result in results:
        if not isinstance(result, ExecutionResult) or not source.wanted:
            break
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = [error.formatted for error in result.errors]
        payloads.append(orjson.dumps({**payload, "extensions": result.extensions}))
    return payloads


async def _main(database_url: str, count: int, seed: int) -> Tally:
    settings = Settings(database_url=database_url, automations=False, rate_limit=0)
    async with running_domain(settings, live=False) as domain:
        return await compare_events(domain, count=count, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = asyncio.run(_main(given.database or f"sqlite:///{folder}/made.db", given.count, given.seed))
    print(f"{tally.compared} of {given.count} compared, {len(tally.differences)} differ, {tally.refused} not compiled")
    print("\n\n".join(each[:3_000] for each in tally.differences[:5]))
