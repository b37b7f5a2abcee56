"""Systems of the catalog as reactive entities: what they are called has a history.

Automations are triggered by what happens to systems, not by work on the catalog: the kind has no trigger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel

from domain.entities.kind import EntityKind, Snapshot
from domain.model.system import System
from domain.persistence.unit_of_work import ReadSession, UnitOfWork


class SystemState(BaseModel):
    """The reactive part of a system."""

    key: str
    name: str


def snapshot_of(system: System) -> Snapshot[System]:
    """Return the handle's snapshot of a system."""
    return Snapshot(
        entity=system,
        version=system.version,
        state={"key": system.key, "name": system.name},
        facts=system.facts(),
        systems=(system.id,),
    )


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[System]]:
    return {identifier: snapshot_of(system) for identifier, system in (await session.systems.get_many(ids)).items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    await unit.systems.lock(ids)


async def _stamp(unit: UnitOfWork, snapshot: Snapshot[System], version: int, now: datetime) -> Snapshot[System]:
    stamped = replace(snapshot.entity, version=version, updated_at=now)
    await unit.systems.stamp(stamped)
    return snapshot_of(stamped)


SYSTEM: EntityKind[System] = EntityKind(
    name="system",
    state=SystemState,
    read=_read,
    rows="systems.id",
    lock=_lock,
    stamp=_stamp,
    derived_facts=frozenset({"updated_at"}),
)
