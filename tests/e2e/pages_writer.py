"""A writer of random changes that the board's pages show."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.e2e.api import Api
from tests.e2e.list_writer import ListWriter

_PAUSE_SECONDS = 0.05
_STATUSES = ("INVESTIGATING", "IDENTIFIED", "FIXING", "MONITORING", "RESOLVED")
_AUTOMATION = """mutation ($input: CreateAutomationInput!) {
  createAutomation(input: $input) { automation { id } userErrors { code message } } }"""
_SWITCH = """mutation ($input: SetAutomationEnabledInput!) {
  setAutomationEnabled(input: $input) { userErrors { code message } } }"""
_SCHEDULE = """mutation ($input: ScheduleMaintenanceInput!) {
  scheduleMaintenance(input: $input) { maintenance { id } userErrors { code message } } }"""
_NOTED: dict[str, Any] = {
    "triggers": [{"event": "system.degraded"}],
    "actions": [{"action": "log", "config": {"message": "Degraded"}}],
}


class PagesWriter:
    """A writer of incidents, one of them above all, of systems, maintenance and automations, until it is cancelled."""

    def __init__(self, api: Api, dice: random.Random) -> None:
        self.api = api
        #: The incident whose page is open.
        self.incident = ""
        self.writes = 0
        self.failures: list[str] = []
        self._dice = dice
        self._lists = ListWriter(api, dice)
        self._automation = ""
        self._goes_on = asyncio.Event()
        self._is_idle = asyncio.Event()

    async def begin(self) -> None:
        """Write what the pages are about."""
        await self._lists.begin()
        self.incident = await self.api.create_incident("Watched", severity="CRITICAL")
        created = await self.api.run(_AUTOMATION, input={"name": "Note it", "definition": _NOTED})
        self._automation = created["createAutomation"]["automation"]["id"]

    async def write(self) -> None:
        """Write without end, but while paused; a killed server's answers are not waited for."""
        while True:
            if not self._goes_on.is_set():
                self._is_idle.set()
                await self._goes_on.wait()
                self._is_idle.clear()
            try:
                await self._write_once()
                self.writes += 1
            except httpx.TransportError:
                pass  # what a killed server did of it shows in the truth
            except AssertionError as error:
                self.failures.append(f"writer: {error}")
            await asyncio.sleep(_PAUSE_SECONDS)

    def go_on(self) -> None:
        """Write from now on."""
        self._goes_on.set()

    async def pause(self) -> None:
        """Return when nothing more is written."""
        self._goes_on.clear()
        await self._is_idle.wait()

    async def leave_open(self) -> None:
        """Leave the incident as people do: open, for others to see."""
        await self.api.attempt("addIncidentUpdate", incidentId=self.incident, message="On", statusChange="FIXING")
        await self.api.attempt("updateIncident", id=self.incident, severity="CRITICAL")

    async def _write_once(self) -> None:
        which = self._dice.random()
        acts: tuple[tuple[float, Callable[[], Any]], ...] = (
            (0.55, self._lists.write),
            (0.60, self._switch),
            (0.63, self._schedule),
            (1.0, self._write_incident),
        )
        await next(act for share, act in acts if which < share)()

    async def _switch(self) -> None:
        await self.api.run(_SWITCH, input={"id": self._automation, "enabled": self._dice.random() < 0.7})

    async def _schedule(self) -> None:
        begin = datetime.now(UTC) + timedelta(hours=self._dice.randint(1, 500))
        times = {"startsAt": begin.isoformat(), "endsAt": (begin + timedelta(hours=1)).isoformat()}
        planned = {"title": f"Work {self._dice.randrange(1000)}", "systemIds": ["payments"], **times}
        await self.api.run(_SCHEDULE, input=planned)

    async def _write_incident(self) -> None:
        number = self._dice.randrange(1_000_000)
        kind = self._dice.choice(("message", "message", "status", "title", "link", "severity"))
        match kind:
            case "title" | "severity":
                value = f"Watched {number}" if kind == "title" else self._dice.choice(("MINOR", "MAJOR", "CRITICAL"))
                await self.api.attempt("updateIncident", id=self.incident, **{kind: value})
            case "link":
                url = f"https://example.com/{number}"
                await self.api.attempt("addIncidentLink", incidentId=self.incident, url=url)
            case _:
                more = {"statusChange": self._dice.choice(_STATUSES)} if kind == "status" else {}
                message = f"Word {number}"
                await self.api.attempt("addIncidentUpdate", incidentId=self.incident, message=message, **more)
