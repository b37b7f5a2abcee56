"""Clients that make random writes, survive crashes of the server, and record what was acknowledged."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from domain.model.change import Change, ChangeAction
from domain.model.moment import iso
from tests.e2e.api import Api
from tests.e2e.audit import Truth

_SEVERITIES = ("MINOR", "MAJOR", "CRITICAL")
_STATUSES = ("INVESTIGATING", "IDENTIFIED", "FIXING", "MONITORING", "RESOLVED")
_SYSTEMS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """An acknowledged write, and how to recognise it in the log."""

    what: str
    incident: str
    cursor: str
    #: None for the last one, whichever it is.
    version: int | None
    shows: Callable[[Change], bool]


@dataclass(slots=True, kw_only=True)
class Writers:
    """Several clients of one server, which share their knowledge of its incidents and systems."""

    api: Api
    random: random.Random
    up: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    acknowledged: list[Acknowledged] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)
    #: The ids of the systems that were made, by key; `payments` stays.
    systems: dict[str, str] = field(default_factory=dict)
    systems_doomed: set[str] = field(default_factory=set)
    systems_deleted: set[str] = field(default_factory=set)
    #: How many requests got no answer.
    cut_off: int = 0
    #: What the server answered that it never should.
    mistakes: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    #: Creates that got no answer, to be sent again with the same idempotency key.
    _unanswered: list[dict[str, Any]] = field(default_factory=list)
    #: How many clients wait for an answer.
    _at_work: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Write as one client until stopped."""
        chances = {
            self._create: 8,
            self._change: 12,
            self._comment: 6,
            self._move: 6,
            self._date: 6,
            self._resolve: 3,
            self._link: 5,
            self._delete: 2,
            self._turn_over_systems: 2,
        }
        while not self.stopping:
            # One that is woken has its turn a moment later, when they may be told to rest already.
            while not self.up.is_set():
                await self.up.wait()
            action = self.random.choices(list(chances), list(chances.values()))[0]
            await self._do(self._create if self._unanswered else action)

    async def _do(self, action: Callable[[], Awaitable[None]]) -> None:
        self._at_work += 1
        try:
            await action()
        except httpx.TransportError:
            self.cut_off += 1
        except AssertionError as error:
            self.mistakes.append(str(error))
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._idle.set()

    async def rest(self) -> None:
        """Send nothing more until `up` is set again, and wait until each request has its answer or is cut off."""
        self.up.clear()
        while self._at_work:
            self._idle.clear()
            await self._idle.wait()

    def missing(self, truth: Truth) -> list[str]:
        """Return the acknowledged writes that are missing."""
        changes = {(change.entity_id, change.version): change for change in truth.log}
        last = {change.entity_id: change for change in truth.log}
        found = []
        for write in self.acknowledged:
            known = last.get(write.incident) if write.version is None else changes.get((write.incident, write.version))
            if known is None or not write.shows(known) or known.seq > truth.cursors.read_position(write.cursor):
                found.append(f"{write.what} of {write.incident} at version {write.version}")
        made = {identifier for key, identifier in self.systems.items() if key not in self.systems_doomed}
        gone = {self.systems[key] for key in self.systems_deleted}
        return found + sorted(made - truth.systems) + sorted(gone & truth.systems)

    def repeated(self, truth: Truth) -> list[str]:
        """Return the incidents that a retried create opened twice in spite of its idempotency key."""
        opened = Counter((change.after or {})["title"] for change in truth.log if change.version == 1)
        return [f"{title} was opened {opened[title]} times" for title in self.titles if opened[title] != 1]

    async def _create(self) -> None:
        input = self._unanswered.pop() if self._unanswered else self._new_incident(f"Incident {next(self._numbers)}")
        title = input["title"]
        try:
            payload = await self.api.attempt("createIncident", **input, idempotencyKey=title)
        except httpx.TransportError:
            self._unanswered.append(input)
            raise
        if not payload["userErrors"]:
            self.titles.append(title)
            self.incidents.append(payload["incident"]["id"])
            self._note("create", payload, lambda change: (change.after or {}).get("title") == title, version=1)

    def _new_incident(self, title: str) -> dict[str, Any]:
        systems = self.random.sample(["payments", *self._present_systems()], k=1)
        message = {"initialMessage": "It began"} if self.random.random() < 0.3 else {}
        began = {"occurredAt": self._moment()} if self.random.random() < 0.5 else {}
        return {"title": title, "severity": self.random.choice(_SEVERITIES), "systemIds": systems, **message, **began}

    async def _change(self) -> None:
        title, severity = f"Title {next(self._numbers)}", self.random.choice(_SEVERITIES)
        fields: dict[str, Any] = self.random.choice([{"title": title}, {"severity": severity}])
        if self.random.random() < 0.2:
            fields["systemIds"] = ["payments", *self._present_systems()[-1:]]

        def shows(change: Change) -> bool:
            after = change.after or {}
            return bool(after["title"] == title if "title" in fields else after["severity"] == severity.lower())

        await self._write("update", "updateIncident", {"id": self._some(), **fields}, shows)

    async def _comment(self) -> None:
        input = {"incidentId": self._some(), "message": f"Comment {next(self._numbers)}"}
        await self._write("comment", "addIncidentUpdate", input, None, part="update")

    async def _move(self) -> None:
        status = self.random.choice(_STATUSES)
        input = {"incidentId": self._some(), "message": "Moving on", "statusChange": status}
        await self._write("status", "addIncidentUpdate", input, _in_status(status))

    async def _date(self) -> None:
        status = self.random.choice(_STATUSES)
        dated = {"message": "It was so then", "statusChange": status, "createdAt": self._moment()}
        await self._write("dated", "addIncidentUpdate", {"incidentId": self._some(), **dated}, None, part="update")

    async def _resolve(self) -> None:
        await self._write("resolve", "resolveIncident", {"id": self._some()}, _in_status("RESOLVED"))

    async def _link(self) -> None:
        input = {"incidentId": self._some(), "url": f"https://example.com/{next(self._numbers)}"}
        await self._write("link", "addIncidentLink", input, None, part="link")

    async def _delete(self) -> None:
        identifier = self._some()
        payload = await self.api.attempt("deleteIncident", id=identifier)
        if not payload["userErrors"]:
            payload["incident"] = {"id": identifier, "version": None}
            self._note("delete", payload, lambda change: change.action is ChangeAction.DELETED)

    async def _turn_over_systems(self) -> None:
        present = self._present_systems()
        if len(present) < _SYSTEMS_AT_ONCE:
            key = f"system-{next(self._numbers)}"
            payload = await self.api.write("createSystem", key=key, name=key)
            self.systems[key] = payload["system"]["id"]
            return
        key = self.random.choice(present)
        self.systems_doomed.add(key)
        await self.api.write("deleteSystem", id=key)
        self.systems_deleted.add(key)

    async def _write(
        self,
        what: str,
        mutation: str,
        input: dict[str, Any],
        shows: Callable[[Change], bool] | None,
        *,
        part: str | None = None,
    ) -> None:
        payload = await self.api.attempt(mutation, **input)
        if payload["userErrors"]:
            return
        if part is not None:
            identifier = payload[part]["id"]
            self._note(what, payload, lambda change: identifier in {touched.id for touched in change.touched})
        elif shows is not None:
            self._note(what, payload, shows)

    def _note(
        self, what: str, payload: dict[str, Any], shows: Callable[[Change], bool], *, version: int | None = None
    ) -> None:
        incident = payload["incident"]
        self.acknowledged.append(
            Acknowledged(
                what=what,
                incident=incident["id"],
                cursor=payload["cursor"],
                version=version or incident["version"],
                shows=shows,
            )
        )

    def _some(self) -> str:
        # Mostly one of the last: clients that write the same incidents are the interesting ones.
        return self.random.choice(self.incidents[-20:]) if self.incidents else "inc_none"

    def _moment(self) -> str:
        """Return a random moment of the last hour."""
        return iso(datetime.now(UTC) - timedelta(seconds=self.random.uniform(0, 3600)))

    def _present_systems(self) -> list[str]:
        return [key for key in self.systems if key not in self.systems_doomed]


def _in_status(status: str) -> Callable[[Change], bool]:
    return lambda change: (change.next or {}).get("status") == status.lower()
