"""Compiled reads beside writers: an answer is of one moment, and of the latest one that its caller knows of."""

import asyncio

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate
from domain.model.incident import Incident
from domain.persistence.tables import incidents
from domain.persistence.unit_of_work import UnitOfWork
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.factories import ADMIN, make_incident
from tests.gql.dialects import on_both_databases
from tests.inside import inside

_WRITES = 40
_BOTH = """
query Both($one: ID!, $other: ID!) {
  one: incident(id: $one) { title }
  other: incident(id: $other) { title }
  all: incidents { nodes { title systems { name } } }
  last: incidents(last: 2) { edges { node { title } } }
}
"""
_TIMELINE = "query Timeline($id: ID!) { incident(id: $id) { version updates(first: 1) { nodes { message } } } }"


class _Caller:
    """A caller whose documents were compiled before."""

    def __init__(self, domain: Domain) -> None:
        self.compiled = CompiledOperations(schema, schema.documents, domain)
        self._domain = domain

    def context(self) -> Context:
        return Context(domain=self._domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")

    async def prepare(self, document: str, **variables: object) -> None:
        await schema.execute(document, variable_values=variables, context_value=self.context())
        await self.ask(document, **variables)

    async def ask(self, document: str, **variables: object) -> dict[str, object] | None:
        result = await self.compiled.execute(document, variables, None, self.context())
        return None if result is None else result.data


@pytest.fixture
def caller(domain: Domain) -> _Caller:
    """An admin."""
    return _Caller(domain)


@on_both_databases
async def test_one_answer_never_shows_half_of_a_transaction(domain: Domain, caller: _Caller) -> None:
    pair = [await make_incident(domain, title="0") for _ in range(2)]
    ids = {"one": pair[0].id, "other": pair[1].id}
    await caller.prepare(_BOTH, **ids)
    writers = {asyncio.create_task(_retitle(domain, pair, f"writer {number}")) for number in range(2)}

    shown: list[set[str]] = []
    while not all(writer.done() for writer in writers):
        answers = await asyncio.gather(*(caller.ask(_BOTH, **ids) for _ in range(2)))
        shown += [_titles(answer) for answer in answers]
        await asyncio.sleep(0)

    await asyncio.gather(*writers)
    assert [titles for titles in shown if len(titles) != 1] == []
    assert len(set.union(*shown)) > 2
    assert caller.compiled.cache.hits == len(shown)


@on_both_databases
async def test_an_answer_shows_each_write_that_was_acknowledged_before(domain: Domain, caller: _Caller) -> None:
    incident = await make_incident(domain)
    await caller.prepare(_TIMELINE, id=incident.id)

    for number in range(_WRITES):
        command = AddIncidentUpdate(incident_id=incident.id, message=f"Message {number}")
        await domain.timeline.add(ADMIN, command)
        answer = await caller.ask(_TIMELINE, id=incident.id)
        assert answer is not None
        assert answer["incident"]["updates"] == {"nodes": [{"message": f"Message {number}"}]}  # type: ignore[index]


async def _retitle(domain: Domain, pair: list[Incident], writer: str) -> None:
    ids = [incident.id for incident in pair]
    for number in range(_WRITES):

        async def write(unit: UnitOfWork, title: str = f"{writer}, {number}") -> None:
            # In two statements, with a moment between them; in one order, so that no writer waits for both.
            for each in sorted(ids):
                change = sa.update(incidents).where(incidents.c.id == each).values(title=title)
                await unit.connection.execute(change)

        await inside(domain).database.write(write)


def _titles(answer: dict[str, object] | None) -> set[str]:
    assert answer is not None
    shown: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            shown.extend(text for name, text in value.items() if name == "title")
            value = list(value.values())
        for each in value if isinstance(value, list) else ():
            walk(each)

    walk(answer)
    return set(shown)
