"""Incidents by the people who take part: in lists of now, of the past and live ones, and in events."""

from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.commands import AssignIncident
from domain.model.viewer import Role, Viewer
from tests.client import Api
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_token
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching

RITA = Viewer(actor=Actor(type=ActorType.USER, id="usr_rita", name="Rita"), role=Role.RESPONDER)
LIST = """query List($filter: IncidentFilter, $at: DateTime) {
  incidents(filter: $filter, at: $at) { totalCount nodes { title } }
}"""
LIVE = """subscription Live($filter: IncidentFilter) {
  incidentList(filter: $filter) { totalCount changes { action index incident { title } } }
}"""


async def _titles(api: Api, condition: Any, **variables: Any) -> str:
    found = (await api.responder.read(LIST, filter={"assignee": condition}, **variables))["incidents"]
    assert found["totalCount"] == len(found["nodes"])
    return "".join(sorted(node["title"] for node in found["nodes"]))


@on_both_databases
async def test_incidents_are_found_by_their_assignees_now_and_in_the_past(
    api: Api, domain: Domain, clock: SteppingClock
) -> None:
    ada, ben = [(await make_token(domain))[0].id for _ in range(2)]
    made = {title: await make_incident(domain, title=title) for title in "abcd"}
    for title, people in (("a", [ada]), ("b", [ada, ben]), ("c", [ben])):
        await domain.responders.assign(ADMIN, AssignIncident(id=made[title].id, assignees=people))
    at = clock.moment
    clock.advance(minutes=1)
    await domain.responders.assign(ADMIN, AssignIncident(id=made["a"].id, assignees=[]))
    await domain.responders.assign(ADMIN, AssignIncident(id=made["d"].id, lead=ben, assignees=[ada]))
    cases: list[tuple[Any, str, str]] = [
        ({"eq": ada}, "bd", "ab"),
        ({"in": [ben]}, "bc", "bc"),
        ({"in": [ada, ben, "nobody"]}, "bcd", "abc"),
        ({"in": [ada], "eq": ben}, "b", "b"),
        ({"eq": "nobody"}, "", ""),
        ({"exists": True}, "bcd", "abc"),
        ({"exists": False}, "a", "d"),
        ({"exists": False, "eq": ada}, "", ""),
    ]
    for condition, present, past in cases:
        for _ in range(2):
            assert (condition, await _titles(api, condition)) == (condition, present)
            assert (condition, await _titles(api, condition, at=at.isoformat())) == (condition, past)
    with_lead = (await api.responder.read(LIST, filter={"lead": {"eq": ben}}))["incidents"]["nodes"]
    assert with_lead == [{"title": "d"}]


async def test_assigning_moves_an_incident_into_a_live_list_and_out_of_it(domain: Domain) -> None:
    person = (await make_token(domain))[0].id
    incident = await make_incident(domain, title="a")
    steps = []
    async with watching(domain, LIVE, viewer=RITA, filter={"assignee": {"eq": person}}) as watcher:
        steps += await watcher.data(1)
        for people in ([person, RITA.actor.id], [RITA.actor.id], [person], []):
            await domain.responders.assign(RITA, AssignIncident(id=incident.id, assignees=people))
            steps += await watcher.data(1)
    totals = [step["totalCount"] for step in steps]
    shown = [[(each["action"], each["index"]) for each in step["changes"]] for step in steps]
    assert totals == [0, 1, 0, 1, 0]
    assert shown == [[], [("PUT", 0)], [("REMOVE", None)], [("PUT", 0)], [("REMOVE", None)]]


async def test_events_are_filtered_by_assignees_before_or_after_them(domain: Domain) -> None:
    person = (await make_token(domain))[0].id
    incident, other = await make_incident(domain), await make_incident(domain)
    document = """subscription S($after: String, $filter: IncidentEventFilter) {
      incidentChanges(after: $after, filter: $filter) { incidentId changedFields } }"""
    given = {"assignee": {"in": [person]}}
    async with watching(domain, document, viewer=RITA, after=await now(domain), filter=given) as watcher:
        await domain.responders.assign(RITA, AssignIncident(id=other.id, assignees=[RITA.actor.id]))
        for people in ([person], []):
            await domain.responders.assign(RITA, AssignIncident(id=incident.id, assignees=people))
        changes = await watcher.data(2)
    assert changes == [{"incidentId": incident.id, "changedFields": ["assignees"]}] * 2


@pytest.mark.parametrize("condition", [{"exists": True}, {"eq": "usr_rita"}, {"in": ["usr_rita"]}])
async def test_who_takes_part_is_asked_for_by_responders_alone(api: Api, domain: Domain, condition: Any) -> None:
    await make_incident(domain)
    for given in ({"assignee": condition}, {"not": {"or": [{"assignee": condition}]}}):
        for caller in (api.anonymous, api.viewer):
            error = await caller.error(LIST, filter=given)
            assert (error["code"], error["field"]) == ("FORBIDDEN", ["filter", "assignee"])
        await api.responder.read(LIST, filter=given)
