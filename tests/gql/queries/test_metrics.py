"""The queries for figures about incidents."""

from domain.bootstrap import Domain
from domain.model.incident import Severity
from tests.client import Api
from tests.conftest import CountStatements
from tests.factories import ADMIN, make_incident, make_system

COUNTS = """
query Q($filter: IncidentFilter, $groupBy: [IncidentGrouping!]) {
  incidentCounts(filter: $filter, groupBy: $groupBy) { count severity status openedBy { id } system { key } }
}
"""


async def test_incidents_are_counted_as_the_list_shows_them(api: Api, domain: Domain) -> None:
    over = await make_incident(domain)
    await domain.incidents.resolve(ADMIN, over.id)
    await make_incident(domain, severity=Severity.CRITICAL)
    empty = {"severity": None, "status": None, "openedBy": None, "system": None}
    for filter, count in ((None, 1), ({"includeResolved": True}, 2), ({"open": False}, 1), ({"text": "nothing"}, 0)):
        counts = (await api.anonymous.read(COUNTS, filter=filter))["incidentCounts"]
        assert counts == [{"count": count, **empty}], filter
    by_severity = await api.anonymous.read(COUNTS, filter={"includeResolved": True}, groupBy=["SEVERITY"])
    assert [(each["severity"], each["count"]) for each in by_severity["incidentCounts"]] == [
        ("CRITICAL", 1),
        ("MAJOR", 1),
    ]


async def test_an_incident_counts_for_each_of_its_systems(api: Api, domain: Domain) -> None:
    await make_system(domain, "api")
    await make_system(domain, "web")
    await make_incident(domain, "api", "web")
    await make_incident(domain, "web")
    counts = (await api.anonymous.read(COUNTS, groupBy=["SYSTEM"]))["incidentCounts"]
    assert {each["system"]["key"]: each["count"] for each in counts} == {"api": 1, "web": 2}


async def test_who_opened_incidents_is_counted_for_responders_alone(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    [counted] = (await api.responder.read(COUNTS, groupBy=["OPENED_BY"]))["incidentCounts"]
    assert (counted["openedBy"], counted["count"]) == ({"id": ADMIN.actor.id}, 1)
    for caller in (api.anonymous, api.viewer):
        refusal = await caller.error(COUNTS, groupBy=["SEVERITY", "OPENED_BY"])
        assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["groupBy"])


async def test_counts_are_one_statement_and_their_systems_another(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    for number in range(3):
        await make_incident(domain, (await make_system(domain, f"system-{number}")).key)
    with count_statements() as sent:
        await api.anonymous.read("{ incidentCounts(groupBy: [STATUS, SEVERITY]) { count severity } }")
    assert len(sent) == 1, sent
    with count_statements() as sent:
        await api.anonymous.read(COUNTS, groupBy=["SYSTEM", "SEVERITY"])
    assert len(sent) == 2, sent
