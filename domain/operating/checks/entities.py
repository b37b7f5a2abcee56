"""The check of entities: each row is what the log recorded of it last, and so are the histories of its fields."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from domain.entities.canonical import canonical_text, value_text
from domain.entities.diff import diff
from domain.entities.health import HEALTH
from domain.entities.kind import EntityKind, Snapshot
from domain.entities.masking import MASK
from domain.entities.run import RUN
from domain.ids import millis_of, prefix_of
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope, shown
from domain.persistence.inspecting import (
    Row,
    first_of_kind,
    last_transitions,
    logged_ids,
    pictures_at,
    walk,
    walk_ids,
)
from domain.persistence.log_tables import changes
from domain.transfer.writing import ORIGIN as IMPORT

_READ = ("seq", "kind", "entity_id", "version", "next", "actor")
_BATCH = 200
#: Fields that the log keeps as of a moment and that live elsewhere: a system's name in what is said of its health.
_OF_THE_MOMENT = {HEALTH.name: {"system_key", "system_name", "under_maintenance"}}
#: Kinds whose rows retention deletes without a change.
_EXPIRING = {RUN.name}
#: Clocks of processes differ.
_APART_MILLIS = 60_000


@dataclass(frozen=True, slots=True)
class _Last:
    """The last change of an entity, and whether the entity came in with an import."""

    row: Row
    is_imported: bool

    @property
    def entity_id(self) -> str:
        return str(self.row["entity_id"])


async def check_rows(scope: Scope) -> AsyncIterator[Finding]:
    """Find entities whose row is not what their last change made of it."""
    waiting: list[_Last] = []
    async for last in _last_changes(scope):
        if waiting and (len(waiting) >= _BATCH or waiting[0].row["kind"] != last.row["kind"]):
            async for finding in _compared(scope, waiting):
                yield finding
            waiting = []
        waiting.append(last)
    if waiting:
        async for finding in _compared(scope, waiting):
            yield finding


async def check_unlogged(scope: Scope) -> AsyncIterator[Finding]:
    """Find rows of entities of which the log has nothing, though it has its beginning."""
    if scope.is_pruned:
        return
    connection = scope.session.connection
    for kind in scope.kinds:
        # Rows may be older than the records of their kind.
        since: datetime | None = await first_of_kind(connection, kind.name)
        async for ids in walk_ids(connection, kind.rows):
            known = await logged_ids(connection, kind.name, ids)
            unknown = [each for each in ids if each not in known and since is not None and _is_later(each, since)]
            present = await kind.read(scope.session, unknown) if unknown else {}
            for entity_id in unknown:
                if entity_id not in present or kind.is_logged(present[entity_id]):
                    subject = f"{kind.name} {entity_id}"
                    yield Finding(
                        damage=Damage.ROW_UNLOGGED, subject=subject, expected="a change in the log", found="none"
                    )


async def _last_changes(scope: Scope) -> AsyncIterator[_Last]:
    last: _Last | None = None
    columns = [changes.c[name] for name in _READ]
    async for rows in walk(scope.session.connection, columns, keys=["kind", "entity_id", "version"]):
        for row in rows:
            is_same = last is not None and (last.row["kind"], last.entity_id) == (row["kind"], row["entity_id"])
            if last is not None and not is_same:
                yield last
            # Of an entity whose first change was pruned, nobody knows.
            began_here = row["version"] > 1 or row["actor"].get("id") == IMPORT.actor.id
            last = _Last(row, last.is_imported if is_same and last is not None else began_here)
    if last is not None:
        yield last


async def _compared(scope: Scope, waiting: Sequence[_Last]) -> AsyncIterator[Finding]:
    kind = scope.kind(waiting[0].row["kind"])
    if kind is None:
        return
    ids = [last.entity_id for last in waiting]
    scope.counted[kind.name] += len(ids)
    rows = await kind.read(scope.session, ids)
    pictures = await pictures_at(scope.session.connection, [last.row["seq"] for last in waiting])
    histories = await last_transitions(scope.session.connection, kind.name, ids)
    for last in waiting:
        snapshot = rows.get(last.entity_id)
        subject = f"{kind.name} {last.entity_id}"
        if snapshot is None or last.row["next"] is None:
            for finding in _presence(kind, last, snapshot, subject):
                yield finding
            continue
        if snapshot.version != last.row["version"]:
            expected, found = f"version {last.row['version']}", f"version {snapshot.version}"
            yield Finding(damage=Damage.VERSION, subject=subject, expected=expected, found=found)
        for finding in _differences(scope, kind, snapshot, pictures.get(last.row["seq"])):
            yield finding
        for finding in _historic(kind, snapshot, histories.get(last.entity_id, {}), last):
            yield finding


def _presence(kind: EntityKind[Any], last: _Last, snapshot: Snapshot[Any] | None, subject: str) -> Iterator[Finding]:
    if snapshot is None and last.row["next"] is not None and kind.name not in _EXPIRING:
        expected = f"a row with version {last.row['version']}"
        yield Finding(damage=Damage.ROW_MISSING, subject=subject, expected=expected, found="no row")
    if snapshot is not None and last.row["next"] is None:
        yield Finding(damage=Damage.ROW, subject=subject, expected="no row: it was deleted", found="a row")


def _differences(
    scope: Scope, kind: EntityKind[Any], snapshot: Snapshot[Any], picture: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Return the fields of a row that are not as the log recorded them; those that an older log lacks are unknown."""
    present = scope.without_erased(_as_json(kind, snapshot))
    recorded = scope.without_erased(picture or {})
    of_row = {name: value for name, value in present.items() if name in recorded}
    of_log = {name: value for name, value in recorded.items() if name in of_row}
    aside = _OF_THE_MOMENT.get(kind.name, set())
    for name in diff(of_log, of_row).changed_fields:
        if name not in aside and not _is_masked(of_log[name], of_row[name]):
            yield Finding(
                damage=Damage.ROW,
                subject=f"{kind.name} {_id_of(snapshot)}, {name}",
                expected=shown(of_log[name]),
                found=shown(of_row[name]),
            )


