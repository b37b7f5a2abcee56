"""Runs of automations as reactive entities: their status has a history that clients can follow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.entities.kind import EntityKind, Snapshot
from domain.model.automation import AutomationRun, RunStatus, SkipReason
from domain.persistence.unit_of_work import ReadSession, UnitOfWork


class RunState(BaseModel):
    """The reactive part of a run."""

    model_config = ConfigDict(extra="ignore")

    status: RunStatus
    reason: SkipReason | None = None


def snapshot_of(run: AutomationRun) -> Snapshot[AutomationRun]:
    """Return the handle's snapshot of a run."""
    return Snapshot(
        entity=run,
        version=run.version,
        state={"status": run.status, "reason": run.reason},
        facts={"automation_id": run.automation_id, "trigger_id": run.trigger_id, "message": run.message},
    )


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[AutomationRun]]:
    return {identifier: snapshot_of(run) for identifier, run in (await session.runs.get_many(ids)).items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    await unit.runs.lock(ids)


async def _stamp(
    unit: UnitOfWork, snapshot: Snapshot[AutomationRun], version: int, _now: datetime
) -> Snapshot[AutomationRun]:
    run = replace(snapshot.entity, version=version)
    await unit.runs.stamp(run)
    return snapshot_of(run)


RUN: EntityKind[AutomationRun] = EntityKind(
    name="automation_run",
    state=RunState,
    read=_read,
    rows="automation_runs.id",
    lock=_lock,
    stamp=_stamp,
    # A firing that led to no run never changed: it is kept with its reason alone.
    is_logged=lambda run: run.entity.status is not RunStatus.SKIPPED,
)
