"""The use cases of the catalog of systems."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.clock import Clock
from domain.entities.handle import Applied, EntityHandle
from domain.entities.incident import snapshot_of
from domain.entities.kind import Snapshot
from domain.errors import AlreadyExistsError, NotFoundError
from domain.ids import new_id
from domain.model.commands import CreateSystem, Keep, UpdateSystem
from domain.model.health import SystemHealth
from domain.model.incident import Incident
from domain.model.system import System, checked_key
from domain.model.texts import checked_description, checked_name
from domain.model.viewer import Viewer
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident
from domain.services.writing import Idempotency, Outcome, Writer, origin_of, recalled

#: A statement can name only so many ids.
_CHUNK = 500


class SystemService:
    """The use cases of systems; each call is one transaction. The catalog itself has no events."""

    def __init__(
        self,
        *,
        writer: Writer,
        handle: EntityHandle[Incident],
        health: EntityHandle[SystemHealth],
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._handle = handle
        self._health = health
        self._clock = clock

    async def create(
        self, viewer: Viewer, command: CreateSystem, *, idempotency_key: str | None = None
    ) -> Outcome[System]:
        """Add a system.

        Raises:
            AlreadyExistsError: the key names another system.
            NotFoundError: the call is repeated, and the system was deleted since.
            InvalidInputError, ConflictError
        """
        now = self._clock.now()
        system = System(
            id=new_id("sys"),
            key=checked_key(command.key),
            name=checked_name(command.name),
            description=checked_description(command.description),
            created_at=now,
            updated_at=now,
        )

        async def work(unit: UnitOfWork) -> System:
            if not await unit.systems.insert(system):
                raise AlreadyExistsError(f"There is a system with the key {system.key!r} already.", field=["key"])
            return system

        once = Idempotency(
            mutation="createSystem",
            key=idempotency_key,
            command=command,
            to_answer=lambda _: {"id": system.id},
            from_answer=_recalled,
        )
        return await self._writer.run_once(viewer, work, once)

    async def update(self, command: UpdateSystem) -> Outcome[System]:
        """Change a system's name or description.

        Raises:
            NotFoundError, InvalidInputError
        """

        async def work(unit: UnitOfWork) -> System:
            system = await self._locked(unit, command.system)
            changed = replace(
                system,
                name=system.name if isinstance(command.name, Keep) else checked_name(command.name),
                description=(
                    system.description
                    if isinstance(command.description, Keep)
                    else checked_description(command.description)
                ),
            )
            if changed == system:
                return system
            changed = replace(changed, updated_at=unit.moment())
            await unit.systems.save(changed)
            return changed

        return await self._writer.run(work)

    async def delete(self, viewer: Viewer, reference: str) -> Outcome[str]:
        """Delete a system: its incidents lose it, then its health goes, all through their handles.

        Raises:
            NotFoundError
        """

        async def work(unit: UnitOfWork) -> str:
            system = await self._locked(unit, reference)

            async def detach(_: str, before: Snapshot[Incident]) -> Applied[Incident]:
                incident = before.entity
                left = tuple(identifier for identifier in incident.system_ids if identifier != system.id)
                after = replace(incident, system_ids=left)
                await save_incident(unit, incident, after)
                return Applied(after=snapshot_of(after))

            affected = await unit.incidents.ids_of_system(system.id)
            for start in range(0, len(affected), _CHUNK):
                chunk = affected[start : start + _CHUNK]
                await self._handle.mutate_many(unit, chunk, detach, origin=origin_of(viewer))

            async def forget(_: Snapshot[SystemHealth] | None) -> None:
                await unit.health.delete(system.id)

            await self._health.remove(unit, system.id, forget, origin=origin_of(viewer))
            await unit.systems.delete(system.id, at=unit.moment())
            return system.id

        return await self._writer.run(work)

    async def _locked(self, unit: UnitOfWork, reference: str) -> System:
        identifier = (await unit.systems.resolve([reference])).get(reference)
        if identifier is not None:
            await unit.systems.lock([identifier])
            system = (await unit.systems.get_many([identifier])).get(identifier)
            if system is not None:
                return system
        raise NotFoundError("System", reference)


async def _recalled(unit: UnitOfWork, answer: Mapping[str, Any]) -> System:
    return recalled(await unit.systems.get_many([answer["id"]]), answer["id"], noun="System")
