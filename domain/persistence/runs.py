"""Runs of automations and their steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.automation import ACTIVE, AutomationRun, Firing, RunStatus, RunStep, SkipReason, StepStatus
from domain.model.paging import Page, PageRequest
from domain.persistence.automation_tables import automation_runs, automation_steps, automations
from domain.persistence.dialects import insert_or_ignore, literal, lock_rows, upsert_of_rows
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.prepared import Prepared, among

# Statements that every step of every run executes.
_RUNS = automation_runs.c
_STEPS = automation_steps.c
_BY_IDS = Prepared(lambda sqlite: sa.select(automation_runs).where(among(_RUNS.id, "ids", sqlite=sqlite)))
_STEPS_OF = (
    sa.select(automation_steps).where(_STEPS.run_id.in_(sa.bindparam("ids", expanding=True))).order_by(_STEPS.position)
)
_STEP = Prepared(
    lambda _: sa.select(automation_steps).where(
        _STEPS.run_id == sa.bindparam("run_id"), _STEPS.path == sa.bindparam("path")
    )
)
_PUT_STEP = Prepared(
    lambda sqlite: upsert_of_rows(automation_steps, ("run_id", "path"), sqlite_has_it=sqlite),
    [column.name for column in _STEPS],
)
_STAMPED = ("status", "reason", "message", "version", "started_at", "finished_at")
_STAMP = Prepared(
    lambda _: (
        sa.update(automation_runs)
        .where(_RUNS.id == sa.bindparam("run_id"))
        .values({name: sa.bindparam(name) for name in _STAMPED})
    )
)
_PENDING = _RUNS.status == literal(RunStatus.PENDING.value)
_PRESENT = sa.select(automations.c.number).where(automations.c.id == sa.bindparam("automation")).scalar_subquery()
_STANDING = Prepared(
    lambda _: sa.select(
        sa.func.count().label("active"),
        sa.func.count(sa.case((_PENDING, 1))).label("pending"),
        sa.func.count(sa.case((sa.and_(_PENDING, _RUNS.number < _PRESENT), 1))).label("outdated"),
        sa.func.min(_RUNS.id).label("oldest"),
    ).where(
        _RUNS.automation_id == sa.bindparam("automation"),
        _RUNS.bucket == sa.bindparam("bucket"),
        _RUNS.status.in_([literal(status.value) for status in ACTIVE]),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The active runs of a bucket, in figures."""

    active: int
    #: The oldest run, where none has begun.
    first: str | None
    #: How many runs have not started that were admitted under an older version, whose mode may have been another.
    outdated: int


