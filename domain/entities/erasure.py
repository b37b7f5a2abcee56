"""Erasures of people as reactive entities: that one began and ended is in the log, and whom it was about is not.

Live lists that are filtered by people follow them. Automations are not triggered by them: the kind has no trigger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel

from domain.entities.kind import EntityKind, Snapshot
from domain.model.change import Change
from domain.model.erasure import Erasure, ErasureStatus
from domain.persistence.unit_of_work import ReadSession, UnitOfWork


class ErasureState(BaseModel):
    """The reactive part of an erasure."""

    status: ErasureStatus


def snapshot_of(erasure: Erasure) -> Snapshot[Erasure]:
    """Return the handle's snapshot of an erasure."""
    return Snapshot(
        entity=erasure,
        version=erasure.version,
        state={"status": erasure.status},
        facts={"person": erasure.person.as_json()},
    )


def is_end(change: Change) -> bool:
    """Return whether a change ends an erasure: what is read from then on has nothing of the person."""
    return change.kind == ERASURE.name and (change.next or {}).get("status") == ErasureStatus.DONE


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Erasure]]:
    return {identifier: snapshot_of(erasure) for identifier, erasure in (await session.erasures.get_many(ids)).items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    await unit.erasures.lock(ids)


async def _stamp(unit: UnitOfWork, snapshot: Snapshot[Erasure], version: int, _now: datetime) -> Snapshot[Erasure]:
    await unit.erasures.stamp(snapshot.entity.id, version=version)
    return snapshot_of(replace(snapshot.entity, version=version))


ERASURE: EntityKind[Erasure] = EntityKind(
    name="erasure", state=ErasureState, read=_read, rows="erasures.id", lock=_lock, stamp=_stamp
)
