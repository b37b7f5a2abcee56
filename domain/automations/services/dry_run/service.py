"""The service of dry runs: it runs an automation on the past by the code that runs it for real."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.automations.definitions.definition import Definition
from domain.automations.expressions.secret_references import secret_names
from domain.automations.services.automations import WriteAutomation
from domain.automations.services.dry_run.clock import VirtualClock
from domain.automations.services.dry_run.diffs import diffs_of
from domain.automations.services.dry_run.feed import Feed
from domain.automations.services.dry_run.idle import IdleSelector
from domain.automations.services.dry_run.model import DryRunLimits, Omission, PredictedRun, Prediction, Truncation
from domain.automations.services.dry_run.replay import Replay
from domain.automations.services.dry_run.scratch import OUTSIDE, empty_database, scratch_domain
from domain.automations.services.dry_run.simulation import Simulation
from domain.automations.services.system import Secrets
from domain.automations.validation import parsed
from domain.automations.validation.catalog import Catalog
from domain.clock import Clock
from domain.entities.run import RUN
from domain.errors import CursorExpiredError, InvalidInputError, NotFoundError
from domain.model.actor import SYSTEM
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep
from domain.model.change import Change, TouchKind
from domain.model.paging import PageRequest
from domain.model.viewer import Role, Viewer
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

_NAME = "Dry run"
#: The state window before the span lies within the calendar, too.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
#: The viewer who writes the automation in the scratch domain.
_KEEPER = Viewer(actor=SYSTEM, role=Role.ADMIN)
_MOST_CHANGES = 10_000
_CHUNK = 500
_DROPPED = "changes of incidents that only the automation itself had opened"


class DryRuns:
    """A service that predicts runs of automations; one dry run at a time, since each takes a core."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        catalog: Catalog,
        secrets: Secrets,
        limits: DryRunLimits | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._secrets = secrets
        self._limits = limits or DryRunLimits()
        self._turns = asyncio.Semaphore(1)

    async def predict(
        self, definition: Mapping[str, Any], *, since: datetime, until: datetime, automation_id: str | None = None
    ) -> Prediction:
        """Predict the runs of an automation with this definition between two moments, up to now at the latest.

        With the id of an automation, what that one did in the past is left out of it.

        Raises:
            InvalidDefinitionError: the definition has problems.
            InvalidInputError: the span is none.
            CursorExpiredError: changes of the span are no longer kept.
            NotFoundError: there is no automation of that id.
        """
        # In a thread, as where it is saved: many long expressions take seconds.
        document = await asyncio.to_thread(parsed, definition, self._catalog)
        until = _checked_end(since, min(until, self._clock.now()))
        name = _NAME if automation_id is None else (await self._automation(automation_id)).name
        trial = _Trial(
            definition=definition,
            document=document,
            name=name,
            without=automation_id,
            feed=Feed(self._database, kinds=self._catalog.kinds, since=since, before=until),
            since=since,
            until=until,
            catalog=self._catalog,
            secrets=await self._secrets_of(definition),
            limits=self._limits,
        )
        await self._require_whole(since)
        async with self._turns:
            try:
                # In a thread with a loop of its own, so that the server's loop is not blocked.
                prediction = await asyncio.to_thread(trial.run)
            finally:
                trial.stop()
        # Changes pruned meanwhile may have been missed.
        await self._require_whole(since)
        return prediction

    async def _require_whole(self, since: datetime) -> None:
        if not await self._database.read(lambda session: session.past.is_whole(since)):
            message = "Some of the changes since then are no longer kept. Begin the span later."
            raise CursorExpiredError(message, field=["from"])

    async def _secrets_of(self, definition: Mapping[str, Any]) -> Mapping[str, str]:
        names = secret_names(definition)
        known = await self._secrets.known(names) if names else []
        return await self._secrets.resolve(known) if known else {}

    async def _automation(self, automation_id: str) -> Automation:
        found = await self._database.read(lambda session: session.automations.get_many([automation_id]))
        if automation_id not in found:
            raise NotFoundError("Automation", automation_id, field=["automationId"])
        return found[automation_id]


