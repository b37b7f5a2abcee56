"""The use cases of the catalog of systems."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.entities.maintenance import snapshot_of as snapshot_of_maintenance
from domain.entities.origin import Origin
from domain.entities.system import snapshot_of as snapshot_of_system
from domain.errors import AlreadyExistsError, NotFoundError
from domain.ids import new_id
from domain.model.commands import CreateSystem, Keep, UpdateSystem
from domain.model.health import SystemHealth
from domain.model.incident import Incident
from domain.model.maintenance import Maintenance
from domain.model.system import System, checked_key
from domain.model.texts import checked_description, checked_name
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident
from domain.services.references import known_system_ids
from domain.services.writing import Idempotency, Outcome, Writer, check_version, origin_of, recalled

#: A statement can name only so many ids.
_CHUNK = 500


class SystemService:
    """The use cases of systems; each call is one transaction."""

    def __init__(
        self,
        *,
        writer: Writer,
        handle: EntityHandle[System],
        incidents: EntityHandle[Incident],
        health: EntityHandle[SystemHealth],
        maintenance: EntityHandle[Maintenance],
    ) -> None:
        self._writer = writer
        self._handle = handle
        self._incidents = incidents
        self._health = health
        self._maintenance = maintenance

    async def create(
        self, viewer: Viewer, command: CreateSystem, *, idempotency_key: str | None = None
    ) -> Outcome[System]:
        """Add a system.

        Raises:
            AlreadyExistsError: the key names another system.
            NotFoundError: the call is repeated, and the system was deleted since.
            InvalidInputError, ConflictError
        """
        identifier = new_id("sys")
        key, name = checked_key(command.key), checked_name(command.name)
        description = checked_description(command.description)

        async def work(unit: UnitOfWork) -> System:
            now = unit.moment()
            system = System(id=identifier, key=key, name=name, description=description, created_at=now, updated_at=now)
            return await self._created(unit, system, origin_of(viewer))

        once = Idempotency(
            mutation="createSystem",
            key=idempotency_key,
            command=command,
            to_answer=lambda _: {"id": identifier},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def ensure_in(self, unit: UnitOfWork, command: CreateSystem, *, origin: Origin) -> str:
        """Return the id of the system with this key within a unit of work, after adding it where there is none.

        Raises:
            InvalidInputError
        """
        now = unit.moment()
        key, name = checked_key(command.key), checked_name(command.name)
        system = System(
            id=new_id("sys"),
            key=key,
            name=name,
            description=checked_description(command.description),
            created_at=now,
            updated_at=now,
        )
        with suppress(AlreadyExistsError):
            return (await self._created(unit, system, origin)).id
        # A rival's, which has committed by now: the insert waited for it.
        return (await known_system_ids(unit, [key]))[0]

    async def _created(self, unit: UnitOfWork, system: System, origin: Origin) -> System:
        async def insert() -> Applied[System]:
            if not await unit.systems.insert(system):
                raise AlreadyExistsError(f"There is a system with the key {system.key!r} already.", field=["key"])
            return Applied(after=snapshot_of_system(system))

        return (await self._handle.create(unit, system.id, insert, origin=origin)).after.entity

    async def update(self, viewer: Viewer, command: UpdateSystem) -> Outcome[System]:
        """Change a system's name or description.

        Raises:
            NotFoundError, VersionConflictError, InvalidInputError
        """

        async def work(unit: UnitOfWork) -> System:
            async def apply(before: Snapshot[System] | None) -> Applied[System]:
                system = _present(before, command.system)
                check_version(system, command.expected_version)
                changed = _changed(system, command)
                if changed != system:
                    await unit.systems.save(changed)
                return Applied(after=snapshot_of_system(changed))

            identifier = await _id_of(unit, command.system)
            return (await self._handle.mutate(unit, identifier, apply, origin=origin_of(viewer))).after.entity

        return await self._writer.run(work)

    async def delete(self, viewer: Viewer, reference: str, *, expected_version: int | None = None) -> Outcome[str]:
        """Delete a system: its incidents and maintenance lose it, then its health and itself go, through their handles.

        Raises:
            NotFoundError, VersionConflictError
        """
        origin = origin_of(viewer)

        async def work(unit: UnitOfWork) -> str:
            async def leave(before: Snapshot[System] | None) -> None:
                system = _present(before, reference)
                check_version(system, expected_version)
                await self._detach(unit, system, origin=origin)
                await unit.systems.delete(system.id, at=unit.moment())

            identifier = await _id_of(unit, reference)
            await self._handle.remove(unit, identifier, leave, origin=origin)
            return identifier

        return await self._writer.run(work)

    async def _detach(self, unit: UnitOfWork, system: System, *, origin: Origin) -> None:
        async def detach(_: str, before: Snapshot[Incident]) -> Applied[Incident]:
            incident = before.entity
            left = tuple(identifier for identifier in incident.system_ids if identifier != system.id)
            after = replace(incident, system_ids=left)
            await save_incident(unit, incident, after)
            return Applied(after=snapshot_of(after))

        affected = await unit.incidents.ids_of_system(system.id)
        for start in range(0, len(affected), _CHUNK):
            await self._incidents.mutate_many(unit, affected[start : start + _CHUNK], detach, origin=origin)

        await self._excuse(unit, system, origin=origin)

        async def forget(_: Snapshot[SystemHealth] | None) -> None:
            await unit.health.delete(system.id)

        await self._health.remove(unit, system.id, forget, origin=origin)

    async def _excuse(self, unit: UnitOfWork, system: System, *, origin: Origin) -> None:
        """Remove a system from the maintenance of it."""

        async def leave(_: str, before: Snapshot[Maintenance]) -> Applied[Maintenance]:
            maintenance = before.entity
            left = tuple(identifier for identifier in maintenance.system_ids if identifier != system.id)
            after = replace(maintenance, system_ids=left)
            await unit.maintenance.put(after)
            return Applied(after=snapshot_of_maintenance(after))

        affected = await unit.maintenance.ids_of_system(system.id)
        for start in range(0, len(affected), _CHUNK):
            await self._maintenance.mutate_many(unit, affected[start : start + _CHUNK], leave, origin=origin)


async def _id_of(unit: UnitOfWork, reference: str) -> str:
    found = (await unit.systems.resolve([reference])).get(reference)
    if found is None:
        raise NotFoundError("System", reference)
    return found


def _present(before: Snapshot[System] | None, reference: str) -> System:
    if before is None:
        raise NotFoundError("System", reference)
    return before.entity


def _changed(system: System, command: UpdateSystem) -> System:
    name, description = command.name, command.description
    return replace(
        system,
        name=system.name if isinstance(name, Keep) else checked_name(name),
        description=system.description if isinstance(description, Keep) else checked_description(description),
    )


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> System:
    return recalled(await unit.systems.get_many([answer["id"]]), answer["id"], noun="System")
