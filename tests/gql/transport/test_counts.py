"""Live counts: what the query shows, once for all who ask for the same, and sent only when it is something else."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, UpdateIncident
from domain.model.counts import MOST_ROWS
from domain.model.incident import Severity
from domain.model.viewer import Role, Visibility
from domain.persistence.counts import CountRepository
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.gql.transport.sockets import Raw, Running, until

COUNTS = """subscription ($f: IncidentFilter, $by: [IncidentGrouping!]) {
  incidentCounts(filter: $f, groupBy: $by) { count severity system { key } }
}"""
SEVERITY = ["SEVERITY"]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the number of groups of each statement that counts."""
    made: list[int] = []
    original = CountRepository.by_group

    async def by_group(self: CountRepository, *arguments: Any) -> Any:
        found = await original(self, *arguments)
        made.append(len(found))
        return found

    monkeypatch.setattr(CountRepository, "by_group", by_group)
    return made


@on_both_databases
async def test_counts_begin_as_they_are_and_go_on_with_what_changes_them(domain: Domain) -> None:
    first = await make_incident(domain)
    async with watching(domain, COUNTS, by=SEVERITY) as watcher:
        received = await watcher.data(1)
        second = await make_incident(domain, severity=Severity.CRITICAL)
        received += await watcher.data(1)
        # What changes no count does not come.
        await domain.incidents.update(ADMIN, UpdateIncident(id=first.id, title="Another"))
        await domain.incidents.update(ADMIN, UpdateIncident(id=first.id, severity=Severity.CRITICAL))
        received += await watcher.data(1)
        await domain.incidents.resolve(ADMIN, first.id)
        received += await watcher.data(1)
        await domain.incidents.delete(ADMIN, second.id)
        last = await watcher.next()

    assert [_severities(counts) for counts in received] == [
        {"MAJOR": 1},
        {"CRITICAL": 1, "MAJOR": 1},
        {"CRITICAL": 2},
        {"CRITICAL": 1},
    ]
    assert last["data"] == {"incidentCounts": []}
    assert last["extensions"]["cursor"] == await now(domain)


async def test_all_who_ask_for_the_same_share_one_statement(served: Running, domain: Domain, reads: list[int]) -> None:
    incident = await make_incident(domain)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(served.socket()) for _ in range(3)]
        for raw in sockets:
            await raw.subscribe(COUNTS, by=SEVERITY)
            assert await _next(raw) == {"MAJOR": 1}
        reads.clear()
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.MINOR))
        assert [await _next(raw) for raw in sockets] == [{"MINOR": 1}] * 3
        assert reads == [1]
        for _ in range(2):
            await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Still at it"))
        await make_incident(domain, severity=Severity.MINOR)
        assert [await _next(raw) for raw in sockets] == [{"MINOR": 2}] * 3
        assert reads == [1, 1], "entries change no count"


async def test_one_who_joins_is_sent_the_counts_and_others_nothing(served: Running, domain: Domain) -> None:
    await make_incident(domain)
    async with served.socket() as early, served.socket() as late:
        await early.subscribe(COUNTS)
        assert await early.data() == [[{"count": 1, "severity": None, "system": None}]]
        await late.subscribe(COUNTS)
        assert await late.data() == [[{"count": 1, "severity": None, "system": None}]]
        await early.ping()


async def test_counts_by_text_are_those_that_the_audience_finds(served: Running, domain: Domain) -> None:
    incident = await make_incident(domain)
    async with served.socket() as public, served.socket(Role.RESPONDER) as insider:
        for raw in (public, insider):
            await raw.subscribe(COUNTS, f={"text": "disk"})
            assert [each["count"] for each in (await raw.data())[0]] == [0]
        note = AddIncidentUpdate(incident_id=incident.id, message="The disk", visibility=Visibility.INTERNAL)
        await domain.timeline.add(ADMIN, note)
        assert [each["count"] for each in (await insider.data())[0]] == [1]
        await public.ping()


async def test_a_system_that_is_deleted_leaves_the_counts(served: Running, domain: Domain) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    await make_incident(domain, "api", "web")
    async with served.socket() as raw:
        await raw.subscribe(COUNTS, by=["SYSTEM"])
        [before] = await raw.data()
        await domain.systems.delete(ADMIN, "web")
        [after] = await raw.data()

    assert [each["system"]["key"] for each in before] == ["api", "web"]
    assert [each["system"]["key"] for each in after] == ["api"]


async def test_what_counts_may_not_ask_for_is_refused_to_each(served: Running, domain: Domain) -> None:
    await make_system(domain)
    async with served.socket() as raw:
        await raw.subscribe(COUNTS, id="a", by=["OPENED_BY"])
        await raw.subscribe(COUNTS, id="b", f={"system": {"in": ["nowhere"]}})
        await raw.subscribe('subscription { incidentCounts(labelKey: "team") { count } }', id="c")
        messages = [await raw.next() for _ in "abc"]

    assert {message["id"]: message["payload"][0]["extensions"]["code"] for message in messages} == {
        "a": "FORBIDDEN",
        "b": "UNKNOWN_SYSTEM",
        "c": "BAD_USER_INPUT",
    }
    assert not len(served.endpoint.groups)


async def test_counts_that_become_too_many_end_with_the_reason(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_incident(domain)
    async with served.socket() as raw:
        await raw.subscribe(COUNTS, by=SEVERITY)
        await raw.data()
        monkeypatch.setattr("domain.model.counts.MOST_ROWS", 1)
        await make_incident(domain, severity=Severity.MINOR)
        message = await raw.next()

    assert MOST_ROWS > 1
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")


async def test_a_socket_that_leaves_ends_the_counting(served: Running, domain: Domain) -> None:
    await make_incident(domain)
    async with served.socket() as raw:
        await raw.subscribe(COUNTS)
        await raw.data()
        await raw.send({"id": "1", "type": "complete"})
        await until(lambda: not len(served.endpoint.groups))


async def _next(raw: Raw) -> dict[str, int]:
    [counts] = await raw.data()
    return _severities(counts)


def _severities(counts: Any) -> dict[str, int]:
    return {each["severity"]: each["count"] for each in counts}
