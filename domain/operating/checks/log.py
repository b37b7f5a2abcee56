"""The check of the event log: no change is missing, and each follows on the one before."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from domain.entities.diff import diff
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope
from domain.persistence.inspecting import Row, last_number, log_bounds, log_holes, walk
from domain.persistence.log_tables import changes
from domain.persistence.places import PLACES_PER_MILLISECOND

_READ = ("seq", "id", "kind", "entity_id", "version", "action", "prev", "next", "changed_fields")


async def check_places(scope: Scope) -> AsyncIterator[Finding]:
    """Find places of the log that are missing, and a numbering that would give some again."""
    connection = scope.session.connection
    count, first, last = await log_bounds(connection)
    if count and first <= scope.floor:
        yield Finding(
            damage=Damage.LOG_ORDER,
            subject="log",
            expected=f"no change up to the pruned place {scope.floor}",
            found=f"one at {first}",
        )
    given = await last_number(connection)
    if given < last:
        yield Finding(damage=Damage.LOG_NUMBER, subject="log", expected=f"{last} or more", found=str(given))
    # PostgreSQL loses the places of transactions that were rolled back; there, versions show what is missing.
    if not scope.is_sqlite or not count:
        return
    for before, after in await log_holes(connection, apart=PLACES_PER_MILLISECOND):
        yield _hole(before, after)
    if first > scope.floor + 1 and (first - 1) % PLACES_PER_MILLISECOND:
        yield _hole(scope.floor, first)


async def check_log(scope: Scope) -> AsyncIterator[Finding]:
    """Find changes of each entity that do not follow on each other."""
    former: Row | None = None
    columns = [changes.c[name] for name in _READ]
    async for rows in walk(scope.session.connection, columns, keys=["kind", "entity_id", "version"]):
        scope.counted["changes"] += len(rows)
        for row in rows:
            is_same = former is not None and (former["kind"], former["entity_id"]) == (row["kind"], row["entity_id"])
            for finding in _following(former, row) if is_same and former else _beginning(scope, row):
                yield finding
            former = row


def _beginning(scope: Scope, row: Row) -> Iterator[Finding]:
    """Return what is wrong with the first change of an entity that the log has."""
    if scope.is_pruned and row["version"] > 1:
        return
    if row["version"] != 1:
        yield _found(Damage.LOG_GAP, row, expected="a change with version 1", found=f"version {row['version']} first")
    elif row["prev"] is not None:
        yield _found(Damage.LOG_STATE, row, expected="nothing before version 1", found=row["prev"])
    yield from _itself(row)


def _following(former: Row, row: Row) -> Iterator[Finding]:
    """Return what is wrong with a change after the one before."""
    version = former["version"] + 1
    if row["version"] != version:
        found = f"version {row['version']} after {former['version']}"
        yield _found(Damage.LOG_GAP, row, expected=f"a change with version {version}", found=found)
    elif diff(former["next"], row["prev"]):
        yield _found(Damage.LOG_STATE, row, expected=f"before version {version}: {former['next']}", found=row["prev"])
    if former["next"] is None:
        yield _found(Damage.LOG_ORDER, row, expected="nothing after its deletion", found=f"version {row['version']}")
    if row["seq"] <= former["seq"]:
        yield _found(Damage.LOG_ORDER, row, expected=f"a place behind {former['seq']}", found=row["seq"])
    yield from _itself(row)


def _itself(row: Row) -> Iterator[Finding]:
    if row["next"] is None:
        return
    changed = list(diff(row["prev"], row["next"]).changed_fields)
    if changed != list(row["changed_fields"]):
        yield _found(Damage.LOG_STATE, row, expected=f"changed fields {changed}", found=row["changed_fields"])


def _hole(before: int, after: int) -> Finding:
    return Finding(
        damage=Damage.LOG_GAP, subject="log", expected=f"a change at {before + 1}", found=f"the next at {after}"
    )


def _found(damage: Damage, row: Row, *, expected: str, found: Any) -> Finding:
    subject = f"{row['kind']} {row['entity_id']}, change {row['id']}"
    return Finding(damage=damage, subject=subject, expected=expected, found=str(found))
