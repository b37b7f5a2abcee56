"""The check of systems: their words, and what reports and incidents make of their health."""

from collections.abc import AsyncIterator

from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope, shown
from domain.persistence.inspecting import walk
from domain.persistence.search import searched_words
from domain.persistence.tables import systems


async def check_systems(scope: Scope) -> AsyncIterator[Finding]:
    """Find systems that the search knows by other words, and those whose health was settled otherwise."""
    columns = [systems.c[name] for name in ("id", "key", "name", "description", "words")]
    async for rows in walk(scope.session.connection, columns, keys=["id"]):
        for row in rows:
            expected = searched_words(row["key"], row["name"], row["description"])
            if row["words"] != expected:
                yield Finding(
                    damage=Damage.SEARCH,
                    subject=f"system {row['id']}, words",
                    expected=shown(expected),
                    found=shown(row["words"]),
                )
        for step in await scope.session.health_spans.present([row["id"] for row in rows]):
            if step.status is not step.previous:
                subject = f"system {step.system_id}, health"
                yield Finding(damage=Damage.HEALTH, subject=subject, expected=step.status, found=step.previous)