def _historic(
    kind: EntityKind[Any], snapshot: Snapshot[Any], history: Mapping[str, str], last: _Last
) -> Iterator[Finding]:
    """Return the reactive fields whose history does not end with their present value."""
    for name, value in _validated(kind, snapshot).items():
        text = history.get(name)
        if text is None and (value is None or last.is_imported):
            continue
        if text != value_text(value) and not (text is not None and _is_masked(text, value_text(value))):
            yield Finding(
                damage=Damage.TRANSITION,
                subject=f"{kind.name} {last.entity_id}, history of {name}",
                expected=f"to end with {shown(value_text(value))}",
                found=shown(text),
            )


def _as_json(kind: EntityKind[Any], snapshot: Snapshot[Any]) -> dict[str, Any]:
    whole: dict[str, Any] = orjson.loads(orjson.dumps(kind.picture(snapshot)))
    return {**whole, **_validated(kind, snapshot)}


def _validated(kind: EntityKind[Any], snapshot: Snapshot[Any]) -> dict[str, Any]:
    return kind.state.model_validate(snapshot.state).model_dump(mode="json")


def _is_masked(recorded: Any, present: Any) -> bool:
    """Return whether the recorded value is the present one but for a secret that was masked."""
    text = canonical_text(recorded)
    if MASK not in text:
        return False
    pattern = ".+".join(map(re.escape, re.split(rf"(?:{re.escape(MASK)})+", text)))
    return re.fullmatch(pattern, canonical_text(present), re.DOTALL) is not None


def _is_later(entity_id: str, since: datetime) -> bool:
    """Return whether an id was made after that moment; an id of another form is taken for older."""
    made_here = prefix_of(entity_id) is not None
    return made_here and millis_of(entity_id) > since.timestamp() * 1000 + _APART_MILLIS


def _id_of(snapshot: Snapshot[Any]) -> str:
    return str(getattr(snapshot.entity, "id", None) or getattr(snapshot.entity, "system_id", ""))