class RunRepository:
    """Runs by id, by their firing, and by the bucket that their mode counts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        #: They stay locked until the end of the transaction, which is this repository's own; until then only writes of
        #: this repository change what it reads of them.
        self._locked: set[str] = set()
        self._held: dict[str, AutomationRun] = {}
        self._held_steps: dict[tuple[str, str], RunStep | None] = {}

    async def get_many(self, ids: Sequence[str]) -> dict[str, AutomationRun]:
        """Return the runs of these ids; unknown ones are left out."""
        found = {identifier: self._held[identifier] for identifier in ids if identifier in self._held}
        missing = [identifier for identifier in ids if identifier not in found]
        if missing:
            rows = await _BY_IDS.rows(self._connection, {"ids": missing})
            read = {row["id"]: _run(row) for row in rows}
            self._held |= {identifier: run for identifier, run in read.items() if identifier in self._locked}
            found |= read
        return found

    async def lock(self, ids: Sequence[str]) -> None:
        """Lock these runs against other writers until the commit."""
        if missing := [identifier for identifier in ids if identifier not in self._locked]:
            await lock_rows(self._connection, automation_runs, missing)
            self._locked.update(missing)

    async def find(self, automation_id: str, trigger_id: str, key: str) -> AutomationRun | None:
        """Return the run of a firing."""
        columns = automation_runs.c
        statement = sa.select(automation_runs).where(
            columns.automation_id == automation_id, columns.trigger_id == trigger_id, columns.firing_key == key
        )
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _run(row)

    async def once_taken(self, automation_id: str, once_key: str) -> bool:
        """Return whether a run for that value of `once_for` exists."""
        columns = automation_runs.c
        statement = sa.select(columns.id).where(columns.automation_id == automation_id, columns.once_key == once_key)
        return await self._connection.scalar(statement) is not None

    async def insert(self, run: AutomationRun, *, once_key: str | None = None) -> bool:
        """Write a new run; return False where its firing has one already, or the value of `once_for` is taken."""
        values = {**_row(run), "once_key": once_key}
        return (
            await self._connection.execute(insert_or_ignore(self._connection, automation_runs, values))
        ).rowcount > 0

    async def stamp(self, run: AutomationRun) -> None:
        """Write the present status of a locked run."""
        row = _row(run)
        await _STAMP.run(self._connection, {"run_id": run.id, **{name: row[name] for name in _STAMPED}})
        if run.id in self._held:
            self._held[run.id] = run

    async def active(self, automation_id: str, bucket: str | None = None) -> list[AutomationRun]:
        """Return the active runs of an automation, or of one bucket of it, oldest first."""
        columns = automation_runs.c
        statement = sa.select(automation_runs).where(columns.automation_id == automation_id, columns.status.in_(ACTIVE))
        if bucket is not None:
            statement = statement.where(columns.bucket == bucket)
        rows = (await self._connection.execute(statement.order_by(columns.id))).mappings()
        return [_run(row) for row in rows]

    async def standing(self, automation_id: str, bucket: str) -> Standing:
        """Return the figures of a bucket's active runs."""
        [row] = await _STANDING.rows(self._connection, {"automation": automation_id, "bucket": bucket})
        is_all_pending = row["pending"] == row["active"]
        return Standing(active=row["active"], first=row["oldest"] if is_all_pending else None, outdated=row["outdated"])

    async def started(self, automation_id: str, bucket: str, *, since: datetime) -> int:
        """Return how many runs of a bucket were started after that moment, however they ended."""
        columns = automation_runs.c
        statement = sa.select(sa.func.count()).where(
            columns.automation_id == automation_id,
            columns.bucket == bucket,
            columns.created_at > since,
            columns.status != literal(RunStatus.SKIPPED.value),
        )
        return await self._connection.scalar(statement) or 0

    async def page(
        self,
        page: PageRequest,
        *,
        automation_id: str | None = None,
        statuses: Sequence[RunStatus] | None = None,
    ) -> Page[AutomationRun]:
        """Return one page of runs, newest first."""
        statement = sa.select(automation_runs).where(*_conditions(automation_id, statuses))
        statement = paged(statement, [automation_runs.c.id], page, descending=True)
        return page.cut([_run(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, *, automation_id: str | None = None, statuses: Sequence[RunStatus] | None = None) -> int:
        """Return the number of runs that match."""
        statement = sa.select(sa.func.count()).select_from(automation_runs).where(*_conditions(automation_id, statuses))
        return int(await self._connection.scalar(statement) or 0)

    async def pages(
        self, automation_ids: Sequence[str], page: PageRequest, *, statuses: Sequence[RunStatus]
    ) -> dict[str, Page[AutomationRun]]:
        """Return the page of each of these automations' runs, newest first."""

        def picked(automation_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.automation_id == automation_id)
            return paged(statement.where(alias.c.status.in_(statuses)), [alias.c.id], page, descending=True)

        found = await per_parent(
            self._connection, parents=(automations, automation_ids), child=automation_runs, children_of=picked
        )
        runs = [(parent, _run(row)) for parent, row in found]
        return pages_of(runs, automation_ids, page, order=lambda run: run.id, descending=True)

    async def counts(self, automation_ids: Sequence[str], *, statuses: Sequence[RunStatus]) -> dict[str, int]:
        """Return the number of runs of each of these automations."""
        columns = automation_runs.c
        return await count_per_parent(
            self._connection, columns.automation_id, automation_ids, columns.status.in_(statuses)
        )

    async def status_counts(self) -> dict[RunStatus, int]:
        """Return the number of runs in each status."""
        columns = automation_runs.c
        rows = await self._connection.execute(sa.select(columns.status, sa.func.count()).group_by(columns.status))
        return {RunStatus(status): count for status, count in rows}

    async def skip_counts(self) -> dict[SkipReason, int]:
        """Return the number of firings that led to no run, by reason."""
        columns = automation_runs.c
        statement = sa.select(columns.reason, sa.func.count()).where(columns.status == RunStatus.SKIPPED)
        rows = await self._connection.execute(statement.group_by(columns.reason))
        return {SkipReason(reason): count for reason, count in rows}

    async def of_changes(self, change_ids: Sequence[str], *, limit: int | None = None) -> list[AutomationRun]:
        """Return the first runs, skipped ones included, that these changes fired."""
        columns = automation_runs.c
        statement = sa.select(automation_runs).where(columns.change_id.in_(change_ids))
        statement = statement.order_by(columns.id).limit(limit)
        return [_run(row) for row in (await self._connection.execute(statement)).mappings()]

    async def forget(self, *, before: datetime, limit: int) -> int:
        """Delete the oldest final runs that were created before that moment, and return how many."""
        columns = automation_runs.c
        doomed = sa.select(columns.id).where(columns.created_at < before, columns.status.not_in(ACTIVE)).limit(limit)
        self._held.clear()
        statement = sa.delete(automation_runs).where(columns.id.in_(doomed.scalar_subquery()))
        return (await self._connection.execute(statement)).rowcount

    async def steps(self, run_ids: Sequence[str]) -> dict[str, list[RunStep]]:
        """Return the steps of these runs in the order in which the runs reached them."""
        found: dict[str, list[RunStep]] = {identifier: [] for identifier in run_ids}
        for row in (await self._connection.execute(_STEPS_OF, {"ids": list(run_ids)})).mappings():
            found[row["run_id"]].append(_step(row))
        return found

    async def step_pages(self, run_ids: Sequence[str], page: PageRequest) -> dict[str, Page[RunStep]]:
        """Return the page of each of these runs' steps, in the order in which the runs reached them."""

        def picked(run_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.run_id, alias.c.path).where(alias.c.run_id == run_id)
            return paged(statement, [alias.c.position, alias.c.path], page, descending=False)

        found = await per_parent(
            self._connection,
            parents=(automation_runs, run_ids),
            child=automation_steps,
            children_of=picked,
            key=("run_id", "path"),
        )
        steps = [(parent, _step(row)) for parent, row in found]
        return pages_of(steps, run_ids, page, order=lambda step: (step.position, step.path), descending=False)

    async def step_counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of steps that each of these runs has reached."""
        return await count_per_parent(self._connection, automation_steps.c.run_id, run_ids)

    async def get_steps(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RunStep]:
        """Return the steps of these runs and paths; unknown ones are left out."""
        statement = sa.select(automation_steps).where(sa.tuple_(_STEPS.run_id, _STEPS.path).in_(keys))
        rows = (await self._connection.execute(statement)).mappings()
        return {(row["run_id"], row["path"]): _step(row) for row in rows}

    async def step(self, run_id: str, path: str) -> RunStep | None:
        """Return one step of a run."""
        key = (run_id, path)
        if key in self._held_steps:
            return self._held_steps[key]
        rows = await _STEP.rows(self._connection, {"run_id": run_id, "path": path})
        step = _step(rows[0]) if rows else None
        if run_id in self._locked:
            self._held_steps[key] = step
        return step

    async def put_step(self, step: RunStep) -> None:
        """Write the present status of a step of a locked run."""
        self._held_steps.pop((step.run_id, step.path), None)
        await _PUT_STEP.run(self._connection, _step_row(step))

    async def unfinished_steps(self, run_id: str) -> list[RunStep]:
        """Return the unfinished steps of a run, in the order in which it reached them."""
        columns = automation_steps.c
        statement = sa.select(automation_steps).where(
            columns.run_id == run_id, columns.status.in_((StepStatus.RUNNING, StepStatus.WAITING))
        )
        rows = (await self._connection.execute(statement.order_by(columns.position))).mappings()
        return [_step(row) for row in rows]

    async def waiting_steps(self, run_id: str) -> int:
        """Return the number of a run's waiting steps."""
        columns = automation_steps.c
        statement = sa.select(sa.func.count()).select_from(automation_steps)
        statement = statement.where(columns.run_id == run_id, columns.status == StepStatus.WAITING)
        return int(await self._connection.scalar(statement) or 0)


def _conditions(automation_id: str | None, statuses: Sequence[RunStatus] | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if automation_id is not None:
        conditions.append(automation_runs.c.automation_id == automation_id)
    if statuses is not None:
        conditions.append(automation_runs.c.status.in_(statuses))
    return conditions


def _row(run: AutomationRun) -> dict[str, Any]:
    firing = run.firing
    return {
        "id": run.id,
        "automation_id": run.automation_id,
        "number": run.number,
        "trigger_id": run.trigger_id,
        "firing_key": firing.key,
        "event": firing.event,
        "payload": firing.payload,
        "actor": firing.actor.as_json(),
        "context_key": firing.context_key,
        "change_id": firing.change_id,
        "kind": firing.kind,
        "entity_id": firing.entity_id,
        "depth": firing.depth,
        "occurred_at": firing.occurred_at,
        "bucket": run.bucket,
        "status": run.status,
        "reason": run.reason,
        "message": run.message,
        "version": run.version,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _run(row: Mapping[Any, Any]) -> AutomationRun:
    return AutomationRun(
        id=row["id"],
        automation_id=row["automation_id"],
        number=row["number"],
        trigger_id=row["trigger_id"],
        firing=Firing(
            event=row["event"],
            key=row["firing_key"],
            payload=row["payload"],
            actor=Actor.from_json(row["actor"]),
            context_key=row["context_key"],
            change_id=row["change_id"],
            kind=row["kind"],
            entity_id=row["entity_id"],
            depth=row["depth"],
            occurred_at=row["occurred_at"],
        ),
        bucket=row["bucket"],
        status=RunStatus(row["status"]),
        reason=None if row["reason"] is None else SkipReason(row["reason"]),
        message=row["message"],
        version=row["version"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _step_row(step: RunStep) -> dict[str, Any]:
    return {
        "run_id": step.run_id,
        "path": step.path,
        "position": step.position,
        "kind": step.kind,
        "action": step.action,
        "action_id": step.action_id,
        "status": step.status,
        "attempts": step.attempts,
        "input": step.input,
        "output": step.output,
        "request": step.request,
        "error": step.error,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "due_at": step.due_at,
    }


def _step(row: Mapping[Any, Any]) -> RunStep:
    values = {name: value for name, value in row.items() if name != "parent_id"}
    return RunStep(**{**values, "status": StepStatus(row["status"])})
