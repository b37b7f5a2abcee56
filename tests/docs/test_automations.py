"""The automations of the pages, each installed and run to its end or its wait."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from domain.automations.definitions.definition import STEPS
from domain.automations.definitions.documents import load_document
from domain.bootstrap import Domain, running_domain
from domain.model.automation import Mode
from domain.model.incident import Incident
from domain.settings import Settings
from tests.client import Caller, calling
from tests.docs.blocks import ROOT, blocks_in
from tests.domain.automations.actions.servers import answer, serving
from tests.factories import make_channel, make_incident, make_secret, make_system

_CHAT = "https://chat.example.com"
_SECONDS = 60
_VALIDATE = "query ($definition: JSON!) { validateAutomation(definition: $definition) { problems { message } } }"
_RUNS = (
    "{ automationRuns(first: 100) { nodes { status reason message automation { name } steps { nodes { error } } } } }"
)
#: Those that are about a wait; all others are over at once.
_WAITING = {"Remind after a quarter of an hour", "Wait for the resolution", "Say whether it was over within a day"}


@asynccontextmanager
async def example(file: Path) -> AsyncIterator[tuple[Domain, Caller]]:
    """Start a domain with a system, and yield it with its admin."""
    settings = Settings(
        database_url=f"sqlite:///{file}", http_allow=("127.0.0.1",), sqlite_synchronous="NORMAL", poll_seconds=0.05
    )
    async with running_domain(settings) as domain, calling(domain) as api:
        yield domain, api.admin


def payload_of(definition: Mapping[str, Any], incident: Incident) -> dict[str, Any]:
    """Return a payload of the automation's first trigger."""
    if definition["triggers"][0]["event"] == "manual":
        return {}
    return {
        "incidentId": incident.id,
        "reference": f"INC-{incident.number}",
        "title": incident.title,
        "severity": "critical",
        "systemIds": list(incident.system_ids),
        "systemId": incident.system_ids[0],
        "systemKey": "payments",
        "systemName": "Payments",
        "newStatus": "degraded",
    }


async def start(admin: Caller, definition: dict[str, Any], incident: Incident) -> None:
    """Install an automation without any problem or warning, and run it by hand."""
    name = definition.pop("name")
    assert (await admin.read(_VALIDATE, definition=definition))["validateAutomation"]["problems"] == [], name
    made = await admin.do(
        "createAutomation", {"name": name, "enabled": False, "definition": definition}, "automation { id }"
    )
    assert made["userErrors"] == []
    run = {
        "id": made["automation"]["id"],
        "payload": payload_of(definition, incident),
        "contextKey": incident.id,
    }
    assert (await admin.do("runAutomation", run))["userErrors"] == [], name


async def ended(admin: Caller) -> list[dict[str, Any]]:
    """Return all runs, once each has ended or waits."""
    async with asyncio.timeout(_SECONDS):
        while True:
            runs: list[dict[str, Any]] = (await admin.read(_RUNS))["automationRuns"]["nodes"]
            if all(is_settled(run) for run in runs):
                return runs
            await asyncio.sleep(0.05)


def is_settled(run: Mapping[str, Any]) -> bool:
    """Return whether a run has ended or waits."""
    return run["status"] not in {"PENDING", "RUNNING", "WAITING"} or (
        run["status"] == "WAITING" and run["automation"]["name"] in _WAITING
    )


async def test_every_automation_of_the_pages_runs(tmp_path: Path) -> None:
    blocks = blocks_in("yaml")
    async with serving(answer(204)) as chat, example(tmp_path / "example.db") as (domain, admin):
        await make_system(domain)
        await make_secret(domain, "CHAT")
        await make_channel(domain, "on call")
        incident = await make_incident(domain, "payments")
        for block in blocks:
            await start(admin, load_document(block.text.replace(_CHAT, chat.url)), incident)
        runs = await ended(admin)
    assert len(runs) == len(blocks) > 0
    assert [run for run in runs if run["status"] not in {"SUCCESS", "WAITING"}] == []
    assert [run for run in runs for step in run["steps"]["nodes"] if step["error"]] == []
    assert chat.received[0].headers["authorization"] == "Bearer correct-horse-battery"


async def test_the_page_of_automations_names_every_trigger_action_step_and_mode(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "automations.md").read_text()
    async with example(tmp_path / "example.db") as (_, admin):
        catalog = await admin.read("{ triggers { name } actions { name } automationTemplates { name } }")
    names = {entry["name"] for entries in catalog.values() for entry in entries} | set(Mode)
    assert sorted(name for name in names if f"`{name}`" not in page) == []
    assert sorted(kind for kind in STEPS if f"## Step: `{kind}`\n" not in page) == []
