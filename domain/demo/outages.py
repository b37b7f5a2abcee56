"""Made-up pasts of systems' health: now and then a system is degraded or down for a while."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.model.health import SystemHealth
from domain.model.incident import Health
from domain.model.system import System

_DAYS_BETWEEN = (1.0, 12.0)
_MINUTES = (2.0, 120.0)
_WORDS = {
    Health.DEGRADED: "Latency is above its threshold.",
    Health.UNHEALTHY: "Checks fail.",
    Health.HEALTHY: "All checks pass.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A made-up health report: the system's health before and after it."""

    at: datetime
    before: SystemHealth | None
    after: SystemHealth


def outages(systems: Mapping[str, System], *, start: datetime, now: datetime, seed: int) -> list[Report]:
    """Return the reports of these systems between two moments, oldest first; the same seed gives the same reports."""
    pick = random.Random(seed)  # noqa: S311 - stories, not secrets
    reports = [report for _, system in sorted(systems.items()) for report in _past(system, start, now, pick)]
    return sorted(reports, key=lambda report: report.at)


def _past(system: System, start: datetime, now: datetime, pick: random.Random) -> list[Report]:
    reports: list[Report] = []
    moment = start
    while True:
        moment = _later(moment, timedelta(days=pick.uniform(*_DAYS_BETWEEN)))
        worst = pick.choice((Health.DEGRADED, Health.UNHEALTHY))
        path = [Health.DEGRADED, Health.UNHEALTHY] if worst is Health.UNHEALTHY and pick.random() < 0.3 else [worst]  # noqa: PLR2004
        for status in (*path, Health.HEALTHY):
            if moment > now:
                return reports
            before = reports[-1].after if reports else None
            reports.append(Report(at=moment, before=before, after=_health(system, status, moment, before)))
            moment = _later(moment, timedelta(minutes=pick.uniform(*_MINUTES)))


def _health(system: System, status: Health, at: datetime, before: SystemHealth | None) -> SystemHealth:
    return SystemHealth(
        system_id=system.id,
        system_key=system.key,
        system_name=system.name,
        status=status,
        message=_WORDS[status],
        observed_at=at,
        reported_at=at,
        version=1 if before is None else before.version + 1,
    )


def _later(moment: datetime, duration: timedelta) -> datetime:
    moment += duration
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
