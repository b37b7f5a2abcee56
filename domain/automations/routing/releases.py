"""Early ends for runs that only wait on an incident that is over, when a new firing needs their place.

The worker of such a run ends it as well, a moment later, or on its resume after a crash. Until then the run would block
a new outage's run, and no incident would be opened for it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from domain.automations.running.journal import Journal, actor_of
from domain.automations.running.subjects import FOR_INCIDENT, in_branch
from domain.entities.origin import Origin
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep, StepStatus, WaitEnd
from domain.persistence.unit_of_work import UnitOfWork


async def release(
    unit: UnitOfWork, journal: Journal, automation: Automation, runs: Sequence[AutomationRun]
) -> Sequence[AutomationRun]:
    """End those of these runs that only wait on an incident that was resolved, and return them.

    A run whose incident was reopened meanwhile keeps waiting: later outages reuse that incident.
    """
    waiting = [run for run in runs if run.status is RunStatus.WAITING]
    closed = await unit.artifacts.closed_entities([run.id for run in waiting])
    waits = [(run, await _only_wait(unit, run, closed[run.id])) for run in waiting if closed[run.id]]
    over = [(run, step) for run, step in waits if step is not None]
    if not over:
        return []
    incidents = await unit.incidents.get_many([step.input[FOR_INCIDENT] for _, step in over])
    ended: list[AutomationRun] = []
    for run, step in over:
        incident = incidents.get(step.input[FOR_INCIDENT])
        if incident is None or not incident.is_open:
            reason = WaitEnd.INCIDENT_DELETED if incident is None else WaitEnd.INCIDENT_RESOLVED
            ended.append(await _end(unit, journal, automation, step=step, run=run, reason=reason))
    return ended


async def _only_wait(unit: UnitOfWork, run: AutomationRun, closed: Collection[str]) -> RunStep | None:
    """Return the only active step of a run if it waits on one of these incidents."""
    steps = await unit.runs.unfinished_steps(run.id)
    if len(steps) != 1 or steps[0].status is not StepStatus.WAITING or in_branch(steps[0]):
        return None
    return steps[0] if (steps[0].input or {}).get(FOR_INCIDENT) in closed else None


async def _end(
    unit: UnitOfWork, journal: Journal, automation: Automation, *, run: AutomationRun, step: RunStep, reason: WaitEnd
) -> AutomationRun:
    output = {"ended": reason.value, FOR_INCIDENT: step.input[FOR_INCIDENT]}
    over = replace(step, status=StepStatus.SUCCESS, finished_at=unit.moment(), output=output)
    origin = Origin(actor=actor_of(automation), cause=run.cause, run_id=run.id)
    await journal.note(unit, over, origin)
    return await journal.finish(unit, run.id, RunStatus.SUCCESS, reason.message, origin)
