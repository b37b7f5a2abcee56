"""The query for dry runs."""

from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.moment import iso
from domain.persistence.past import PastRepository
from gql.schema import schema
from tests.client import Api, Stored
from tests.factories import make_incident
from tests.inside import inside

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


async def test_a_dry_run_predicts_and_writes_nothing(api: Api, domain: Domain, stored: Stored) -> None:
    incident = await make_incident(domain)
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now() + timedelta(hours=1))}
    before = await stored()
    found = (await api.admin.read(TRY, definition=DEFINITION, **span))["dryRunAutomation"]
    assert await stored() == before
    [run] = found["runs"]
    assert (run["event"], run["contextKey"], run["status"]) == ("incident.created", incident.id, "SUCCESS")
    assert [step["output"].get("skipped") for step in run["steps"]] == ["outside", None]
    [diff] = found["incidents"]
    assert (diff["incidentId"], diff["opened"], diff["resolved"]) == (incident.id, False, True)
    [change] = diff["changes"]
    assert (change["runId"], change["action"], change["messages"]) == (run["id"], "RESOLVED", ["A test."])
    assert change["fields"][0] == {"name": "status", "before": "investigating", "after": "resolved"}
    assert found["skips"] == [{"reason": "FILTER", "count": 1}]
    assert found["omissions"] == [{"what": "log", "count": 1}]
    assert (found["changes"], found["truncated"], found["truncatedBy"]) == (1, False, None)


async def test_only_admins_start_dry_runs(api: Api, domain: Domain) -> None:
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now())}
    assert (await api.responder.error(TRY, definition=DEFINITION, **span))["code"] == "FORBIDDEN"
    assert (await api.anonymous.error(TRY, definition=DEFINITION, **span))["code"] == "UNAUTHENTICATED"


async def test_an_invalid_dry_run_is_an_error(api: Api, domain: Domain) -> None:
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now())}
    unusable: list[Any] = [{"triggers": []}, [], {"triggers": [{"event": "incident.created"}], "nonsense": 1}]
    for definition in unusable:
        assert (await api.admin.error(TRY, definition=definition, **span))["code"] == "BAD_USER_INPUT"
    backwards = {"from": span["to"], "to": span["from"]}
    assert (await api.admin.error(TRY, definition=DEFINITION, **backwards))["field"] == ["from"]
    unknown = await api.admin.error(TRY, definition=DEFINITION, automation="aut_none", **span)
    assert unknown["code"] == "NOT_FOUND"


async def test_a_period_that_begins_before_the_log_is_an_error(api: Api, domain: Domain) -> None:
    beginning = domain.clock.now()
    [gone, kept] = [await make_incident(domain) for _ in range(2)]
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=kept.created_at, limit=100))
    end = iso(domain.clock.now())
    error = await api.admin.error(TRY, definition=DEFINITION, **{"from": iso(gone.created_at), "to": end})
    assert (error["code"], error["field"]) == ("CURSOR_EXPIRED", ["from"])
    found = await api.admin.read(TRY, definition=DEFINITION, **{"from": iso(kept.created_at), "to": end})
    assert [run["contextKey"] for run in found["dryRunAutomation"]["runs"]] == [kept.id]
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=domain.clock.now(), limit=100))
    error = await api.admin.error(TRY, definition=DEFINITION, **{"from": iso(beginning), "to": end})
    assert (error["code"], error["field"]) == ("CURSOR_EXPIRED", ["from"])


async def test_a_log_pruned_during_a_dry_run_is_an_error(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await make_incident(domain)
    answers = [True, False]

    async def is_whole(*_: Any) -> bool:
        return answers.pop(0)

    monkeypatch.setattr(PastRepository, "is_whole", is_whole)
    span = {"from": iso(incident.created_at), "to": iso(domain.clock.now())}
    assert (await api.admin.error(TRY, definition=DEFINITION, **span))["code"] == "CURSOR_EXPIRED"


def test_the_description_names_the_omissions() -> None:
    field = schema.get_type_by_name("Query").fields  # type: ignore[union-attr]
    [described] = [str(each.description) for each in field if each.name == "dry_run_automation"]
    assert all(word in described for word in ("left out", "other automations", "Requests", "CURSOR_EXPIRED"))
