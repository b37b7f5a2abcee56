"""Small databases of each released schema, with data in every table.

`python -m tests.domain.persistence.old_databases` writes fixtures/<revision>.sqlite.gz and
fixtures/<revision>.postgresql.sql for the schema of this code. Run it when a release changed the schema, and keep those
that are there: each is migrated and read by a test.
"""

import asyncio
import gzip
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from domain.bootstrap import Domain, running_domain
from domain.persistence.automation_tables import automations
from domain.persistence.migrate import head_revision
from domain.settings import Settings
from tests.addresses import postgres_url
from tests.client import Caller, calling
from tests.inside import inside

FIXTURES = Path(__file__).parent / "fixtures"
SECRET_KEY = "dGhlIGtleSB0aGF0IGlzIHVzZWQgaW4gb3VyIHRlc3Q="
ADMIN_TOKEN = "a-admin-token-long-enough"
_NAME = "incidentql_old_database"
_SECONDS = 60
_DEFINITIONS: dict[str, dict[str, Any]] = {
    "Opens an incident and waits": {
        "triggers": [{"event": "manual"}],
        "actions": [
            {
                "id": "opened",
                "action": "incident.create",
                "config": {"title": "By hand", "severity": "minor", "systemIds": ["checkout"]},
            },
            {"delay": "24h"},
        ],
    },
    "Watches for an hour": {
        "triggers": [{"event": "system.degraded", "for": "1h"}],
        "actions": [{"action": "log", "config": {"message": "Still degraded"}}],
    },
    "Counts incidents": {
        "triggers": [{"event": "incident.created", "window": {"count": 9, "minutes": 60}}],
        "actions": [{"action": "log", "config": {"message": "Nine in an hour"}}],
    },
}


async def fill(domain: Domain) -> None:
    """Write to every table, as clients do."""
    async with calling(domain) as api:
        admin = api.admin
        for name, definition in _DEFINITIONS.items():
            await _do(admin, "createAutomation", name=name, definition=definition)
        for key in ("payments", "checkout", "gone"):
            await _do(admin, "createSystem", key=key, name=key.title())
        await _do(admin, "deleteSystem", id="gone")
        await _do(admin, "createSecret", name="CHAT", value="the-token-of-a-chat")
        await _fill_incidents(admin)
        await _do(admin, "reportSystemHealth", system="payments", status="DEGRADED", message="1 of 5 checks fails")
        found = await admin.read('{ automation(name: "Opens an incident and waits") { id } }')
        await _do(admin, "runAutomation", id=found["automation"]["id"])
        async with asyncio.timeout(_SECONDS):
            # The router and the run write some of the tables.
            while await empty_tables(domain) or not await _is_waiting(admin):  # noqa: ASYNC110 - as clients do
                await asyncio.sleep(0.1)


async def _is_waiting(admin: Caller) -> bool:
    runs = (await admin.read("{ automationRuns { nodes { status } } }"))["automationRuns"]["nodes"]
    return [run["status"] for run in runs] == ["WAITING"]


async def _fill_incidents(admin: Caller) -> None:
    fields = {"severity": "MAJOR", "systemIds": ["payments"], "initialMessage": "We are looking into it."}
    made = await _do(
        admin, "createIncident", "incident { id }", title="Zahlungen fallen aus", dedupeOpenForSystem=True,
        dedupeKey="cards", idempotencyKey="once", **fields,
    )  # fmt: skip
    incident = made["incident"]["id"]
    added = await _do(
        admin, "addIncidentUpdate", "update { id }", incidentId=incident, message="One provider answers latte.",
        statusChange="IDENTIFIED", visibility="INTERNAL",
    )  # fmt: skip
    await _do(
        admin, "editIncidentUpdate", id=added["update"]["id"], incidentId=incident, message="One provider answers late."
    )
    await _do(admin, "addIncidentLink", incidentId=incident, url="https://status.example.com", label="Status page")
    await _do(admin, "updateIncident", id=incident, severity="CRITICAL", systemIds=["payments", "checkout"])
    over = await _do(admin, "createIncident", "incident { id }", title="Slow pages", **fields)
    await _do(admin, "resolveIncident", id=over["incident"]["id"], message="It is over.")


async def empty_tables(domain: Domain) -> list[str]:
    """Return the tables without a row."""
    assert automations.metadata is not None
    async with inside(domain).database._engines.reader.connect() as connection:
        return [
            table.name
            for table in automations.metadata.sorted_tables
            if await connection.scalar(sa.select(sa.literal(1)).select_from(table).limit(1)) is None
        ]


async def _do(caller: Caller, mutation: str, selection: str = "", **input: Any) -> dict[str, Any]:
    payload = await caller.do(mutation, input, selection)
    assert payload["userErrors"] == [], payload
    return payload


def settings_for(url: str, *, automations: bool) -> Settings:
    """Return the settings with which these databases are written and read."""
    return Settings(database_url=url, automations=automations, secret_key=SECRET_KEY, poll_seconds=0.1)


async def written(url: str) -> None:
    """Fill an empty database."""
    async with running_domain(settings_for(url, automations=True)) as domain:
        await fill(domain)


def write_sqlite(target: Path) -> None:
    """Write a compressed SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(written(f"sqlite:///{folder}/old.db"))
        connection = sqlite3.connect(f"{folder}/old.db")
        connection.execute("VACUUM INTO ?", [f"{folder}/small.db"])
        connection.close()
        target.write_bytes(gzip.compress((Path(folder) / "small.db").read_bytes(), mtime=0))


def write_postgresql(target: Path) -> None:
    """Write a dump of a PostgreSQL database."""
    with postgresql_database(_NAME) as url:
        asyncio.run(written(url))
        dump = ["pg_dump", "--no-owner", "--no-privileges", "--inserts", "--dbname", url]
        text = subprocess.run(dump, check=True, capture_output=True, text=True).stdout
    # Commands of psql, settings of newer servers and remarks are for people and for psql alone.
    skipped = ("--", "\\", "SET transaction_timeout")
    target.write_text("".join(f"{line}\n" for line in text.splitlines() if line and not line.startswith(skipped)))


@contextmanager
def postgresql_database(name: str) -> Iterator[str]:
    """Yield the address of a new PostgreSQL database, which is dropped in the end."""
    with psycopg.connect(postgres_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        try:
            yield postgres_url().rsplit("/", 1)[0] + f"/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def restore(fixture: Path, url: str) -> None:
    """Restore a fixture into an empty database."""
    if fixture.suffix == ".gz":
        with gzip.open(fixture) as packed, Path(url.removeprefix("sqlite:///")).open("wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(fixture.read_bytes())


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    write_sqlite(FIXTURES / f"{head_revision()}.sqlite.gz")
    write_postgresql(FIXTURES / f"{head_revision()}.postgresql.sql")
    print(*(f"{file.name}: {file.stat().st_size} bytes" for file in sorted(FIXTURES.iterdir())), sep="\n")
