"""The simulation: it plays each change of the past in order, and everything that is due between them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from domain.automations.definitions.definition import Definition
from domain.automations.engine.adapter import Workflow
from domain.automations.services.dry_run.feed import Feed, FeedPage
from domain.automations.services.dry_run.idle import IdleSelector
from domain.automations.services.dry_run.model import DryRunLimits, Truncation
from domain.automations.services.dry_run.replay import Replay
from domain.automations.services.dry_run.scratch import Scratch
from domain.model.automation import RunStatus
from domain.model.change import Change
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

#: The most changes without listeners that are written at once.
#: The most seconds of wall time for each second of CPU time; the caller's timeout is 20 s.
_MOST_PER_SECOND = 1.8
_BATCH = 500
_PAGE = 500


class TruncatedError(Exception):
    """A dry run that reached one of its limits."""

    def __init__(self, reason: Truncation) -> None:
        super().__init__(reason)
        self.reason = reason


class Simulation:
    """One automation in one past; events of the same moment happen in a fixed order."""

    def __init__(
        self,
        scratch: Scratch,
        selector: IdleSelector,
        *,
        definition: Definition,
        without: str | None,
        limits: DryRunLimits,
        replay: Replay,
    ) -> None:
        self._scratch = scratch
        self._selector = selector
        self._limits = limits
        self._replay = replay
        self._without = without
        self._listens = frozenset(trigger.event for trigger in definition.triggers)
        self._started, self._began = time.thread_time(), time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._runs = self._firings = 0
        self._pending: list[Change] = []
        #: Whether runs and dwells may have changed since they were read.
        self._is_stale = False
        self._position = 0
        #: When the schedule has something due.
        self._scheduled: datetime | None = None
        #: Entities whose changes may break a dwell or close an artifact.
        self._followed: set[str] = set()
        #: Changes that the automation made in the past, and what others did in answer.
        self._undone: set[str] = set()
        self.changes = 0
        self.stopped = False
        selector.is_idle = lambda: scratch.database.is_idle
        selector.is_over = self._is_over

    async def play(self, feed: Feed, until: datetime) -> Truncation | None:
        """Play the whole span; return the reason if it ended early."""
        try:
            self._scheduled = await self._read(lambda session: session.automations.next_due())
            async for page in feed.pages():
                self._replay.learn(page.dedupe_keys)
                await self._page(page)
            await self._pass(until)
            await self._flush()
        except TruncatedError as error:
            return error.reason
        return None

    async def close(self) -> None:
        """Cancel the tasks that still wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _page(self, page: FeedPage) -> None:
        for change in page.changes:
            await self._pass(change.occurred_at)
            self._check()
            if self._is_undone(change):
                continue
            self._scratch.clock.move(change.occurred_at)
            self.changes += 1
            self._pending.append(change)
            if self._concerns(change) or len(self._pending) >= _BATCH:
                await self._flush()

    async def _pass(self, moment: datetime) -> None:
        """Advance time to that moment, and run everything that is due until then."""
        clock = self._scratch.clock
        while True:
            moments = [due for due in (clock.next_moment(), self._scheduled) if due is not None]
            if not moments or min(moments) > moment:
                break
            await self._flush()
            clock.move(min(moments))
            if not clock.wake_next():
                await self._scratch.automations.scheduler.run_pending()
                self._scheduled = await self._read(lambda session: session.automations.next_due())
            await self._settle()
            self._check()

    async def _flush(self) -> None:
        """Write the pending changes, of which only the last may be routed, and run what follows."""
        batch, self._pending = self._pending, []
        if not batch:
            return
        written, self._position = await self._replay.write(batch)
        if written and written[-1].id == batch[-1].id and self._concerns(written[-1]):
            await self._react(written[-1])
            await self._settle()

    async def _react(self, change: Change) -> None:
        # First new firings, then waits: the order in which it happens where a wake-up takes its time.
        if change.kind in self._scratch.automations.routed and self._is_routed(change):
            await self._scratch.database.write(partial(self._route, change))
            self._is_stale = True
        self._scratch.automations.wakes.wake(change)

    async def _route(self, change: Change, unit: UnitOfWork) -> None:
        await self._scratch.automations.router.route(unit, change)

    async def _settle(self) -> None:
        """Run the fired and woken runs, and what follows, until everything left waits for time."""
        while True:
            enqueued = self._scratch.engine.take()
            for workflow, identifier in enqueued:
                self._tasks.append(asyncio.create_task(self._handler(workflow)(identifier)))
            await self._selector.idle()
            self._check()
            fresh = await self._read(self._fresh)
            for change in fresh:
                self._position = change.seq
                self._replay.diverge(change.entity_id)
                await self._react(change)
            if not fresh and not enqueued:
                break
            self._is_stale = True
            self._check()
        if self._is_stale:
            await self._review()

    def _handler(self, workflow: Workflow) -> Callable[[str], Any]:
        automations = self._scratch.automations
        return automations.runner.execute if workflow is Workflow.RUN else automations.dwells.keep

    async def _fresh(self, session: ReadSession) -> Sequence[Change]:
        return await session.changes.after(self._position, limit=_PAGE)

    async def _review(self) -> None:
        """Read the present runs and dwells, and the entities that they depend on."""
        self._is_stale = False
        ended = [task for task in self._tasks if task.done()]
        self._tasks = [task for task in self._tasks if not task.done()]
        for task in ended:
            task.result()
        self._followed, self._runs, self._firings = await self._read(_reviewed)

    async def _read(self, read: Callable[[ReadSession], Awaitable[Any]]) -> Any:
        return await self._scratch.database.read(read)

    def _is_undone(self, change: Change) -> bool:
        """Return whether a change was caused by the automation's own runs in the past."""
        cause = change.cause
        own = cause.run_id is not None and change.actor.id == self._without
        if not own and cause.change_id not in self._undone:
            return False
        self._undone.add(change.id)
        self._replay.diverge(change.entity_id)
        return True

    def _concerns(self, change: Change) -> bool:
        # A change of a diverged incident may fire other events than it did.
        return (
            self._is_routed(change)
            or self._scratch.automations.wakes.is_awaited(change)
            or self._replay.is_diverged(change)
        )

    def _is_routed(self, change: Change) -> bool:
        is_followed = change.entity_id in self._followed and not change.is_comment_only
        return is_followed or not self._listens.isdisjoint(change.events)

    def _is_over(self) -> bool:
        # A run may loop for thousands of steps, whose statements take time in other threads.
        taken, passed = time.thread_time() - self._started, time.monotonic() - self._began
        return self.stopped or taken > self._limits.seconds or passed > self._limits.seconds * _MOST_PER_SECOND

    def _check(self) -> None:
        limits = self._limits
        taken = (
            (self._runs >= limits.runs, Truncation.RUNS),
            (self._firings >= limits.firings, Truncation.FIRINGS),
            (self.changes >= limits.changes, Truncation.CHANGES),
            (self._is_over(), Truncation.SECONDS),
        )
        for is_over, reason in taken:
            if is_over:
                raise TruncatedError(reason)


async def _reviewed(session: ReadSession) -> tuple[set[str], int, int]:
    followed = {*await session.dwells.entities(), *await session.artifacts.open_entities()}
    counts = await session.runs.status_counts()
    firings = sum(counts.values())
    return followed, firings - counts.get(RunStatus.SKIPPED, 0), firings
