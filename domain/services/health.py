"""Reports of systems' health."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.entities.handle import Applied, EntityHandle
from domain.entities.health import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.origin import Origin
from domain.errors import UnknownSystemError
from domain.model.commands import ReportSystemHealth
from domain.model.health import SystemHealth, checked_health_message
from domain.model.system import System
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import Idempotency, Outcome, Writer, checked_moment, origin_of, recalled


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A system and its health after a report."""

    system: System
    health: SystemHealth


class HealthService:
    """The use cases of systems' health; each call is one transaction."""

    def __init__(self, *, writer: Writer, handle: EntityHandle[SystemHealth]) -> None:
        self._writer = writer
        self._handle = handle

    async def report(
        self, viewer: Viewer, command: ReportSystemHealth, *, idempotency_key: str | None = None
    ) -> Outcome[Reported]:
        """Report a system's health.

        A repeated report (monitors send those all day) only updates its moments, without a change; a report observed
        before the last one is ignored.

        Raises:
            UnknownSystemError: the system is not in the catalog.
            InvalidInputError: the moment lies in the future, or the message is too long.
            ForbiddenError: the system is beyond the caller's limits.
            ConflictError: the idempotency key was used with another input.
        """
        origin = origin_of(viewer, "system")

        async def work(unit: UnitOfWork) -> Reported:
            return await self.report_in(unit, command, origin=origin)

        once = Idempotency(
            mutation="reportSystemHealth",
            key=idempotency_key,
            command=command,
            to_answer=lambda reported: {"id": reported.system.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def report_in(self, unit: UnitOfWork, command: ReportSystemHealth, *, origin: Origin) -> Reported:
        """Report a system's health within a unit of work that has not written an incident yet.

        Raises:
            UnknownSystemError, InvalidInputError, ForbiddenError
        """
        message = checked_health_message(command.message)
        system = await unit.systems.hold(command.system)
        if system is None:
            raise UnknownSystemError(command.system, field=["system"])
        # Checked here as well, so that the error names the caller's field.
        origin.permit([system.id], None)
        now = unit.moment()
        observed_at = checked_moment(command.observed_at or now, now=now, field="observedAt")

        async def apply(before: Snapshot[SystemHealth] | None) -> Applied[SystemHealth]:
            if before is not None and observed_at < before.entity.observed_at:
                return Applied(after=before)
            maintained = await unit.maintenance_instances.active_systems([system.id])
            health = SystemHealth(
                system_id=system.id,
                system_key=system.key,
                system_name=system.name,
                status=command.status,
                message=message,
                observed_at=observed_at,
                reported_at=now,
                version=before.version if before is not None else 1,
                under_maintenance=system.id in maintained,
            )
            await unit.health.put(health)
            return Applied(after=snapshot_of(health))

        mutation = await self._handle.mutate(unit, system.id, apply, origin=origin)
        return Reported(system=system, health=mutation.after.entity)


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Reported:
    identifier = answer["id"]
    systems = await unit.systems.get_many([identifier])
    health = await unit.health.get_many([identifier])
    return Reported(
        system=recalled(systems, identifier, noun="System"), health=recalled(health, identifier, noun="System")
    )
