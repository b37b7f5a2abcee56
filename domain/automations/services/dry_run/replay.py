"""Replay of the past into the scratch database, adapted to the changes that the automation made there."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.automations.services.dry_run.feed import Opening
from domain.automations.services.dry_run.scratch import Scratch
from domain.entities.handle import Applied
from domain.entities.incident import INCIDENT, snapshot_of
from domain.entities.kind import EntityKind, Picture, Snapshot
from domain.entities.origin import Origin
from domain.entities.transitions import transitions_of
from domain.model.change import Change
from domain.model.incident import Incident
from domain.model.pictures import incident_of
from domain.model.system import System
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.entries import save_incident

#: The fields of an incident that a rewrite sets itself.
_FOLLOWS = frozenset({"updated_at", "identified_at", "fixing_at", "monitoring_at", "resolved_at"})


class Replay:
    """A writer of past changes; it knows the entities that have diverged from the past."""

    def __init__(self, scratch: Scratch, *, opened_at: datetime) -> None:
        self._scratch = scratch
        self._kinds = {kind.name: kind for kind in scratch.kinds}
        self._opened_at = opened_at
        self._systems: set[str] = set()
        #: Incidents that the automation wrote, here or in the past.
        self._diverged: set[str] = set()
        self._dedupe_keys: dict[str, str] = {}
        #: The number of changes of incidents that do not exist here.
        self.dropped = 0

    async def open(self, opening: Opening) -> None:
        """Write the state at the beginning."""

        async def work(unit: UnitOfWork) -> None:
            for system in opening.systems:
                await self._add(unit, system)
            for kind, snapshot in opening.others:
                await self._put(unit, kind, snapshot)
            await self._need(unit, (system_id for each in opening.incidents for system_id in each.system_ids))
            await _insert(unit, opening.incidents)
            await unit.past.copy_transitions(opening.transitions)
            # Beyond all numbers of the past, which keep theirs.
            await unit.incidents.last_of_numbers(opening.last_number)
            if opening.token is not None and opening.token.revoked_at is None:
                await unit.tokens.insert(opening.token, "")

        await self._scratch.database.write(work)

    def diverge(self, incident_id: str) -> None:
        """Note that this incident has diverged from the past."""
        self._diverged.add(incident_id)

    def is_diverged(self, change: Change) -> bool:
        """Return whether a change is of an incident that has diverged."""
        return change.entity_id in self._diverged

    def learn(self, dedupe_keys: Mapping[str, str]) -> None:
        """Note the dedupe keys of incidents, which the log lacks."""
        self._dedupe_keys |= dedupe_keys

    async def write(self, batch: Sequence[Change]) -> tuple[list[Change], int]:
        """Write these changes, and return them as written, with the position of the last one in the scratch log."""
        committed = await self._scratch.database.write(lambda unit: self._written(unit, batch))
        first = committed.seq - len(committed.value) + 1
        return [replace(change, seq=first + index) for index, change in enumerate(committed.value)], committed.seq

    async def _written(self, unit: UnitOfWork, batch: Sequence[Change]) -> list[Change]:
        ids = sorted({change.entity_id for change in batch if change.kind == INCIDENT.name})
        stored = await unit.incidents.get_many(ids)
        states: dict[str, Incident | None] = dict(stored)
        written = []
        for change in batch:
            fitted = self._fitted(change, states) if change.kind == INCIDENT.name else change
            if fitted is not None:
                unit.record(fitted, transitions_of(fitted) if fitted.next is not None else ())
                written.append(fitted)
        await self._put_others(unit, batch)
        await self._need(unit, (system_id for each in states.values() if each for system_id in each.system_ids))
        await _insert(unit, [each for each in states.values() if each is not None and each.id not in stored])
        for identifier, before in stored.items():
            await _save(unit, before, states[identifier])
        return written

    def _fitted(self, change: Change, states: dict[str, Incident | None]) -> Change | None:
        """Return the change adapted to the incident's present state here, with the new state."""
        known = states.get(change.entity_id)
        if known is None and change.prev is not None:
            if change.entity_id in self._diverged or change.entity_id in states:
                self.dropped += 1
                return None
            # It was resolved at the beginning, and no change has needed it so far.
            known = self._pictured(change, change.version - 1, INCIDENT.before_of(change))
        diverged = known is not None and (known.id in self._diverged or known.version != change.version - 1)
        if known is not None and diverged:
            return self._refitted(change, known, states)
        after = None if change.after is None else self._pictured(change, change.version, change.after)
        states[change.entity_id] = after
        return change

    def _refitted(self, change: Change, known: Incident, states: dict[str, Incident | None]) -> Change | None:
        if change.after is None:
            states[known.id] = None
            return replace(change, version=known.version + 1, prev=snapshot_of(known).state)
        before = snapshot_of(known)
        changed = {*change.changed_fields, *change.described_fields} - _FOLLOWS
        picture = {**before.facts, **before.state, **{name: change.after.get(name) for name in changed}}
        after = incident_of(known.id, known.version + 1, picture, dedupe_key=known.dedupe_key)
        # The status by its own method, which also sets the time of the resolution.
        after = replace(after, status=known.status, resolved_at=known.resolved_at)
        after = replace(after, updated_at=change.occurred_at).with_status(
            incident_of(known.id, 0, picture, dedupe_key="").status, at=change.occurred_at
        )
        after = after.following(known)
        origin = Origin(actor=change.actor, cause=change.cause)
        recorded = self._scratch.handle.replay(
            known.id,
            before,
            Applied(after=snapshot_of(after), touched=change.touched),
            origin=origin,
            at=change.occurred_at,
        )
        if recorded is None:
            return None
        states[known.id] = after
        fitted = replace(recorded[0], id=change.id)
        return replace(fitted, payload=self._scratch.derivers.payload(fitted)) if fitted.events else fitted

    def _pictured(self, change: Change, version: int, picture: Mapping[str, object]) -> Incident:
        key = self._dedupe_keys.get(change.entity_id, "")
        return incident_of(change.entity_id, version, picture, dedupe_key=key)

    async def _put_others(self, unit: UnitOfWork, batch: Sequence[Change]) -> None:
        """Write the last state of entities of other kinds than incidents, which automations do not write."""
        for change in {(change.kind, change.entity_id): change for change in batch}.values():
            kind = self._kinds[change.kind]
            if kind.past is None:
                continue
            if change.after is None:
                await kind.past.delete(unit, change.entity_id)
                continue
            picture = Picture(
                entity_id=change.entity_id, version=change.version, at=change.occurred_at, whole=change.after
            )
            await self._put(unit, kind, kind.past.snapshot_of(picture))

    async def _put(self, unit: UnitOfWork, kind: EntityKind[Any], snapshot: Snapshot[Any]) -> None:
        assert kind.past is not None
        await self._need(unit, snapshot.systems)
        await kind.past.put(unit, snapshot.entity)

    async def _add(self, unit: UnitOfWork, system: System) -> None:
        self._systems.add(system.id)
        await unit.systems.insert(system)

    async def _need(self, unit: UnitOfWork, system_ids: Iterable[str]) -> None:
        """Add those of these systems that are missing here, also those deleted since."""
        for system_id in sorted(set(system_ids) - self._systems):
            at = self._opened_at
            gone = System(id=system_id, key=system_id, name=system_id, description=None, created_at=at, updated_at=at)
            await self._add(unit, gone)


async def _insert(unit: UnitOfWork, incidents: Sequence[Incident]) -> None:
    with_systems = [each for each in incidents if each.system_ids]
    if with_systems:
        await unit.incidents.insert_many(with_systems)
    for each in incidents:
        if not each.system_ids:
            await unit.incidents.insert(each)
    wanted = [
        (each.id, system_id, each.dedupe_key) for each in incidents if each.is_open for system_id in each.system_ids
    ]
    await unit.claims.take_many(wanted)


async def _save(unit: UnitOfWork, before: Incident, after: Incident | None) -> None:
    if after is None:
        await unit.incidents.delete(before.id)
    else:
        await save_incident(unit, before, after)
