"""Inspections of whole databases: each kind of damage is found and named, and a sound database has none."""

from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import pytest_asyncio
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.operating.findings import Damage, Finding
from domain.persistence.unit_of_work import ReadSession
from tests.conftest import SteppingClock
from tests.domain.operating.world import fill, finish_erasures, found_by, found_in, quiet_domain, settings_of
from tests.e2e.databases import fresh_database
from tests.inside import inside
from tests.shared import in_module_loop

pytestmark = in_module_loop

_FIRST = "(SELECT id FROM incidents WHERE status <> 'resolved' ORDER BY number LIMIT 1)"
_RESOLVED = "(SELECT id FROM incidents WHERE status = 'resolved' ORDER BY number LIMIT 1)"
_CHANGED = "(SELECT min(seq) FROM changes WHERE kind = 'incident' AND version = 2)"
_MOMENT = "'2026-03-01 09:00:00.000000'"
#: The damage, statements that do it, and a part of the line that tells it.
DAMAGES: Mapping[str, tuple[Damage, Sequence[str], str]] = {
    "a change is gone": (Damage.LOG_GAP, [f"DELETE FROM changes WHERE seq = {_CHANGED}"], "a change with version 2"),
    "a change has a later place": (
        Damage.LOG_ORDER,
        [f"UPDATE changes SET seq = 1000000 WHERE seq = {_CHANGED}"],
        "a place behind 1000000",
    ),
    "a change does not follow": (
        Damage.LOG_STATE,
        [f'UPDATE changes SET prev = \'{{"status": "fixing"}}\' WHERE seq = {_CHANGED}'],
        "before version 2",
    ),
    "a row was changed": (Damage.ROW, [f"UPDATE incidents SET title = 'Other' WHERE id = {_FIRST}"], "title"),
    "a system was changed": (Damage.ROW, ["UPDATE systems SET description = 'Other' WHERE key = 'billing'"], "system"),
    "a report was changed": (Damage.ROW, ["UPDATE system_health SET message = 'Other'"], "health sys_"),
    "a window was changed": (Damage.ROW, ["UPDATE maintenances SET title = 'Other'"], "maintenance "),
    "a run was changed": (Damage.ROW, ["UPDATE automation_runs SET message = 'Other'"], "automation_run run_"),
    "an erasure was changed": (Damage.ROW, ["UPDATE erasures SET actor_id = 'Other'"], "erasure era_"),
    "labels are gone": (Damage.ROW, ["DELETE FROM incident_labels"], "labels"),
    "a row is gone": (Damage.ROW_MISSING, [f"DELETE FROM incidents WHERE id = {_RESOLVED}"], "expected a row"),
    "a row has no log": (
        Damage.ROW_UNLOGGED,
        [f"DELETE FROM changes WHERE entity_id = {_FIRST}"],
        "expected a change in the log",
    ),
    "a version is another": (
        Damage.VERSION,
        [f"UPDATE incidents SET version = version + 1 WHERE id = {_FIRST}"],
        "expected version",
    ),
    "a transition is gone": (
        Damage.TRANSITION,
        [
            (
                "DELETE FROM entity_transitions WHERE id = (SELECT max(step.id) FROM entity_transitions AS step "
                "JOIN systems ON systems.id = step.entity_id WHERE step.kind = 'health' AND systems.key = 'billing')"
            )
        ],
        "history of status",
    ),
    "a transition in between is gone": (
        Damage.TRANSITION,
        [
            (
                "DELETE FROM entity_transitions WHERE id = (SELECT max(id) FROM entity_transitions "
                "WHERE kind = 'health' AND from_value = 'degraded')"
            )
        ],
        "to follow on degraded",
    ),
    "a transition is another": (
        Damage.TRANSITION,
        ["UPDATE entity_transitions SET change_id = 'chg_none' WHERE kind = 'system' AND field = 'name'"],
        "the change chg_none",
    ),
    "a time is another": (
        Damage.TIMELINE,
        [f"UPDATE incidents SET resolved_at = {_MOMENT} WHERE id = {_RESOLVED}"],
        "resolved_at",
    ),
    "an entry is no step": (
        Damage.TIMELINE,
        [
            (
                "UPDATE incident_updates SET comment_status = status_change, status_change = NULL "
                "WHERE status_change = 'resolved'"
            )
        ],
        "entry upd_",
    ),
    "a resolved incident has a claim": (
        Damage.CLAIM,
        [
            (
                "INSERT INTO open_incident_claims (system_id, dedupe_key, incident_id) "
                f"SELECT min(id), 'stray', {_RESOLVED} FROM systems"
            )
        ],
        "none: it is resolved",
    ),
    "words are others": (
        Damage.SEARCH,
        [f"UPDATE search_entries SET body = 'other' WHERE entry_id = {_FIRST}"],
        "found other",
    ),
    "words are missing": (
        Damage.SEARCH,
        ["DELETE FROM search_entries WHERE entry_id LIKE 'upd_%'"],
        "expected an entry of the search",
    ),
    "words are of nothing": (
        Damage.SEARCH,
        [
            (
                "INSERT INTO search_entries (entry_id, incident_id, visibility, body) "
                f"VALUES ('upd_x', {_FIRST}, 'public', 'x')"
            )
        ],
        "text of upd_x",
    ),
    "words of a system are others": (Damage.SEARCH, ["UPDATE systems SET words = ' x '"], "system sys_"),
    "a number would be given again": (Damage.NUMBER, ["UPDATE counters SET value = 1"], "counter of incidents"),
    "a link has another address": (Damage.LINK, ["UPDATE incident_links SET url = 'https://other.test'"], "link lnk_"),
    "the health is another": (
        Damage.HEALTH,
        ["UPDATE derived_health SET status = 'unhealthy' WHERE status = 'healthy'"],
        "expected healthy, found unhealthy",
    ),
    "labels have no incident": (
        Damage.ORPHAN,
        ["INSERT INTO incident_labels (incident_id, key, value) VALUES ('inc_none', 'team', 'x')"],
        "incident_labels inc_none team",
    ),
    "assignees have no incident": (
        Damage.ORPHAN,
        ["INSERT INTO incident_assignees (incident_id, id, type, name) VALUES ('inc_none', 'ann', 'user', NULL)"],
        "incident_assignees inc_none ann",
    ),
    "a reader is beyond the head": (
        Damage.PLACE,
        [f"INSERT INTO readers (name, seq, updated_at) VALUES ('ahead', 1000000, {_MOMENT})"],
        "readers.seq of ahead",
    ),
    "a webhook is beyond the head": (Damage.PLACE, ["UPDATE webhooks SET after_seq = 1000000"], "webhooks.after_seq"),
    "a key has no answer": (
        Damage.IDEMPOTENCY,
        ["UPDATE idempotency_keys SET answer = NULL WHERE key = 'once'"],
        "key 'once' of createIncident",
    ),
    "an answer leads nowhere": (
        Damage.IDEMPOTENCY,
        ["UPDATE idempotency_keys SET answer = '{\"id\": \"inc_01h455vb4pex5vsknk084sn02q\"}' WHERE key = 'twice'"],
        "expected incident inc_01h4",
    ),
    "an index is gone": (Damage.SCHEMA, ["DROP INDEX ix_incidents_open"], "index ix_incidents_open"),
}
#: One damage of each kind.
_FIRST_OF_KIND = {damage: name for name, (damage, _, _) in reversed(list(DAMAGES.items()))}.values()
#: Constraints that would not let it happen; SQLite has one switch for all.
_LET_ORPHANS_BE = {
    "sqlite": ["PRAGMA defer_foreign_keys = ON"],
    "postgresql": [
        f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_incident_id"
        for table in ("incident_labels", "incident_assignees")
    ],
}


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[Domain]:
    """Yield a domain on each database that was filled by use cases, for all tests of this module."""
    async with fresh_database(request.param) as url, quiet_domain(settings_of(url), SteppingClock()) as domain:
        await fill(domain)
        yield domain


async def test_a_database_in_which_somebody_is_being_forgotten_is_sound(filled: Domain) -> None:
    assert await found_in(filled) == []
    await finish_erasures(filled)
    assert await found_in(filled) == []


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_found_and_named(filled: Domain, name: str) -> None:
    damage, statements, words = DAMAGES[name]
    if name not in _FIRST_OF_KIND and not inside(filled).database.is_sqlite:
        return  # the same check, whose statements another damage of the kind runs here
    found = await damaged(filled, statements)
    told = [str(finding) for finding in found if finding.damage is damage]
    assert any(words in line for line in told), [str(finding) for finding in found]


async def test_a_sound_database_stays_one(filled: Domain) -> None:
    assert await found_in(filled) == []


async def damaged(domain: Domain, statements: Sequence[str]) -> list[Finding]:
    """Return what an inspection finds in a transaction that does the damage and is rolled back."""
    async with inside(domain).database._engines.writer.connect() as connection:
        for statement in (*_LET_ORPHANS_BE[connection.dialect.name], *statements):
            await connection.execute(sa.text(statement.replace(":", r"\:")))
        found = await found_by(ReadSession(connection))
        await connection.rollback()
    return found
