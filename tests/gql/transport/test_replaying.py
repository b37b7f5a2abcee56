"""Missed events: the first are executed, the others take the function that live events take."""

from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.services.reads import Reads
from gql.compiled.events import CompiledEvent
from gql.transport import groups
from gql.types.change import IncidentChange
from tests.client import Json
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.transport.sockets import Running, until

SHOWING = """subscription S($after: String, $f: IncidentEventFilter) {
  incidentChanges(after: $after, filter: $f) { version delta incident { title } }
}"""
MISSED = 8


async def missed(domain: Domain) -> str:
    """Return a cursor behind which one incident was created and renamed."""
    start = domain.events.cursor_of(await domain.events.head())
    incident = await make_incident(domain, title="Title 1")
    for version in range(2, MISSED + 1):
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title=f"Title {version}"))
    return start


async def received(served: Running, after: str, count: int = MISSED) -> list[Json]:
    """Return the payloads that a subscriber gets behind a cursor."""
    async with served.socket() as raw:
        await raw.subscribe(SHOWING, after=after)
        return [(await raw.next())["payload"] for _ in range(count)]


async def test_missed_events_are_the_same_with_and_without_the_executor(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = await missed(domain)
    by_function = await received(served, start)
    with monkeypatch.context() as patch:
        patch.setattr(Reads, "can_project", property(lambda _: False))
        executed = await received(served, start)
    assert by_function == executed
    assert [payload["data"]["incidentChanges"]["version"] for payload in executed] == list(range(1, MISSED + 1))
    assert [list(payload) for payload in by_function] == [["data", "extensions"]] * MISSED


async def test_missed_events_after_the_first_take_no_executor(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, made = await missed(domain), []
    original = IncidentChange.of

    def of(*arguments: Any) -> IncidentChange:
        made.append(1)
        return original(*arguments)

    monkeypatch.setattr(IncidentChange, "of", of)
    assert len(await received(served, start)) == MISSED
    assert len(made) == groups.WARM


async def test_a_subscriber_that_missed_events_goes_on_with_those_of_its_group(served: Running, domain: Domain) -> None:
    start = await missed(domain)
    async with served.socket() as raw:
        await raw.subscribe(SHOWING, after=start)
        await raw.data(MISSED)
        await until(lambda: served.members == 1)
        await make_incident(domain, title="Live")
        assert [each["incident"]["title"] for each in await raw.data()] == ["Live"]


@pytest.mark.parametrize("failure", [None, RuntimeError("a fault")], ids=["nothing read", "a fault"])
async def test_missed_events_that_a_function_does_not_answer_are_executed(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    start, original, asked = await missed(domain), CompiledEvent.data, []

    async def data(event: CompiledEvent, change: Any, wanted: Any) -> Any:
        asked.append(change.seq)
        if len(asked) < 3:
            return await original(event, change, wanted)
        if failure is not None:
            raise failure
        return None

    monkeypatch.setattr(CompiledEvent, "data", data)
    payloads = await received(served, start)
    assert [payload["data"]["incidentChanges"]["version"] for payload in payloads] == list(range(1, MISSED + 1))
    assert len(asked) == 3


async def test_a_filter_holds_for_missed_events_on_both_paths(served: Running, domain: Domain) -> None:
    start = await missed(domain)
    await make_system(domain, "search")
    await make_incident(domain, "search")
    async with served.socket() as raw:
        await raw.subscribe(SHOWING, after=start, f={"system": {"in": ["search"]}})
        assert [each["version"] for each in await raw.data()] == [1]
        await raw.ping()