@dataclass(slots=True, kw_only=True)
class _Trial:
    """One dry run."""

    definition: Mapping[str, Any]
    document: Definition
    name: str
    without: str | None
    feed: Feed
    since: datetime
    until: datetime
    catalog: Catalog
    secrets: Mapping[str, str]
    limits: DryRunLimits
    simulation: Simulation | None = None
    is_stopped: bool = False

    def stop(self) -> None:
        """Stop the dry run soon; callable from any thread."""
        self.is_stopped = True
        if self.simulation is not None:
            self.simulation.stopped = True

    def run(self) -> Prediction:
        """Run the dry run in an event loop of this thread's own."""
        empty, selector = empty_database(), IdleSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            return runner.run(self._play(empty, selector))

    async def _play(self, empty: bytes, selector: IdleSelector) -> Prediction:
        started = time.thread_time()
        clock = VirtualClock(self.since)
        async with scratch_domain(empty, clock, self.catalog, self.secrets) as scratch:
            replay = Replay(scratch, opened_at=self.since)
            window = timedelta(minutes=self.document.state_window_minutes)
            opening = await self.feed.opening(window=window, token_id=self.document.run_as)
            await replay.open(opening)
            command = WriteAutomation(name=self.name, definition=self.definition)
            await scratch.automations.service.create(_KEEPER, command)
            simulation = self.simulation = Simulation(
                scratch,
                selector,
                definition=self.document,
                without=self.without,
                limits=self.limits,
                replay=replay,
            )
            simulation.stopped = self.is_stopped
            truncation = await simulation.play(self.feed, self.until)
            await simulation.close()
            return await scratch.database.read(
                lambda session: self._prediction(
                    session,
                    simulation,
                    dropped=replay.dropped,
                    truncation=truncation or (Truncation.STATE if opening.truncated else None),
                    until=clock.now() if truncation else self.until,
                    seconds=time.thread_time() - started,
                )
            )

    async def _prediction(
        self,
        session: ReadSession,
        simulation: Simulation,
        *,
        dropped: int,
        truncation: Truncation | None,
        until: datetime,
        seconds: float,
    ) -> Prediction:
        active = [status for status in RunStatus if status is not RunStatus.SKIPPED]
        page = await session.runs.page(PageRequest(size=self.limits.runs), statuses=active)
        runs = list(page.items)[::-1]
        steps = await _steps(session, runs)
        changes = await _changes(session, runs)
        return Prediction(
            since=self.since,
            until=until,
            changes=simulation.changes,
            runs=tuple(PredictedRun(run=run, steps=tuple(steps[run.id])) for run in runs),
            incidents=diffs_of(changes, await _messages(session, changes)),
            skips=await session.runs.skip_counts(),
            omissions=tuple(_omissions(steps, dropped)),
            truncated=truncation,
            seconds=seconds,
        )


def _checked_end(since: datetime, until: datetime) -> datetime:
    if since < _EARLIEST:
        raise InvalidInputError("The span must begin in 1970 or later.", field=["from"])
    if since >= until:
        raise InvalidInputError("The span must begin before it ends, and before now.", field=["from"])
    return until


async def _steps(session: ReadSession, runs: list[AutomationRun]) -> dict[str, list[RunStep]]:
    found: dict[str, list[RunStep]] = {}
    for start in range(0, len(runs), _CHUNK):
        found |= await session.runs.steps([run.id for run in runs[start : start + _CHUNK]])
    return found


async def _changes(session: ReadSession, runs: list[AutomationRun]) -> list[Change]:
    found: list[Change] = []
    for start in range(0, len(runs), _CHUNK):
        ids = [run.id for run in runs[start : start + _CHUNK]]
        found += await session.changes.written_by(ids, besides=RUN.name, limit=_MOST_CHANGES)
    return sorted(found, key=lambda change: change.seq)


async def _messages(session: ReadSession, changes: list[Change]) -> dict[str, str]:
    ids = [
        part.id
        for change in changes
        for part in change.touched
        if part.part == "updates" and part.kind is TouchKind.ADDED
    ]
    messages: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        entries = await session.timeline.get_many(ids[start : start + _CHUNK])
        messages |= {entry.id: entry.message for entry in entries.values()}
    return messages


def _omissions(steps: Mapping[str, list[RunStep]], dropped: int) -> list[Omission]:
    outside = Counter(
        str(step.action)
        for of_run in steps.values()
        for step in of_run
        if isinstance(step.output, dict) and step.output.get("skipped") == OUTSIDE
    )

    omissions = [Omission(what=action, count=count) for action, count in sorted(outside.items())]
    return [*omissions, Omission(what=_DROPPED, count=dropped)] if dropped else omissions
