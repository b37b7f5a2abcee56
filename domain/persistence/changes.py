"""The event log: every committed change in commit order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor, Cause
from domain.model.change import Change, ChangeAction, Touched, Transition
from domain.model.filters import EVERYTHING, Filter
from domain.model.health import HealthStep
from domain.model.paging import Page, PageRequest
from domain.model.selection import Logged
from domain.model.viewer import Audience, Visibility, widest
from domain.persistence.automation_tables import automation_runs
from domain.persistence.conditions import as_recorded, recorded_condition
from domain.persistence.dialects import append_one, json_list_overlaps, literal, lock_log
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.prepared import Bound, Prepared, run_bound
from domain.persistence.tables import server_state
from domain.persistence.transitions import transition_row

LOG_FLOOR = "log_floor"
_WRITTEN = [column.name for column in changes.c if column.name != "seq"]
_INSERT = Prepared(lambda _: sa.insert(changes).inline(), _WRITTEN)
_INSERT_ONE = Prepared(lambda sqlite: append_one(changes, _WRITTEN, sqlite=sqlite).returning(changes.c.seq), _WRITTEN)
_INSERT_STEPS = Prepared(
    lambda _: sa.insert(entity_transitions).inline(), [each.name for each in entity_transitions.c if each.name != "id"]
)
#: The position of the last change; null where all were pruned, and in an empty log.
HEAD = Prepared(lambda _: sa.select(sa.func.max(changes.c.seq).label("last")))


class ChangeRepository:
    """The log: appended as the last statements of a unit of work, read by position."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, pending: Sequence[tuple[Change, Sequence[Transition]]]) -> int:
        """Append changes and their transitions to the log, and return the position of the last one.

        The log is locked against other appenders until the commit.
        """
        steps = [transition_row(step) for _, transitions in pending for step in transitions]
        rows = [change_row(change) for change, _ in pending]
        if len(rows) == 1:
            await _INSERT_STEPS.insert(self._connection, steps)
            return int(await _INSERT_ONE.value(self._connection, rows[0], joins=True))
        await lock_log(self._connection)
        if steps:
            await _INSERT_STEPS.run_many(self._connection, steps)
        # Rows are numbered in this order; returning each number would insert them one by one.
        await _INSERT.run_many(self._connection, rows)
        return await self.head()

    async def load(self, log: Sequence[Bound]) -> None:
        """Append changes of a history that is being loaded, under the same lock."""
        await lock_log(self._connection)
        for bound in log:
            await run_bound(self._connection, bound)

    async def head(self) -> int:
        """Return the position of the last change; the floor where all were pruned, 0 in an empty log."""
        last = await HEAD.value(self._connection, {})
        return int(last) if last is not None else await self.floor()

    async def floor(self) -> int:
        """Return the position up to which changes were pruned; 0 when none were."""
        statement = sa.select(server_state.c.value).where(server_state.c.name == LOG_FLOOR)
        return int(await self._connection.scalar(statement) or 0)

    async def keeps(self, seq: int) -> bool:
        """Return whether all changes behind a position are kept, and the position is one of this log."""
        return bool(await self._connection.scalar(sa.select(is_kept(sa.literal(seq, changes.c.seq.type)))))

    async def after(self, seq: int, *, limit: int, kinds: Sequence[str] | None = None) -> list[Change]:
        """Return the next changes after a position, oldest first."""
        statement = sa.select(changes).where(changes.c.seq > seq).order_by(changes.c.seq).limit(limit)
        if kinds is not None:
            statement = statement.where(changes.c.kind.in_(kinds))
        return [change_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def fired(self, event: str, *, after: int, limit: int) -> list[Change]:
        """Return the next changes after a position that fired a trigger event, oldest first."""
        statement = sa.select(changes).where(changes.c.seq > after, changes.c.has_events)
        statement = statement.where(json_list_overlaps(self._connection.dialect, changes.c.events, [event]))
        rows = (await self._connection.execute(statement.order_by(changes.c.seq).limit(limit))).mappings()
        return [change_of(row) for row in rows]

    async def latest_seq(self, kind: str, entity_id: str, *, audience: Audience) -> int:
        """Return the position of the last change of an entity that this audience may see; 0 when there is none."""
        of_entity = sa.and_(changes.c.kind == kind, changes.c.entity_id == entity_id)
        seen = changes.c.visibility.in_(audience.visibilities)
        statement = sa.select(changes.c.seq).where(of_entity, seen).order_by(changes.c.version.desc()).limit(1)
        return int(await self._connection.scalar(statement) or 0)

    async def trace_of(self, kind: str, entity_id: str) -> str | None:
        """Return the trace context of an entity's first change; None where it has none, or is no longer kept."""
        first = sa.and_(changes.c.kind == kind, changes.c.entity_id == entity_id, changes.c.version == 1)
        cause = await self._connection.scalar(sa.select(changes.c.cause).where(first))
        return None if cause is None else Cause.from_json(cause).traceparent

    async def last_of(self, kind: str) -> int:
        """Return the position of the last change of a kind that has few; 0 when there is none."""
        return int(
            await self._connection.scalar(sa.select(sa.func.max(changes.c.seq)).where(changes.c.kind == kind)) or 0
        )

    async def page(
        self,
        kind: str,
        tree: Filter,
        page: PageRequest,
        *,
        audience: Audience,
        actions: Sequence[ChangeAction] | None = None,
        events: Sequence[str] | None = None,
        entity_id: str | None = None,
    ) -> Page[Change]:
        """Return one page of the log, oldest first, of changes that match before or after, and that are visible."""
        logged = _logged(actions, events)
        condition = log_condition(self._connection.dialect, kind, as_recorded(tree), logged, audience)
        if entity_id is not None:
            condition = sa.and_(condition, changes.c.entity_id == entity_id)
        statement = paged(sa.select(changes).where(condition), (changes.c.seq,), page, descending=False)
        rows = (await self._connection.execute(statement)).mappings()
        return page.cut([change_of(row) for row in rows])

    async def count(
        self,
        kind: str,
        tree: Filter,
        *,
        audience: Audience,
        actions: Sequence[ChangeAction] | None = None,
        events: Sequence[str] | None = None,
        entity_id: str | None = None,
    ) -> int:
        """Return the total number of changes on such pages."""
        logged = _logged(actions, events)
        condition = log_condition(self._connection.dialect, kind, as_recorded(tree), logged, audience)
        if entity_id is not None:
            condition = sa.and_(condition, changes.c.entity_id == entity_id)
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(changes).where(condition)) or 0)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Change]:
        """Return the changes of these ids; pruned ones are left out."""
        rows = (await self._connection.execute(sa.select(changes).where(changes.c.id.in_(ids)))).mappings()
        return {row["id"]: change_of(row) for row in rows}

    async def latest_of(self, kind: str, entity_id: str, *, limit: int) -> list[Change]:
        """Return the newest changes of an entity, oldest first."""
        of_entity = sa.and_(changes.c.kind == kind, changes.c.entity_id == entity_id)
        statement = sa.select(changes).where(of_entity).order_by(changes.c.version.desc()).limit(limit)
        return [change_of(row) for row in (await self._connection.execute(statement)).mappings()][::-1]

    async def written_by(self, run_ids: Sequence[str], *, besides: str, limit: int) -> list[Change]:
        """Return the first changes that these runs made, except those of one kind, oldest first."""
        made = sa.and_(changes.c.run_id.in_(run_ids), changes.c.kind != besides)
        statement = sa.select(changes).where(made).order_by(changes.c.seq).limit(limit)
        return [change_of(row) for row in (await self._connection.execute(statement)).mappings()]

    async def pages_of_runs(self, run_ids: Sequence[str], page: PageRequest, *, kind: str) -> dict[str, Page[Change]]:
        """Return the page of each of these runs' changes to entities of a kind, oldest first."""

        def picked(run_id: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            statement = sa.select(alias.c.id).where(alias.c.run_id == run_id, alias.c.kind == kind)
            return paged(statement, [alias.c.seq], page, descending=False)

        found = await per_parent(
            self._connection, parents=(automation_runs, run_ids), child=changes, children_of=picked
        )
        made = [(parent, change_of(row)) for parent, row in found]
        return pages_of(made, run_ids, page, order=lambda change: change.seq, descending=False)

    async def counts_of_runs(self, run_ids: Sequence[str], *, kind: str) -> dict[str, int]:
        """Return the number of changes that each of these runs made to entities of a kind."""
        return await count_per_parent(self._connection, changes.c.run_id, run_ids, changes.c.kind == kind)

    async def runs_that_created(self, kind: str, entity_ids: Sequence[str]) -> dict[str, str]:
        """Return the id of the run that created each of these entities; those that no run created are left out."""
        columns = changes.c
        statement = sa.select(columns.entity_id, columns.run_id).where(
            columns.kind == kind, columns.entity_id.in_(entity_ids), columns.version == 1, columns.run_id.is_not(None)
        )
        return {entity_id: run_id for entity_id, run_id in await self._connection.execute(statement)}

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Prune up to `limit` of the oldest changes, those older than a moment, and return how many."""
        oldest = sa.select(changes.c.seq).where(changes.c.occurred_at < before).order_by(changes.c.seq).limit(limit)
        seqs = list(await self._connection.scalars(oldest))
        if not seqs:
            return 0
        floor = max([*seqs, await self.floor()])
        await self._connection.execute(sa.delete(changes).where(changes.c.seq <= floor))
        await self._connection.execute(
            sa.update(server_state).where(server_state.c.name == LOG_FLOOR).values(value=str(floor))
        )
        return len(seqs)


def log_condition(
    dialect: sa.Dialect, kind: str, tree: Filter, logged: Logged, audience: Audience
) -> sa.ColumnElement[bool]:
    """Return the condition for changes of a kind that are wanted, match before or after, and are visible.

    The filter has values as recorded states have them.
    """
    conditions = [changes.c.kind == literal(kind)]
    if logged.events is not None:
        conditions += [changes.c.has_events, _fired(dialect, kind, logged.events)]
    if logged.actions is not None:
        conditions.append(changes.c.action.in_([literal(action.value) for action in logged.actions]))
    if audience is not Audience.MANAGER:
        conditions.append(changes.c.visibility.in_([literal(seen.value) for seen in audience.visibilities]))
    if tree != EVERYTHING:
        before = recorded_condition(dialect, tree, changes.c.before)
        after = recorded_condition(dialect, tree, changes.c.after)
        conditions.append(sa.or_(before, after))
    return sa.and_(*conditions)


def _fired(dialect: sa.Dialect, kind: str, events: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition for changes that fired one of these events."""
    # A change of the reactive state fires the event of its action: those are found without reading the list of events.
    actions = {f"{kind}.{action}": action for action in ChangeAction if action is not ChangeAction.DELETED}
    by_action = [literal(actions[event].value) for event in events if event in actions]
    others = [literal(event) for event in events if event not in actions]
    found: list[sa.ColumnElement[bool]] = []
    if len(by_action) == len(actions):
        found.append(changes.c.reactive)
    elif by_action:
        found.append(sa.and_(changes.c.reactive, changes.c.action.in_(by_action)))
    if others:
        found.append(json_list_overlaps(dialect, changes.c.events, others))
    return sa.or_(sa.false(), *found)


def _logged(actions: Sequence[ChangeAction] | None, events: Sequence[str] | None) -> Logged:
    return Logged(actions=None if actions is None else tuple(actions), events=None if events is None else tuple(events))


def is_kept(after: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the condition that all changes behind a position are kept, and that the position is one of this log.

    Such a position is that of a change, or where the log was pruned. Any other is one that a log had which was then
    replaced by a backup: its changes are gone, even where the restored log has grown beyond it.
    """
    floor = sa.select(sa.cast(server_state.c.value, sa.BigInteger)).where(server_state.c.name == literal(LOG_FLOOR))
    known: sa.ColumnElement[int] = sa.func.coalesce(floor.scalar_subquery(), sa.literal_column("0"))
    place = changes.alias("place")
    return sa.or_(after == known, sa.and_(after > known, sa.exists().where(place.c.seq == after)))


def change_of(row: sa.RowMapping) -> Change:
    """Return the change that a row of the log records."""
    return Change(
        id=row["id"],
        kind=row["kind"],
        entity_id=row["entity_id"],
        version=row["version"],
        action=ChangeAction(row["action"]),
        prev=row["prev"],
        next=row["next"],
        changed_fields=tuple(row["changed_fields"]),
        delta=row["delta"],
        described_fields=tuple(row["described_fields"]),
        before=row["before"],
        after=row["after"],
        touched=tuple(Touched.from_json(part) for part in row["touched"]),
        events=tuple(row["events"]),
        payload=row["payload"],
        health=tuple(HealthStep.from_json(step) for step in row["health"] or ()),
        actor=Actor.from_json(row["actor"]),
        cause=Cause.from_json(row["cause"]),
        occurred_at=row["occurred_at"],
        seq=row["seq"],
    )


def change_row(change: Change) -> dict[str, Any]:
    """Return the row of the log that records a change."""
    return {
        "id": change.id,
        "kind": change.kind,
        "entity_id": change.entity_id,
        "version": change.version,
        "action": change.action,
        "reactive": not change.is_comment_only,
        "has_events": bool(change.events),
        "visibility": _widest(change),
        "prev": change.prev,
        "next": change.next,
        "changed_fields": change.changed_fields,
        "delta": change.delta,
        "described_fields": change.described_fields,
        "before": change.before,
        "after": change.after,
        "touched": [part.as_json() for part in change.touched],
        "events": change.events,
        "payload": change.payload,
        "health": [step.as_json() for step in change.health] or None,
        "actor": change.actor.as_json(),
        "cause": change.cause.as_json(),
        "run_id": change.cause.run_id,
        "occurred_at": change.occurred_at,
    }


def bound_log(dialect: sa.Dialect, recorded: Sequence[tuple[Change, Sequence[Transition]]]) -> list[Bound]:
    """Return the statements that append changes of a history to the log, with their transitions."""
    steps = (transition_row(step) for _, transitions in recorded for step in transitions)
    rows = (change_row(change) for change, _ in recorded)
    return [_INSERT_STEPS.bound(dialect, steps), _INSERT.bound(dialect, rows)]


def _widest(change: Change) -> Visibility:
    if change.changed_fields or change.described_fields:
        return Visibility.PUBLIC
    return widest([seen for seen in Visibility if change.concerns(seen.audience)]) or Visibility.INTERNAL
