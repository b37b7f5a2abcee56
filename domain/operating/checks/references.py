"""The check of what refers to something else: rows, places in the log, and answers to idempotency keys."""

from collections.abc import AsyncIterator

from domain.entities.incident import INCIDENT
from domain.ids import is_id
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope
from domain.persistence.caller_tables import idempotency_keys
from domain.persistence.inspecting import beyond, file_damage, keys_of_others, logged_ids, missing_parts, orphans, walk


async def check_file(scope: Scope) -> AsyncIterator[Finding]:
    """Find what SQLite itself finds wrong with its file."""
    for line in await file_damage(scope.session.connection):
        yield Finding(damage=Damage.FILE, subject="file", expected="a sound file", found=line)


async def check_schema(scope: Scope) -> AsyncIterator[Finding]:
    """Find tables, columns and indexes that the database lacks."""
    for part in await missing_parts(scope.session.connection):
        yield Finding(damage=Damage.SCHEMA, subject=part, expected="there", found="missing")


async def check_orphans(scope: Scope) -> AsyncIterator[Finding]:
    """Find rows whose owner is not there."""
    async for table, key, leads_to in orphans(scope.session.connection):
        yield Finding(damage=Damage.ORPHAN, subject=f"{table} {key}", expected=f"{leads_to} there", found="none")
    for table, key in await keys_of_others(scope.session.connection):
        yield Finding(
            damage=Damage.ORPHAN, subject=f"{table} {key}", expected="the row that it refers to", found="none"
        )


async def check_positions(scope: Scope) -> AsyncIterator[Finding]:
    """Find readers of the log, and others that keep a place in it, that are beyond its head."""
    async for column, key, place in beyond(scope.session.connection, scope.head):
        subject = f"{column} of {key}"
        yield Finding(damage=Damage.PLACE, subject=subject, expected=f"{scope.head} or less", found=str(place))


async def check_answers(scope: Scope) -> AsyncIterator[Finding]:
    """Find idempotency keys without an answer, and those whose answer is an incident that never was."""
    columns = [idempotency_keys.c[name] for name in ("viewer_id", "mutation", "key", "answer")]
    async for rows in walk(scope.session.connection, columns, keys=["viewer_id", "mutation", "key"]):
        scope.counted["idempotency keys"] += len(rows)
        named = {(row["answer"] or {}).get("id") for row in rows}
        wanted = [each for each in named if isinstance(each, str) and is_id(each, "inc")]
        there = {*await scope.session.incidents.existing_ids(wanted)}
        # One that was deleted is in the log, as long as that is kept.
        gone = [each for each in wanted if each not in there]
        there |= await logged_ids(scope.session.connection, INCIDENT.name, gone)
        for row in rows:
            subject = f"key {row['key']!r} of {row['mutation']}"
            if row["answer"] is None:
                yield Finding(damage=Damage.IDEMPOTENCY, subject=subject, expected="an answer", found="none")
            elif row["answer"].get("id") in gone and row["answer"]["id"] not in there and not scope.is_pruned:
                expected = f"incident {row['answer']['id']}"
                yield Finding(damage=Damage.IDEMPOTENCY, subject=subject, expected=expected, found="none")
