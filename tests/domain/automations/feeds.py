"""Feeds of health reports: played for real through a world, or written as history for a dry run."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.automations.services.dry_run.diffs import diffs_of
from domain.automations.services.dry_run.model import IncidentDiff, Prediction
from domain.messaging.tail import LogTail
from domain.model.automation import AutomationRun, RunStatus
from domain.model.change import TouchKind
from domain.model.incident import Health
from domain.persistence.unit_of_work import ReadSession
from tests.domain.automations.world import World
from tests.inside import inside

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SYSTEMS = ("payments", "search", "login")
#: More iterations of the loop than a change needs from its reader to the wait that it wakes.
_ITERATIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report of a feed."""

    at: datetime
    system: str
    health: Health


def make_feed(seed: int, length: int = 11) -> list[Report]:
    """Return that many reports, seconds to an hour apart."""
    pick = random.Random(seed)
    moment, reports = START + timedelta(seconds=5), []
    for _ in range(length):
        moment += timedelta(
            milliseconds=pick.choice((7_000, 61_000, 173_000, 650_000, 3_000_000)) + pick.randrange(999)
        )
        reports.append(Report(at=moment, system=pick.choice(SYSTEMS), health=pick.choice(tuple(Health))))
    return reports


async def play(world: World, feed: Sequence[Report], until: datetime) -> None:
    """Play the feed, moment after moment."""
    runner = world.domain.automations.runner
    # Fallback polls would change nothing, thousands of times.
    runner._tools = replace(runner._tools, fallback_poll_seconds=None)
    async with unread(inside(world.domain).tail):
        for report in feed:
            await pass_time(world, report.at)
            await world.report(report.system, report.health)
            await settled(world)
        await pass_time(world, until)


@asynccontextmanager
async def unread(tail: LogTail) -> AsyncIterator[None]:
    """Stop background reads of the log: a wait wakes once a change is routed, and not before."""
    await tail.stop()
    try:
        yield
    finally:
        await tail.read_now()
        tail._stopping = False
        await tail.start()


async def pass_time(world: World, moment: datetime) -> None:
    """Advance to that moment, stopping at each moment before it that a wait is due."""
    clock = world.clock
    while due := [until for until in clock._waiting.values() if whole(until) <= moment]:
        clock.advance(seconds=max(0.0, (whole(min(due)) - clock.moment).total_seconds()))
        await world.fire()
        await settled(world)
    clock.advance(seconds=max(0.0, (moment - clock.moment).total_seconds()))


async def settled(world: World) -> None:
    """Wait until everything under way waits itself: no write is pending."""
    # What happens to a run is in the log: to read the log's end costs less than to read the runs.
    tail, before = inside(world.domain).tail, -1
    while True:
        position = await world.settle()
        if tail.last < position:
            await tail.read_now()
        if await _is_idle(world) and position == before:
            return
        before = position


async def _is_idle(world: World) -> bool:
    """Return whether everything waits for the clock, and still does after some iterations of the loop."""
    for _ in range(_ITERATIONS):
        under_way = sum(not task.done() for task in world._tasks.values())
        if under_way != len(world.clock._waiting) or not inside(world.domain).database.is_idle:
            return False
        await asyncio.sleep(0)
    return True


def whole(moment: datetime) -> datetime:
    """Return the moment in whole milliseconds, not before it."""
    over = moment.microsecond % 1000
    return moment if not over else moment + timedelta(microseconds=1000 - over)


async def happened(world: World, systems: Mapping[str, str]) -> dict[str, Any]:
    """Return the results of the world's runs, without the ids that no prediction can know."""
    runs = await world.runs()

    async def read(session: ReadSession) -> tuple[IncidentDiff, ...]:
        changes = await session.changes.written_by([run.id for run in runs], besides="automation_run", limit=1000)
        ids = [part.id for change in changes for part in change.touched if part.kind is TouchKind.ADDED]
        entries = await session.timeline.get_many(ids)
        return diffs_of(changes, {entry.id: entry.message for entry in entries.values()})

    started = [run for run in runs if run.status is not RunStatus.SKIPPED]
    steps = [[*await world.steps(run)] for run in started]
    skips: dict[str, int] = {}
    for run in runs:
        if run.reason is not None:
            skips[str(run.reason)] = skips.get(str(run.reason), 0) + 1
    diffs = await inside(world.domain).database.read(read)
    return compared(zip(started, steps, strict=True), diffs, skips, systems)


def predicted(prediction: Prediction, systems: Mapping[str, str]) -> dict[str, Any]:
    """Return the same of a prediction."""
    runs = [(predicted_run.run, predicted_run.steps) for predicted_run in prediction.runs]
    skips = {str(reason): count for reason, count in prediction.skips.items()}
    return compared(runs, prediction.incidents, skips, systems)


def compared(
    runs: Any, diffs: Sequence[IncidentDiff], skips: Mapping[str, int], systems: Mapping[str, str]
) -> dict[str, Any]:
    """Return runs, incidents and skips in a comparable form; incidents and runs in the order in which they came."""
    runs = sorted(runs, key=lambda pair: (pair[0].created_at, pair[0].firing.context_key or ""))
    diffs = sorted(diffs, key=lambda diff: (diff.changes[0].occurred_at, diff.title))
    incidents = {diff.incident_id: f"incident {index}" for index, diff in enumerate(diffs)}
    names = dict(systems) | incidents
    position = {run.id: index for index, (run, _) in enumerate(runs)}
    return {
        "runs": [_run(run, steps, names) for run, steps in runs],
        "incidents": [
            (names[diff.incident_id], diff.title, diff.opened, diff.resolved, _changes(diff, names, position))
            for diff in diffs
        ],
        "skips": dict(sorted(skips.items())),
    }


def _run(run: AutomationRun, steps: Sequence[Any], names: Mapping[str, str]) -> Any:
    key = run.firing.context_key
    outcome = (run.trigger_id, run.firing.event, names.get(key or "", key), run.status, run.message)
    times = (run.created_at, run.started_at, run.finished_at, run.firing.occurred_at)
    walked = [(step.path, step.kind, step.status, step.started_at, step.finished_at, step.error) for step in steps]
    return (*outcome, *times, walked)


def _changes(diff: IncidentDiff, names: Mapping[str, str], position: Mapping[str, int]) -> Any:
    return [
        (
            position[str(change.run_id)],
            change.action,
            change.occurred_at,
            [(each.name, _named(each.before, names), _named(each.after, names)) for each in change.fields],
            change.messages,
        )
        for change in diff.changes
    ]


def _named(value: Any, names: Mapping[str, str]) -> Any:
    return [names.get(each, each) for each in value] if isinstance(value, list) else value


def shifted(feed: Sequence[Report], by: timedelta) -> list[Report]:
    """Return the same feed at another time."""
    return [replace(report, at=report.at + by) for report in feed]
