"""The use cases of maintenance windows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.clock import Clock
from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import Snapshot
from domain.errors import ConflictError, NotFoundError, VersionConflictError
from domain.ids import is_id, new_id
from domain.model.change import Touched
from domain.model.commands import Keep
from domain.model.maintenance import (
    Maintenance,
    MaintenanceInstance,
    MaintenanceStatus,
    MaintenanceUpdate,
    checked_times,
)
from domain.model.recurrence import checked_rule, checked_zone
from domain.model.texts import checked_description, checked_message, checked_title
from domain.model.viewer import Viewer
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.maintenance.changing import changed_instance, check_end, with_changes
from domain.services.maintenance.clock import MaintenanceClock
from domain.services.maintenance.commands import (
    AddMaintenanceUpdate,
    ChangeMaintenanceInstance,
    ScheduleMaintenance,
    UpdateMaintenance,
)
from domain.services.maintenance.planning import plan, settle, touched_instance
from domain.services.maintenance.reads import MaintenanceReads
from domain.services.references import system_ids_of
from domain.services.writing import Idempotency, Outcome, Writer, origin_of, recalled

Step = Callable[[UnitOfWork, Maintenance], Awaitable[Applied[Maintenance]]]
_NOUN = "Maintenance"


class MaintenanceService:
    """The use cases of maintenance windows; each call is one transaction."""

    def __init__(self, *, database: Database, clock: Clock, writer: Writer, handle: EntityHandle[Maintenance]) -> None:
        self._writer = writer
        self._handle = handle
        #: The queries.
        self.reads = MaintenanceReads(database=database, clock=clock)
        #: The task that begins and ends what is due.
        self.timer = MaintenanceClock(database=database, clock=clock, handle=handle)

    async def schedule(
        self, viewer: Viewer, command: ScheduleMaintenance, *, idempotency_key: str | None = None
    ) -> Outcome[Maintenance]:
        """Schedule maintenance of systems, once or by a rule.

        Raises:
            UnknownSystemError: a system is not in the catalog.
            InvalidInputError: a text, a moment, the time zone or the rule cannot be accepted.
            ForbiddenError: a system is beyond the caller's limits.
            NotFoundError, ConflictError: see `Writer.run_once`
        """
        identifier = new_id("mnt")

        async def work(unit: UnitOfWork) -> Maintenance:
            return await self._scheduled(unit, viewer, command, identifier)

        once = Idempotency(
            mutation="scheduleMaintenance",
            key=idempotency_key,
            command=command,
            to_answer=lambda _: {"id": identifier},
            from_answer=_recalled,
        )
        return self._told(await self._writer.run_once(viewer, work, once))

    async def update(self, viewer: Viewer, command: UpdateMaintenance) -> Outcome[Maintenance]:
        """Change a window, and with it all of its instances to come.

        Raises:
            NotFoundError, VersionConflictError, UnknownSystemError, InvalidInputError, ForbiddenError
            ConflictError: it is over, or what would change has begun.
        """

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            after, is_moved = with_changes(before, command, now=unit.moment())
            if after.visibility is not before.visibility:
                await unit.maintenance_instances.show(after.id, after.visibility)
                await unit.maintenance.show_updates(after.id, after.visibility)
            if is_moved:
                after = await self._moved(unit, after)
            return await settle(unit, after)

        return await self._changing(viewer, command.id, command.expected_version, step, systems=command.systems)

    async def cancel(
        self, viewer: Viewer, maintenance_id: str, *, expected_version: int | None = None
    ) -> Outcome[Maintenance]:
        """Cancel a window: nothing of it takes place any more, and what takes place now ends.

        Raises:
            NotFoundError, VersionConflictError, ForbiddenError
            ConflictError: it is over.
        """

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            if before.status is MaintenanceStatus.CANCELLED:
                return await settle(unit, before)
            _check_open(before)
            await unit.maintenance_instances.cancel_planned(before.id)
            await _end_active(unit, before)
            return await settle(unit, replace(before, cancelled_at=unit.moment(), planned_until=None))

        return await self._changing(viewer, maintenance_id, expected_version, step)

    async def end(
        self, viewer: Viewer, maintenance_id: str, *, expected_version: int | None = None
    ) -> Outcome[Maintenance]:
        """End what takes place now before its time; a window with a rule takes place again by that.

        Raises:
            NotFoundError, VersionConflictError, ForbiddenError
            ConflictError: nothing of it takes place now.
        """

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            if not before.active:
                raise ConflictError("This maintenance does not take place now.", field=["id"])
            await _end_active(unit, before)
            return await settle(unit, before)

        return await self._changing(viewer, maintenance_id, expected_version, step)

    async def change_instance(self, viewer: Viewer, command: ChangeMaintenanceInstance) -> Outcome[Maintenance]:
        """Change the times or the texts of one instance.

        Raises:
            NotFoundError, VersionConflictError, InvalidInputError, ForbiddenError
            ConflictError: the instance is over, or its beginning would change and it has begun.
        """

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            instance = await _instance(unit, before, command.original_start)
            after = changed_instance(instance, command, now=unit.moment())
            if after == instance:
                return await settle(unit, before)
            await unit.maintenance_instances.put(after)
            return await settle(unit, _revised(before), touched_instance(after))

        return await self._changing(viewer, command.id, command.expected_version, step)

    async def cancel_instance(
        self, viewer: Viewer, maintenance_id: str, original_start: datetime, *, expected_version: int | None = None
    ) -> Outcome[Maintenance]:
        """Cancel one instance that is to come; the window takes place again by its rule.

        Raises:
            NotFoundError, VersionConflictError, ForbiddenError
            ConflictError: the instance has begun.
        """

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            instance = await _instance(unit, before, original_start)
            if instance.status is MaintenanceStatus.CANCELLED:
                return await settle(unit, before)
            if instance.status is not MaintenanceStatus.SCHEDULED:
                raise ConflictError("This instance has begun: it can be ended.", field=["originalStart"])
            await unit.maintenance_instances.put(replace(instance, status=MaintenanceStatus.CANCELLED))
            return await settle(unit, _revised(before), touched_instance(instance))

        return await self._changing(viewer, maintenance_id, expected_version, step)

    async def add_update(
        self, viewer: Viewer, command: AddMaintenanceUpdate, *, idempotency_key: str | None = None
    ) -> Outcome[Maintenance]:
        """Add a message to a window, at any time.

        Raises:
            NotFoundError, VersionConflictError, InvalidInputError, ForbiddenError, ConflictError
        """
        message = checked_message(command.message)

        async def step(unit: UnitOfWork, before: Maintenance) -> Applied[Maintenance]:
            update = MaintenanceUpdate(
                id=new_id("mtu"),
                maintenance_id=before.id,
                message=message,
                visibility=before.visibility,
                created_at=unit.moment(),
                created_by=viewer.actor,
            )
            await unit.maintenance.add_update(update)
            return await settle(unit, _revised(before), Touched(part="updates", id=update.id, after=update.visibility))

        async def work(unit: UnitOfWork) -> Maintenance:
            return await self._change_in(unit, viewer, command.id, command.expected_version, step)

        once = Idempotency(
            mutation="addMaintenanceUpdate",
            key=idempotency_key,
            command=command,
            to_answer=lambda _: {"id": command.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def _scheduled(
        self, unit: UnitOfWork, viewer: Viewer, command: ScheduleMaintenance, identifier: str
    ) -> Maintenance:
        now = unit.moment()
        made = _draft(command, identifier, viewer, now=now)
        systems = await system_ids_of(unit, command.systems)

        async def insert() -> Applied[Maintenance]:
            new = replace(made, system_ids=tuple(systems))
            await unit.maintenance.put(new)
            return await settle(unit, await plan(unit, new, replacing=True))

        return (await self._handle.create(unit, identifier, insert, origin=origin_of(viewer))).after.entity

    async def _moved(self, unit: UnitOfWork, after: Maintenance) -> Maintenance:
        """Store the instances by the new times of a window; one that takes place now by its times ends by them."""
        for instance in after.active:
            if not instance.is_changed:
                ends_at = instance.starts_at + after.duration
                check_end(ends_at, now=unit.moment())
                await unit.maintenance_instances.put(replace(instance, ends_at=ends_at))
        return await plan(unit, after, replacing=True)

    async def _changing(
        self,
        viewer: Viewer,
        maintenance_id: str,
        expected: int | None,
        step: Step,
        *,
        systems: Any = None,
    ) -> Outcome[Maintenance]:
        async def work(unit: UnitOfWork) -> Maintenance:
            return await self._change_in(unit, viewer, maintenance_id, expected, step, systems=systems)

        return self._told(await self._writer.run(work))

    async def _change_in(
        self,
        unit: UnitOfWork,
        viewer: Viewer,
        maintenance_id: str,
        expected: int | None,
        step: Step,
        *,
        systems: Any = None,
    ) -> Maintenance:
        if not is_id(maintenance_id, "mnt"):
            raise NotFoundError(_NOUN, maintenance_id)
        # Systems are locked first, as everywhere.
        wanted = None if systems is None or isinstance(systems, Keep) else await system_ids_of(unit, systems)

        async def apply(before: Snapshot[Maintenance] | None) -> Applied[Maintenance]:
            if before is None:
                raise NotFoundError(_NOUN, maintenance_id)
            current = before.entity
            if expected is not None and expected != current.version:
                raise VersionConflictError(
                    "The maintenance", expected=expected, current=current, version=current.version
                )
            return await step(unit, current if wanted is None else replace(current, system_ids=tuple(wanted)))

        return (await self._handle.mutate(unit, maintenance_id, apply, origin=origin_of(viewer))).after.entity

    def _told(self, outcome: Outcome[Maintenance]) -> Outcome[Maintenance]:
        self.timer.changed.set()
        return outcome


def _draft(command: ScheduleMaintenance, identifier: str, viewer: Viewer, *, now: datetime) -> Maintenance:
    starts_at, ends_at = checked_times(command.starts_at, command.ends_at, now=now)
    zone = checked_zone(command.time_zone)
    rule = None if command.recurrence is None else checked_rule(command.recurrence, first=starts_at, zone=zone)
    return Maintenance(
        id=identifier,
        title=checked_title(command.title),
        description=checked_description(command.description),
        visibility=command.visibility,
        time_zone=command.time_zone,
        starts_at=starts_at,
        ends_at=ends_at,
        recurrence=rule,
        status=MaintenanceStatus.SCHEDULED,
        system_ids=(),
        planned_until=None,
        created_at=now,
        updated_at=now,
        created_by=viewer.actor,
    )


def _check_open(maintenance: Maintenance) -> None:
    if maintenance.is_over:
        raise ConflictError("This maintenance is over.", field=["id"])


def _revised(maintenance: Maintenance) -> Maintenance:
    return replace(maintenance, revision=maintenance.revision + 1)


async def _instance(unit: UnitOfWork, maintenance: Maintenance, original_start: datetime) -> MaintenanceInstance:
    found = await unit.maintenance_instances.of(maintenance.id, original_start)
    if found is None:
        raise NotFoundError("Instance", original_start.isoformat(), field=["originalStart"])
    return found


async def _end_active(unit: UnitOfWork, maintenance: Maintenance) -> None:
    now = unit.moment()
    for instance in maintenance.active:
        # After it began, also where it began in this millisecond.
        ends_at = min(instance.ends_at, max(now, instance.starts_at + timedelta(milliseconds=1)))
        await unit.maintenance_instances.put(replace(instance, status=MaintenanceStatus.ENDED, ends_at=ends_at))


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> Maintenance:
    return recalled(await unit.maintenance.get_many([answer["id"]]), answer["id"], noun=_NOUN)
