"""The query for explanations."""

from domain.bootstrap import Domain
from tests.client import Api
from tests.factories import log_of, make_incident

EXPLAIN = """
query Why($change: ID, $run: ID, $incident: ID) {
  explain(changeId: $change, runId: $run, incidentId: $incident) {
    start
    changes { changeId seq kind entityId action events actor { name } occurredAt }
    runs { id automationId status triggerId event reason message createdAt finishedAt }
    edges { link source target }
    truncated
  }
}
"""


async def test_a_responder_gets_an_explanation(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    [change] = await log_of(domain)
    found = (await api.responder.read(EXPLAIN, incident=incident.id))["explain"]
    assert found["start"] == [change.id]
    [node] = found["changes"]
    assert (node["kind"], node["entityId"], node["action"]) == ("incident", incident.id, "CREATED")
    assert (node["events"], node["actor"]) == (["incident.created"], {"name": "admin"})
    assert (found["runs"], found["edges"], found["truncated"]) == ([], [], False)


async def test_a_viewer_gets_no_explanation(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    assert (await api.viewer.error(EXPLAIN, incident=incident.id))["code"] == "FORBIDDEN"
    assert (await api.anonymous.error(EXPLAIN, incident=incident.id))["code"] == "UNAUTHENTICATED"


async def test_an_explanation_without_a_subject_is_an_error(api: Api) -> None:
    assert (await api.admin.error(EXPLAIN))["code"] == "BAD_USER_INPUT"
    assert (await api.admin.error(EXPLAIN, run="run_none"))["code"] == "NOT_FOUND"
