"""Relations between incidents: each on both of them, never in a circle, and gone with either."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.bootstrap import Domain
from domain.errors import ConflictError, DomainError, ForbiddenError
from domain.model.commands import MergeIncident, RelateIncidents
from domain.model.incident import Incident, Status
from domain.model.paging import PageRequest
from domain.model.relation import IncidentRelation, RelationType
from domain.model.viewer import Audience, Role
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status

DUPLICATE_OF, CAUSED_BY, RELATED_TO = RelationType


async def _relate(domain: Domain, incident: Incident, kind: RelationType, to: Incident) -> IncidentRelation:
    command = RelateIncidents(id=incident.id, type=kind, to=to.id)
    relation = (await domain.relations.relate(ADMIN, command)).value.relation
    assert relation is not None
    return relation


async def _merge(domain: Domain, incident: Incident, into: Incident, message: str | None = None) -> Incident:
    command = MergeIncident(id=incident.id, into=into.id, message=message)
    return (await domain.relations.merge(ADMIN, command)).value.incident


async def _incidents(domain: Domain, count: int) -> list[Incident]:
    return [await make_incident(domain) for _ in range(count)]


async def _relations(domain: Domain, incident: Incident) -> Sequence[tuple[RelationType, str, bool]]:
    page = (await domain.reads.relation_pages([incident.id], PageRequest()))[incident.id]
    assert await domain.reads.relation_counts([incident.id]) == {incident.id: len(page.items)}
    return [(relation.type, relation.related_id, relation.is_inverse) for relation in page.items]


async def _present(domain: Domain, incident: Incident) -> Incident:
    return (await domain.reads.incidents([incident.id]))[incident.id]


@on_one_database
async def test_a_relation_is_seen_from_both_and_is_one_change_of_each(domain: Domain) -> None:
    first, second = await _incidents(domain, 2)
    relation = await _relate(domain, first, CAUSED_BY, second)
    await _relate(domain, second, RELATED_TO, first)

    assert await _relations(domain, first) == [(CAUSED_BY, second.id, False), (RELATED_TO, second.id, False)]
    assert await _relations(domain, second) == [(CAUSED_BY, first.id, True), (RELATED_TO, first.id, False)]
    for incident in (first, second):
        _, change, _ = await log_of(domain, incident)
        assert (change.version, change.events, change.described_fields) == (2, (), ())
        assert [(part.part, part.kind) for part in change.touched] == [("relations", "added")]
    assert (await log_of(domain, first))[1].touched[0].id == relation.id


@on_one_database
async def test_a_mutual_relation_is_the_same_from_either_side(domain: Domain) -> None:
    first, second = await _incidents(domain, 2)
    await _relate(domain, first, RELATED_TO, second)
    with pytest.raises(DomainError) as caught:
        await _relate(domain, second, RELATED_TO, first)
    assert (caught.value.code, caught.value.field) == ("DUPLICATE", ["to"])
    await domain.relations.unrelate(ADMIN, RelateIncidents(id=second.id, type=RELATED_TO, to=first.id))
    assert [await _relations(domain, each) for each in (first, second)] == [[], []]


async def test_random_relations_never_lead_in_a_circle(domain: Domain) -> None:
    chance = random.Random(7)
    incidents = await _incidents(domain, 6)
    edges: dict[RelationType, set[tuple[str, str]]] = {CAUSED_BY: set(), DUPLICATE_OF: set()}
    for _ in range(60):
        kind = chance.choice(list(edges))
        start, end = chance.sample(incidents, 2)
        refused: str | None = None
        try:
            await _relate(domain, start, kind, end)
        except DomainError as error:
            refused = error.code
        known, edge = edges[kind], (start.id, end.id)
        expected = "DUPLICATE" if edge in known else "CONFLICT" if _leads(known, end.id, start.id) else None
        assert (refused, kind, edge) == (expected, kind, edge)
        if refused is None:
            known.add(edge)


def _leads(edges: set[tuple[str, str]], start: str, end: str) -> bool:
    reached = {start}
    for _ in range(len(edges)):
        reached |= {target for source, target in edges if source in reached}
    return end in reached


async def test_writers_at_once_close_no_circle(domain: Domain) -> None:
    ring = await _incidents(domain, 4)
    pairs = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    results = await asyncio.gather(
        *(_relate(domain, start, CAUSED_BY, end) for start, end in pairs), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [(type(error), getattr(error, "field", None)) for error in refused] == [(ConflictError, ["to"])]


@on_one_database
async def test_a_deleted_incident_leaves_those_that_it_was_related_to(domain: Domain) -> None:
    first, second, third = await _incidents(domain, 3)
    await _relate(domain, first, DUPLICATE_OF, second)
    await _relate(domain, third, CAUSED_BY, first)
    await domain.incidents.delete(ADMIN, first.id)
    for left in (second, third):
        assert await _relations(domain, left) == []
        change = (await log_of(domain, left))[-1]
        assert [(part.part, part.kind) for part in change.touched] == [("relations", "removed")]


async def test_related_incidents_can_be_deleted_at_once(domain: Domain) -> None:
    incidents = await _incidents(domain, 5)
    for other in incidents[1:]:
        await _relate(domain, incidents[0], RELATED_TO, other)
    await asyncio.gather(*(domain.incidents.delete(ADMIN, incident.id) for incident in incidents[::-1]))
    assert await domain.reads.incidents([incident.id for incident in incidents]) == {}


async def test_a_merged_incident_is_resolved_as_a_duplicate_and_both_keep_their_timelines(domain: Domain) -> None:
    merged, goes_on = [await make_incident(domain, initial_message="Looking") for _ in range(2)]
    after = await _merge(domain, merged, goes_on)

    assert after.status is Status.RESOLVED
    assert await _relations(domain, merged) == [(DUPLICATE_OF, goes_on.id, False)]
    assert await _relations(domain, goes_on) == [(DUPLICATE_OF, merged.id, True)]
    pages = await domain.reads.update_pages([merged.id, goes_on.id], PageRequest(), Audience.PUBLIC)
    assert [entry.message for entry in pages[merged.id].items] == [f"Duplicate of {goes_on.reference}", "Looking"]
    assert [entry.message for entry in pages[goes_on.id].items] == ["Looking"]
    change = (await log_of(domain, merged))[-1]
    assert (change.version, change.events) == (2, ("incident.resolved",))
    assert [part.part for part in change.touched] == ["updates", "relations"]

    head = await domain.events.head()
    await domain.incidents.resolve(ADMIN, goes_on.id)
    assert await _merge(domain, merged, goes_on, "Again") == after
    assert await domain.events.head() == head + 1


async def test_merging_two_incidents_into_each_other_at_once_resolves_one(domain: Domain) -> None:
    first, second = await _incidents(domain, 2)
    results = await asyncio.gather(_merge(domain, first, second), _merge(domain, second, first), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ConflictError", "Incident"]
    found = await domain.reads.incidents([first.id, second.id])
    assert sorted(incident.is_open for incident in found.values()) == [False, True]


@on_one_database
@pytest.mark.parametrize("state", ["itself", "resolved", "missing", "its duplicate"])
async def test_a_merge_that_makes_no_sense_writes_nothing(domain: Domain, state: str) -> None:
    incident, other = await _incidents(domain, 2)
    into, code = other.id, "CONFLICT"
    match state:
        case "itself":
            into, code = incident.id, "BAD_USER_INPUT"
        case "resolved":
            await domain.incidents.resolve(ADMIN, other.id)
        case "missing":
            into, code = "inc_00000000000000000000000000", "NOT_FOUND"
        case _:
            await _merge(domain, other, incident)
            await set_status(domain, other, Status.INVESTIGATING)
    head = await domain.events.head()
    with pytest.raises(DomainError) as caught:
        await domain.relations.merge(ADMIN, MergeIncident(id=incident.id, into=into))
    assert (caught.value.code, caught.value.field, await domain.events.head()) == (code, ["into"], head)
    assert (await _present(domain, incident)).is_open


@on_one_database
async def test_a_limited_token_relates_only_incidents_within_its_reach(domain: Domain) -> None:
    mine = await make_system(domain, "mine")
    incident, other = await make_incident(domain, "mine"), await make_incident(domain)
    viewer = replace(ADMIN, role=Role.RESPONDER, systems=frozenset({mine.id}))
    for ends, field in (((incident, other), "to"), ((other, incident), "id")):
        command = RelateIncidents(id=ends[0].id, type=RELATED_TO, to=ends[1].id)
        with pytest.raises(ForbiddenError) as caught:
            await domain.relations.relate(viewer, command)
        assert caught.value.field == [field]
    await _relate(domain, incident, RELATED_TO, other)
    await domain.incidents.delete(viewer, incident.id)
    assert await _relations(domain, other) == []
