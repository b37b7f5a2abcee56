"""Dwells: waits until the state that fired a trigger has held for long enough."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.automations.definitions.definition import stored
from domain.automations.engine.wakes import WakeIndex, reference
from domain.automations.routing.admission import Admission
from domain.automations.routing.gates import Fired, Gates
from domain.clock import Clock
from domain.entities import health, incident
from domain.entities.registry import EntityRegistry
from domain.model.automation import Automation, Dwell, SkipReason
from domain.model.change import Change
from domain.model.incident import Health, Status
from domain.model.moment import parse_iso
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork


class Dwells:
    """A keeper of dwells: changes break them, and those that held fire."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        registry: EntityRegistry,
        admission: Admission,
        gates: Gates,
        wakes: WakeIndex,
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._admission = admission
        self._gates = gates
        self._wakes = wakes

    async def break_on(self, unit: UnitOfWork, change: Change) -> None:
        """End the dwells that a change breaks, each with a row; a dwell that held until then fires first."""
        broken = [
            dwell for dwell in await unit.dwells.on(change.kind, change.entity_id) if not holds(dwell, change.next)
        ]
        if not broken:
            return
        automations = await unit.automations.lock(sorted({dwell.automation_id for dwell in broken}))
        for dwell in broken:
            if change.next is not None and _seen_at(change) >= dwell.fire_at:
                # No process fired it in time; left armed, it would block the next dwell.
                await self.fire(unit, dwell.id)
            elif dwell.automation_id in automations:
                # Dwells of an automation that was deleted meanwhile are deleted with it.
                await self._end(unit, dwell, automations[dwell.automation_id], SkipReason.DWELL_BROKEN)

    async def keep(self, dwell_id: str) -> None:
        """Wait for a dwell's end, and fire it if it is still armed then."""
        while True:
            dwell = await self._database.read(lambda session: session.dwells.get(dwell_id))
            if dwell is None:
                return
            if self._clock.now() >= dwell.fire_at:
                await self._database.write(lambda unit: self.fire(unit, dwell_id))
                return
            names = [reference(str(dwell.firing.kind), str(dwell.firing.entity_id))]
            with self._wakes.watching(names, run_id=dwell_id) as woken:
                await self._clock.wait(woken, until=dwell.fire_at)

    async def fire(self, unit: UnitOfWork, dwell_id: str) -> None:
        """Start the run of a dwell if its state held without a break."""
        dwell = await unit.dwells.get(dwell_id)
        if dwell is None:
            return
        automation = (await unit.automations.lock([dwell.automation_id])).get(dwell.automation_id)
        if automation is None:
            return
        definition = stored(automation.definition)
        trigger = definition.trigger(dwell.trigger_id)
        if not automation.enabled or trigger is None or trigger.event != dwell.firing.event:
            await self._end(unit, dwell, automation, SkipReason.DISABLED)
        elif not await self._held(unit, dwell):
            await self._end(unit, dwell, automation, SkipReason.DWELL_BROKEN)
        elif await unit.dwells.claim(dwell.id):
            fired = Fired(
                automation=automation,
                definition=definition,
                trigger=trigger,
                firing=dwell.firing,
                state=dwell.state,
            )
            await self._gates.start(unit, fired)

    async def _held(self, unit: UnitOfWork, dwell: Dwell) -> bool:
        """Return whether the state held until the dwell's end; a break that is not routed yet counts."""
        kind, entity_id = str(dwell.firing.kind), str(dwell.firing.entity_id)
        read = self._registry.resolver_for(kind)
        lock = self._registry.locker_for(kind)
        if lock is not None:
            # A break that is being committed at this very moment counts: it comes before the run in the log.
            await lock(unit, [entity_id])
        if read is None or entity_id not in await read(unit, [entity_id]):
            return False
        passed = await unit.transitions.values_between(
            kind, entity_id, "status", after=dwell.armed_at, before=dwell.fire_at
        )
        return all(holds(dwell, {"status": value}) for value in passed)

    async def _end(self, unit: UnitOfWork, dwell: Dwell, automation: Automation, reason: SkipReason) -> None:
        if await unit.dwells.claim(dwell.id):
            await self._admission.skip(unit, automation, dwell.trigger_id, dwell.firing, reason)


def _seen_at(change: Change) -> datetime:
    observed = (change.after or {}).get("observed_at") if change.kind == health.HEALTH.name else None
    return parse_iso(observed) if isinstance(observed, str) else change.occurred_at


def holds(dwell: Dwell, state: Mapping[str, Any] | None) -> bool:
    """Return whether the state still holds: a worse status is still degraded, else the status has to be the same."""
    if state is None:
        return False
    status = state.get("status")
    match dwell.firing.event:
        case health.DEGRADED:
            return status != Health.HEALTHY
        case health.HEALTHY:
            return status == Health.HEALTHY
        case incident.CREATED:
            return status != Status.RESOLVED
        case _:
            return status == dwell.state.get("status")
