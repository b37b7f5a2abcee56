"""Trying automations over GraphQL."""

from datetime import timedelta
from typing import Any

from domain.bootstrap import Domain
from domain.model.moment import iso
from tests.client import Api, Stored
from tests.factories import make_incident

TRY = """
query Try($definition: JSON!, $from: DateTime!, $to: DateTime!, $automation: ID) {
  dryRunAutomation(definition: $definition, from: $from, to: $to, automationId: $automation) {
    from to changes truncated truncatedBy
    runs {
      id triggerId event payload changeId contextKey occurredAt status message startedAt finishedAt
      steps { path kind action status input output error startedAt finishedAt dueAt }
    }
    incidents {
      incidentId title opened resolved
      changes { runId action occurredAt messages fields { name before after } }
    }
    skips { reason count }
    omissions { what count }
  }
}
"""
DEFINITION = {
    "triggers": [{"event": "incident.created"}, {"id": "never", "event": "incident.created", "filter": "1 == 2"}],
    "mode": "parallel",
    "actions": [
        {"action": "log", "config": {"message": "Seen"}},
        {
            "action": "incident.resolve",
            "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "A test."},
        },
    ],
}


async def test_an_admin_tries_an_automation_and_nothing_is_written(api: Api, domain: Domain, stored: Stored) -> None:
    incident = await make_incident(domain)
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now() + timedelta(hours=1))}
    before = await stored()
    found = (await api.admin.read(TRY, definition=DEFINITION, **span))["dryRunAutomation"]
    assert await stored() == before
    [run] = found["runs"]
    assert (run["event"], run["contextKey"], run["status"]) == ("incident.created", incident.id, "success")
    assert [step["output"].get("skipped") for step in run["steps"]] == ["outside", None]
    [diff] = found["incidents"]
    assert (diff["incidentId"], diff["opened"], diff["resolved"]) == (incident.id, False, True)
    [change] = diff["changes"]
    assert (change["runId"], change["action"], change["messages"]) == (run["id"], "RESOLVED", ["A test."])
    assert change["fields"][0] == {"name": "status", "before": "investigating", "after": "resolved"}
    assert found["skips"] == [{"reason": "filter", "count": 1}]
    assert found["omissions"] == [{"what": "log", "count": 1}]
    assert (found["changes"], found["truncated"], found["truncatedBy"]) == (1, False, None)


async def test_only_admins_try_automations(api: Api, domain: Domain) -> None:
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now())}
    assert (await api.responder.error(TRY, definition=DEFINITION, **span))["code"] == "FORBIDDEN"
    assert (await api.anonymous.error(TRY, definition=DEFINITION, **span))["code"] == "UNAUTHENTICATED"


async def test_what_cannot_be_tried_is_an_error(api: Api, domain: Domain) -> None:
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now())}
    unusable: list[Any] = [{"triggers": []}, [], {"triggers": [{"event": "incident.created"}], "nonsense": 1}]
    for definition in unusable:
        assert (await api.admin.error(TRY, definition=definition, **span))["code"] == "BAD_USER_INPUT"
    backwards = {"from": span["to"], "to": span["from"]}
    assert (await api.admin.error(TRY, definition=DEFINITION, **backwards))["field"] == ["from"]
    unknown = await api.admin.error(TRY, definition=DEFINITION, automation="aut_none", **span)
    assert unknown["code"] == "NOT_FOUND"
