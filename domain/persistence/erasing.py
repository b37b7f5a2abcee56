"""The tables in which people are named, and their rewriting in batches by primary key.

| place | what is done there |
|---|---|
| people, idempotency_keys | their rows are deleted |
| api_tokens | their own token is revoked and renamed with its id; elsewhere its creator |
| incidents, incident_assignees, incident_relations | replaced through the handle of incidents |
| incident_updates, incident_update_versions | the same |
| changes | replaced as actor, in states before and after, and in payloads; within the texts of runs |
| automation_versions | replaced as creator, and where an action names them by their id |
| automation_runs, automation_steps, automation_artifacts, automation_dwells | replaced, also within their texts |
| automation_window_events | replaced within the key |
| audit_entries | replaced as actor, and where their own token was changed or used |
| secrets, integrations, channels, maintenances, maintenance_updates | replaced as creator |
| webhooks | replaced as creator, and where a variable is their id |

No other table names people: not the histories of fields, nor the index of words, nor the tables of the engine, whose
workflows have the ids of runs and dwells. What people wrote themselves, such as titles and messages, stays as it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import ActorType
from domain.model.erasure import Forgotten
from domain.persistence.audit_tables import audit_entries
from domain.persistence.automation_tables import (
    automation_artifacts,
    automation_dwells,
    automation_runs,
    automation_steps,
    automation_versions,
    automation_window_events,
)
from domain.persistence.caller_tables import api_tokens, idempotency_keys
from domain.persistence.channel_tables import channels
from domain.persistence.dialects import is_sqlite
from domain.persistence.integration_tables import integrations
from domain.persistence.log_tables import changes
from domain.persistence.maintenance_tables import maintenance_updates, maintenances
from domain.persistence.people_tables import people
from domain.persistence.secret_tables import secrets
from domain.persistence.webhook_tables import webhooks

Row = Mapping[str, Any]
#: Returns the new value of a column.
Rule = Callable[[Forgotten, Any, Row], Any]
_RUN = "automation_run"


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows that were rewritten, and the last primary key that was looked at; None at the end of the table."""

    rows: int
    position: list[Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table, its columns that may name people, and how each is rewritten."""

    table: sa.Table
    rules: Mapping[str, Rule] = field(default_factory=dict)
    #: The prefixes of the columns of actors.
    actors: tuple[str, ...] = ()
    #: The most rows of one transaction.
    size: int = 500

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    async def rewrite(self, connection: AsyncConnection, forgotten: Forgotten, position: list[Any] | None) -> Batch:
        """Rewrite the rows behind a primary key that name the person, among the next ones."""
        keys = list(self.table.primary_key)
        behind = sa.true() if position is None else _tuple(keys) > _values(keys, position)
        end = sa.select(*keys).where(behind).order_by(*keys).offset(self.size - 1).limit(1)
        last = (await connection.execute(end)).first()
        within = behind if last is None else sa.and_(behind, _tuple(keys) <= _values(keys, last))
        columns = {*(f"{prefix}_{part}" for prefix in self.actors for part in ("type", "id", "name")), *self.rules}
        read = [column for column in self.table.c if column.name in columns or column in keys or column.name == "kind"]
        # Locked: what a run adds to a row meanwhile is not lost.
        found = sa.select(*read).where(within, self._names(forgotten, connection)).order_by(*keys).with_for_update()
        rows = [dict(row) for row in (await connection.execute(found)).mappings()]
        rewritten = [(row, self._rewritten(row, forgotten)) for row in rows]
        changed = [(row, {name: new[name] for name in columns}) for row, new in rewritten if new != row]
        if changed:
            one = sa.update(self.table).where(*(key == sa.bindparam(f"key_{key.name}") for key in keys))
            values = [{**new, **{f"key_{key.name}": row[key.name] for key in keys}} for row, new in changed]
            await connection.execute(one.values({name: sa.bindparam(name) for name in columns}), values)
        return Batch(len(changed), None if last is None else list(last))

    def _rewritten(self, row: Row, forgotten: Forgotten) -> dict[str, Any]:
        new = dict(row)
        for prefix in self.actors:
            if (row[f"{prefix}_type"], row[f"{prefix}_id"]) == (forgotten.former.type, forgotten.former.id):
                new |= {f"{prefix}_id": forgotten.present.id, f"{prefix}_name": forgotten.present.name}
        for name, rule in self.rules.items():
            if row[name] is not None:
                new[name] = rule(forgotten, row[name], row)
        return new

    def _names(self, forgotten: Forgotten, connection: AsyncConnection) -> sa.ColumnElement[bool]:
        """Return the condition for rows that may name the person, which reads no JSON."""
        place = sa.func.instr if is_sqlite(connection) else sa.func.strpos
        named: list[sa.ColumnElement[bool]] = [
            self.table.c[f"{each}_id"] == forgotten.former.id for each in self.actors
        ]
        for name in self.rules:
            text = sa.cast(self.table.c[name], sa.Text)
            named += [place(text, sa.literal(needle, sa.Text)) > 0 for needle in forgotten.needles]
        return sa.or_(*named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A table whose rows about a person are deleted."""

    table: sa.Table
    of_person: Callable[[Forgotten], sa.ColumnElement[bool]]
    size: int = 500

    @property
    def name(self) -> str:
        """The name of the table."""
        return self.table.name

    async def rewrite(self, connection: AsyncConnection, forgotten: Forgotten, _: list[Any] | None) -> Batch:
        """Delete the next rows about the person."""
        keys = list(self.table.primary_key)
        some = sa.select(*keys).where(self.of_person(forgotten)).limit(self.size)
        deleted = await connection.execute(sa.delete(self.table).where(_tuple(keys).in_(some)))
        return Batch(deleted.rowcount, [] if deleted.rowcount == self.size else None)


def _tuple(keys: list[sa.Column[Any]]) -> Any:
    return keys[0] if len(keys) == 1 else sa.tuple_(*keys)


def _values(keys: list[sa.Column[Any]], values: Any) -> Any:
    bound = [sa.literal(value, key.type) for key, value in zip(keys, values, strict=True)]
    return bound[0] if len(bound) == 1 else sa.tuple_(*bound)


def _record(forgotten: Forgotten, value: Any, _: Row) -> Any:
    return forgotten.without(value)


def _recorded_state(forgotten: Forgotten, value: Any, row: Row) -> Any:
    return forgotten.without_words(value) if row["kind"] == _RUN else forgotten.without(value)


def _words(forgotten: Forgotten, value: Any, _: Row) -> Any:
    return forgotten.without_words(value)


def _key(forgotten: Forgotten, value: Any, _: Row) -> Any:
    return forgotten.key(value)


def _json_text(forgotten: Forgotten, value: Any, _: Row) -> Any:
    return forgotten.json_text(value)


def _definition(forgotten: Forgotten, value: Any, row: Row) -> Any:
    """Return a definition whose actions do not name the person; expressions are texts that people wrote."""
    if isinstance(value, Mapping):
        return {name: _definition(forgotten, item, row) for name, item in value.items()}
    if isinstance(value, list):
        return [_definition(forgotten, item, row) for item in value]
    return forgotten.present.id if isinstance(value, str) and value.strip() == forgotten.former.id else value


def _identity(forgotten: Forgotten, value: Any, _: Row) -> Any:
    return forgotten.present.id if value == forgotten.former.id else value


def _audited_name(forgotten: Forgotten, value: Any, row: Row) -> Any:
    return forgotten.present.name if row["object_id"] == forgotten.former.id else value


def _audited_changes(forgotten: Forgotten, value: Any, row: Row) -> Any:
    """Return the changes of an object; what it was called is left out where that names the person."""
    if row["object_id"] != forgotten.former.id:
        return value
    return [{"field": change["field"]} if change["field"] == "name" else change for change in value]


def owner_of(forgotten: Forgotten) -> str:
    """Return the name under which the person's answers are kept."""
    former = forgotten.former
    return f"user:{former.id}" if former.type is ActorType.USER else former.id


def _known_person(forgotten: Forgotten) -> sa.ColumnElement[bool]:
    return sa.and_(people.c.actor_type == forgotten.former.type, people.c.actor_id == forgotten.former.id)


_STATES = dict.fromkeys(("prev", "next", "delta", "before", "after", "payload"), _recorded_state)
#: In the order in which they are rewritten, after the incidents, which are rewritten through their handle.
PLACES: tuple[Place | Deletion, ...] = (
    Deletion(table=people, of_person=_known_person),
    Deletion(table=idempotency_keys, of_person=lambda forgotten: idempotency_keys.c.viewer_id == owner_of(forgotten)),
    Place(table=changes, rules={"actor": _record, **_STATES}),
    Place(table=automation_versions, rules={"definition": _definition}, actors=("created_by",)),
    Place(
        table=automation_runs,
        rules={
            **dict.fromkeys(("payload", "actor", "message"), _words),
            **dict.fromkeys(("context_key", "bucket", "once_key"), _key),
        },
    ),
    Place(
        table=automation_steps,
        rules={**dict.fromkeys(("input", "output", "error"), _words), "request": _json_text},
    ),
    Place(table=automation_artifacts, rules={"data": _words, "context_key": _key}),
    Place(table=automation_dwells, rules={"firing": _words, "state": _words, "context_key": _key}),
    Place(table=automation_window_events, rules={"partition_key": _key}),
    Place(table=api_tokens, actors=("created_by",)),
    Place(
        table=audit_entries,
        rules={
            "token_id": _identity,
            "object_id": _identity,
            "object_name": _audited_name,
            "changes": _audited_changes,
        },
        actors=("actor",),
    ),
    Place(table=secrets, actors=("created_by",)),
    Place(table=integrations, actors=("created_by",)),
    Place(table=maintenances, actors=("created_by",)),
    Place(table=maintenance_updates, actors=("created_by",)),
    Place(table=channels, actors=("created_by",)),
    Place(table=webhooks, rules={"variables": _definition}, actors=("created_by",)),
)
