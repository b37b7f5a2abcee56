"""The JSON of Statuspage, field by field."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.viewer import Visibility
from gql.app import create_app
from tests.factories import ADMIN, make_incident, make_system, report_health, set_status
from tests.gql.dialects import on_both_databases


@pytest.fixture
async def reader(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


async def read(reader: httpx.AsyncClient, name: str) -> Any:
    answer = await reader.get(f"/api/v2/{name}.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    return answer.json()


async def test_a_page_of_nothing_is_operational(reader: httpx.AsyncClient) -> None:
    assert await read(reader, "summary") == {
        "page": {
            "id": "incidentql",
            "name": "IncidentQL",
            "url": "http://incidents.test",
            "time_zone": "Etc/UTC",
            "updated_at": "1970-01-01T00:00:00.000Z",
        },
        "components": [],
        "incidents": [],
        "scheduled_maintenances": [],
        "status": {"indicator": "none", "description": "All Systems Operational"},
    }


@on_both_databases
async def test_components_have_the_health_of_their_systems(reader: httpx.AsyncClient, domain: Domain) -> None:
    for key in ("a", "b", "c"):
        await make_system(domain, key)
    await report_health(domain, "b", Health.DEGRADED)
    await make_incident(domain, "c", severity=Severity.MINOR, health_override=HealthOverride.UNHEALTHY)
    components = (await read(reader, "components"))["components"]
    assert [(part["name"], part["position"], part["status"]) for part in components] == [
        ("A", 1, "operational"),
        ("B", 2, "degraded_performance"),
        ("C", 3, "major_outage"),
    ]
    assert (await read(reader, "status"))["status"]["indicator"] == "major"


@pytest.mark.parametrize("severity", Severity)
async def test_the_worst_open_incident_is_in_the_indicator(
    reader: httpx.AsyncClient, domain: Domain, severity: Severity
) -> None:
    incident = await make_incident(domain, severity=severity)
    assert (await read(reader, "status"))["status"]["indicator"] == severity
    await set_status(domain, incident, Status.RESOLVED)
    assert (await read(reader, "status"))["status"]["indicator"] == "none"


@on_both_databases
async def test_an_incident_has_its_updates_newest_first(reader: httpx.AsyncClient, domain: Domain) -> None:
    incident = await make_incident(domain, initial_message="Cards are refused")
    await set_status(domain, incident, Status.FIXING, "Rolling back")
    hidden = AddIncidentUpdate(
        incident_id=incident.id, message="hidden", status_change=Status.MONITORING, visibility=Visibility.INTERNAL
    )
    await domain.timeline.add(ADMIN, hidden)
    await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Nearly there"))
    (shown,) = (await read(reader, "incidents/unresolved"))["incidents"]
    assert (shown["id"], shown["name"], shown["impact"], shown["status"]) == (
        incident.id,
        "Checkout fails",
        "major",
        "monitoring",
    )
    assert [(update["status"], update["body"]) for update in shown["incident_updates"]] == [
        ("monitoring", "Nearly there"),
        ("identified", "Rolling back"),
        ("investigating", "Cards are refused"),
    ]
    assert [part["name"] for part in shown["components"]] == ["Payments"]
    assert shown["monitoring_at"] is not None
    assert shown["updated_at"] == shown["incident_updates"][0]["created_at"]


async def test_an_incident_without_a_public_update_has_a_silent_one(reader: httpx.AsyncClient, domain: Domain) -> None:
    incident = await make_incident(domain)
    (first,) = (await read(reader, "incidents"))["incidents"]
    (update,) = first["incident_updates"]
    assert (update["body"], update["status"], update["incident_id"]) == ("", "investigating", incident.id)
    assert first == (await read(reader, "incidents"))["incidents"][0]


async def test_resolved_incidents_are_in_the_list_of_all_alone(reader: httpx.AsyncClient, domain: Domain) -> None:
    done = await make_incident(domain, title="Done")
    await set_status(domain, done, Status.RESOLVED)
    await make_incident(domain, title="Open")
    names = {
        name: [incident["name"] for incident in (await read(reader, name))["incidents"]]
        for name in ("incidents", "incidents/unresolved", "summary")
    }
    assert names == {"incidents": ["Open", "Done"], "incidents/unresolved": ["Open"], "summary": ["Open"]}


async def test_pages_of_any_origin_may_ask_with_headers_of_their_own(reader: httpx.AsyncClient) -> None:
    asked = {"origin": "https://widget.example", "access-control-request-method": "GET"}
    answer = await reader.options("/api/v2/summary.json", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert answer.headers["access-control-allow-headers"] == "*"


async def test_other_documents_do_not_exist(reader: httpx.AsyncClient) -> None:
    for path in ("/api/v2/subscribers.json", "/api/v2/incidents/1.json", "/api/v2/"):
        assert (await reader.get(path)).status_code == 404
