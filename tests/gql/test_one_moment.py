"""All of an answer is of one moment, and its cursor is the log's place of that moment."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.persistence.tables import incidents
from domain.persistence.unit_of_work import UnitOfWork
from tests.client import Api
from tests.domain.messaging.changes import a_change
from tests.factories import make_incident
from tests.gql.dialects import on_both_databases
from tests.gql.following import follow
from tests.inside import inside

_BOTH = """
query Both($a: ID!, $b: ID!) {
  a: incident(id: $a) { title }
  incidents(first: 100, filter: {severity: {eq: MAJOR}}) { nodes { id title } }
  b: incident(id: $b) { title }
}
"""
_WRITES = 30
_paths = pytest.mark.parametrize("path", ["compiled", "generic"])
_numbers = count()


def _documents(text: str, path: str) -> Iterator[str]:
    """Yield one text, which is compiled, or ever other ones, each of which is seen once."""
    while True:
        yield text if path == "compiled" else f"{text} # {next(_numbers)}"


@on_both_databases
@_paths
async def test_two_incidents_written_together_are_never_seen_apart(domain: Domain, api: Api, path: str) -> None:
    pair = [(await make_incident(domain, title="0")).id for _ in range(2)]
    documents, written = _documents(_BOTH, path), asyncio.Event()

    async def write() -> None:
        for number in range(_WRITES):
            await inside(domain).database.write(partial(_rename, ids=pair, title=str(number)))
        written.set()

    async def read() -> set[int]:
        titles = set()
        while not written.is_set():
            data = await api.admin.read(next(documents), a=pair[0], b=pair[1])
            listed = {one["title"] for one in data["incidents"]["nodes"]}
            titles.add(len({data["a"]["title"], data["b"]["title"], *listed}))
        return titles

    seen, _ = await asyncio.gather(read(), write())
    assert seen == {1}


async def _rename(unit: UnitOfWork, *, ids: list[str], title: str) -> None:
    # One by one, so that there is a moment between the two.
    for identifier in ids:
        await unit.connection.execute(sa.update(incidents).where(incidents.c.id == identifier).values(title=title))


@on_both_databases
@_paths
async def test_the_cursor_is_before_a_change_that_is_not_committed_yet(domain: Domain, api: Api, path: str) -> None:
    await make_incident(domain)
    documents = _documents("{ cursor incidents { nodes { title } } }", path)
    before = [await api.admin.read(next(documents)) for _ in range(3)][-1]
    appended, go_on, slow = asyncio.Event(), asyncio.Event(), a_change(domain, "widget")

    async def first(unit: UnitOfWork) -> None:
        async def hold(_: int) -> None:
            appended.set()
            await go_on.wait()

        unit.record(slow, [])
        unit.before_commit(hold)

    writing = asyncio.create_task(inside(domain).database.write(first))
    await appended.wait()
    behind = asyncio.create_task(make_incident(domain))
    during = await api.admin.read(next(documents))
    go_on.set()
    await asyncio.gather(writing, behind)
    after = await api.admin.read(next(documents))

    missed = await domain.events.raw(domain.reads.cursors.read_position(during["cursor"]), limit=10)
    assert during == before
    assert [missed[0].id, missed[-1].seq] == [slow.id, domain.reads.cursors.read_position(after["cursor"])]
    assert len(missed) == 2


@_paths
async def test_the_cursor_of_a_pruned_log_is_where_pruning_ended(domain: Domain, api: Api, path: str) -> None:
    documents = _documents("{ cursor }", path)
    empty = [await api.admin.read(next(documents)) for _ in range(3)][-1]
    await make_incident(domain)
    tomorrow = domain.clock.now() + timedelta(days=1)
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=tomorrow, limit=10))

    pruned = await api.admin.read(next(documents))

    positions = [domain.reads.cursors.read_position(data["cursor"]) for data in (empty, pruned)]
    assert positions == [0, 2]


@on_both_databases
@pytest.mark.timeout(90)
async def test_lists_and_the_changes_after_their_cursors_fit_together(domain: Domain) -> None:
    outcome = await follow(domain, writes=60, clients=3, seed=5)

    assert outcome.violations == []
    assert min(outcome.changes, outcome.compiled, outcome.generic) > 0
