"""Databases of older versions: migrated by this one, read, and written to."""

import asyncio
import uuid
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain, running_domain
from domain.persistence.engines import create_engines, database_url
from domain.persistence.migrate import head_revision
from gql.app import create_app
from tests.client import Caller
from tests.domain.persistence.migrating import migrate_on_request
from tests.domain.persistence.old_databases import (
    ADMIN_TOKEN,
    FIXTURES,
    empty_tables,
    postgresql_database,
    restore,
    settings_for,
)
from tests.e2e.processes import process_of

_CURSOR_KEYS = sa.text("SELECT value FROM server_state WHERE name = 'cursor_key'")
INCIDENTS = """{
  systems { nodes { key health { status reported { message } } } }
  incidents(filter: {includeResolved: true}, last: 2) { nodes {
    number title status severity dedupeKey openedBy { name } systems { key }
    updates { nodes { message statusChange visibility editHistory { message } } }
    links { nodes { url label } }
  } }
  found: incidents(filter: {text: "zahlung"}) { nodes { number } }
  incidentEvents(first: 3) { nodes { type incident { number } } }
  tokens { nodes { name role } }
  secrets { nodes { name } }
}"""
AUTOMATIONS = """{
  automations { nodes { name enabled version definition } }
  automationRuns { nodes { status automation { name } artifacts { nodes { type } } steps { nodes { kind status } } } }
}"""


def fixtures() -> Iterator[Any]:
    for file in sorted(FIXTURES.iterdir()):
        marks = [pytest.mark.postgres] if file.suffix == ".sql" else []
        yield pytest.param(file, marks=marks, id=file.name)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the address of a database with the content of a fixture."""
    fixture: Path = request.param
    if fixture.suffix == ".gz":
        restore(fixture, f"sqlite:///{tmp_path}/old.db")
        yield f"sqlite:///{tmp_path}/old.db"
        return
    with postgresql_database(f"incidentql_test_{uuid.uuid4().hex[:12]}") as made:
        restore(fixture, made)
        yield made


#: The tables that are newer than the fixtures, and that no migration fills.
NEWER = {"incident_labels", "incident_relations", "incident_assignees", "erasures"}
NEWER |= {"integrations", "integration_alerts", "integration_deliveries", "channels", "audit_entries"}
NEWER |= {"webhooks", "webhook_queues", "webhook_deliveries"}
NEWER |= {"visitor_subscriptions", "visitor_notices", "visitor_deliveries", "visitor_former_links", "visitor_requests"}
NEWER |= {"maintenances", "maintenance_systems", "maintenance_instances", "maintenance_updates"}
SEARCH = '{ systems(filter: {text: "paym"}) { nodes { key } } }'
PAST = '{ system(key: "payments") { health { status } healthHistory(from: "2026-01-01T00:00:00Z") { status } } }'


@pytest.mark.parametrize("url", list(fixtures()), indirect=True)
async def test_an_old_database_is_migrated_read_and_written(url: str) -> None:
    async with running_domain(settings_for(url, automations=False)) as domain:
        assert set(await empty_tables(domain)) <= NEWER
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(domain)), base_url="http://a.test"
        ) as http:
            admin = Caller(http=http, token=ADMIN_TOKEN)
            check_incidents(await admin.read(INCIDENTS))
            check_automations(await admin.read(AUTOMATIONS))
            assert await write(admin) == {"number": 4}
            assert (await admin.read(SEARCH))["systems"]["nodes"] == [{"key": "payments"}]
            past = (await admin.read(PAST))["system"]
            # What was reported before the migration counts from when it was recorded.
            assert past["healthHistory"][-1]["status"] == past["health"]["status"] == "DEGRADED"
        assert await secret_of(domain) == "the-token-of-a-chat"


@pytest.mark.parametrize("url", list(fixtures()), indirect=True)
async def test_an_old_database_is_migrated_once_by_processes_that_start_at_once(url: str) -> None:
    engines = create_engines(database_url(url))
    async with engines.reader.connect() as connection:
        key = await connection.scalar(_CURSOR_KEYS)
    pipes = [Pipe() for _ in range(2)]
    started = [process_of(migrate_on_request, url, theirs) for _, theirs in pipes]
    for process in started:
        process.start()
    for ours, _ in pipes:
        assert await asyncio.to_thread(ours.recv) == "ready"
    for ours, _ in pipes:
        ours.send("go")
    for process in started:
        await asyncio.to_thread(process.join)
    # A column or a table that is added twice is an error.
    assert [process.exitcode for process in started] == [0, 0]
    async with engines.reader.connect() as connection:
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == head_revision()
        assert list(await connection.scalars(_CURSOR_KEYS)) == [key]
        assert await connection.scalar(sa.text("SELECT count(*) FROM incidents")) == 3
    await engines.dispose()


def check_incidents(data: dict[str, Any]) -> None:
    over, incident = data["incidents"]["nodes"]
    assert (over["number"], over["status"]) == (2, "RESOLVED")
    assert (incident["number"], incident["title"]) == (1, "Zahlungen fallen aus")
    assert (incident["status"], incident["severity"], incident["dedupeKey"]) == ("IDENTIFIED", "CRITICAL", "cards")
    assert {system["key"] for system in incident["systems"]} == {"payments", "checkout"}
    assert {update["message"] for update in incident["updates"]["nodes"]} == {
        "We are looking into it.",
        "One provider answers late.",
    }
    assert ["One provider answers latte."] in [
        [version["message"] for version in update["editHistory"]] for update in incident["updates"]["nodes"]
    ]
    assert incident["links"]["nodes"] == [{"url": "https://status.example.com", "label": "Status page"}]
    health = {system["key"]: system["health"] for system in data["systems"]["nodes"]}
    assert health["payments"] == {"status": "DEGRADED", "reported": {"message": "1 of 5 checks fails"}}
    assert data["found"]["nodes"] == [{"number": 1}]
    assert [(event["type"], event["incident"]["number"]) for event in data["incidentEvents"]["nodes"]] == [
        ("CREATED", 1),
        ("UPDATED", 1),
        ("UPDATED", 1),
    ]
    assert {(token["name"], token["role"]) for token in data["tokens"]["nodes"]} >= {("admin", "ADMIN")}
    assert data["secrets"]["nodes"] == [{"name": "CHAT"}]


def check_automations(data: dict[str, Any]) -> None:
    names = {automation["name"] for automation in data["automations"]["nodes"]}
    assert names == {"Opens an incident and waits", "Watches for an hour", "Counts incidents"}
    [run] = data["automationRuns"]["nodes"]
    assert (run["status"], run["automation"]["name"]) == ("WAITING", "Opens an incident and waits")
    assert run["artifacts"]["nodes"] == [{"type": "incident.incident"}]
    assert [(step["kind"], step["status"]) for step in run["steps"]["nodes"]] == [
        ("action", "SUCCESS"),
        ("delay", "WAITING"),
    ]


async def write(admin: Caller) -> dict[str, Any]:
    """Open an incident and return its names."""
    fields = {"title": "After the migration", "severity": "MINOR", "systemIds": ["payments"]}
    incident: dict[str, Any] = (await admin.do("createIncident", fields, "incident { number }"))["incident"]
    return incident


async def secret_of(domain: Domain) -> str:
    """Return the secret, decrypted."""
    return (await domain.secrets.resolve(["CHAT"]))["CHAT"]
