"""Runs that wait for nothing but the good of an incident that is over: ended where a new firing needs their place.

Whoever executes such a run ends it as well, a moment later, or when it is back after a crash. A new outage that comes
within that moment must not find the place taken, or nobody would open an incident for it.
"""

from collections.abc import Sequence
from dataclasses import replace

from domain.automations.running.journal import Journal, actor_of
from domain.automations.running.subjects import FOR_INCIDENT, in_branch
from domain.entities.handle import Origin
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep, StepStatus, WaitEnd
from domain.persistence.unit_of_work import UnitOfWork


async def release(unit: UnitOfWork, journal: Journal, automation: Automation, runs: Sequence[AutomationRun]) -> int:
    """End those of these runs that wait for an incident whose end was routed; how many. Their automation is locked."""
    waiting = [run for run in runs if run.status is RunStatus.WAITING]
    closed = await unit.artifacts.closed_entities([run.id for run in waiting])
    ended = 0
    for run in waiting:
        step = _only_wait(await unit.runs.unfinished_steps(run.id)) if closed[run.id] else None
        if step is not None and step.input[FOR_INCIDENT] in closed[run.id]:
            await _end(unit, journal, automation, run, step)
            ended += 1
    return ended


def _only_wait(steps: Sequence[RunStep]) -> RunStep | None:
    """The one step that a run is at, where that waits for an incident."""
    if len(steps) != 1 or steps[0].status is not StepStatus.WAITING or in_branch(steps[0]):
        return None
    return steps[0] if FOR_INCIDENT in (steps[0].input or {}) else None


async def _end(unit: UnitOfWork, journal: Journal, automation: Automation, run: AutomationRun, step: RunStep) -> None:
    incident_id = step.input[FOR_INCIDENT]
    there = await unit.incidents.get_many([incident_id])
    reason = WaitEnd.INCIDENT_RESOLVED if there else WaitEnd.INCIDENT_DELETED
    output = {"ended": reason.value, FOR_INCIDENT: incident_id}
    over = replace(step, status=StepStatus.SUCCESS, finished_at=unit.moment(), output=output)
    origin = Origin(actor=actor_of(automation), cause=run.cause, run_id=run.id)
    await journal.note(unit, over, origin)
    await journal.finish(unit, run.id, RunStatus.SUCCESS, reason.message, origin)
