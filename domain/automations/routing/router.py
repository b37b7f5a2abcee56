"""The router: it passes every change of an entity once to all automations that listen to its events."""

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from domain.automations.definitions.definition import stored
from domain.automations.routing.dwells import Dwells
from domain.automations.routing.gates import Fired, Gates
from domain.entities import incident
from domain.model.automation import Automation, Firing
from domain.model.change import Change
from domain.model.incident import Status
from domain.persistence.automations import CONCERNED, concerning
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

#: The work queue of changes: one process of all routes at a time, in the log's order.
GROUP = "automations"


class Router:
    """A router in the transaction that moves the queue's position: no change is lost or routed twice."""

    def __init__(self, *, database: Database, gates: Gates, dwells: Dwells) -> None:
        self._database = database
        self._gates = gates
        self._dwells = dwells

    async def concerned(self, batch: Sequence[Change]) -> bool:
        """Return whether any of these changes has to be routed; most do not, and the check is cheap."""
        events = sorted({event for change in batch for event in change.events})
        keys = {(change.kind, change.entity_id) for change in batch if not change.is_comment_only}
        if not events and not keys:
            return False
        return bool(await self._database.glance(CONCERNED, concerning(events, keys, at=batch[-1].seq)))

    async def route(self, unit: UnitOfWork, change: Change) -> None:
        """Route a change: break dwells, close artifacts and start runs."""
        if not change.is_comment_only:
            await self._dwells.break_on(unit, change)
            await _close_artifacts(unit, change)
        if not change.events:
            return
        listening = await unit.automations.listening(change.events, at=change.seq)
        automations = await unit.automations.get_many(sorted({automation_id for automation_id, _ in listening}))
        for automation_id, trigger_id in listening:
            # An automation that was deleted between the two reads starts nothing more.
            automation = automations.get(automation_id)
            fired = _fired(automation, trigger_id, change) if automation is not None else None
            if fired is not None:
                await self._gates.pass_through(unit, fired)


def _fired(automation: Automation, trigger_id: str, change: Change) -> Fired | None:
    try:
        definition = stored(automation.definition)
    except ValidationError:
        logger.exception("the definition of %s is of another version of the server", automation.id)
        return None
    trigger = definition.trigger(trigger_id)
    if trigger is None or trigger.event not in change.events:
        return None
    return Fired(
        automation=automation,
        definition=definition,
        trigger=trigger,
        firing=firing_of(change, trigger.event),
        state=change.next or {},
    )


def firing_of(change: Change, event: str) -> Firing:
    """Return the firing of an event by a change."""
    return Firing(
        event=event,
        key=change.id,
        payload=change.payload or generic_payload(change),
        actor=change.actor,
        context_key=change.entity_id,
        change_id=change.id,
        kind=change.kind,
        entity_id=change.entity_id,
        depth=change.cause.depth,
        occurred_at=change.occurred_at,
    )


def generic_payload(change: Change) -> dict[str, object]:
    """Return the payload of a change for a kind without a mapper of its own."""
    return {
        **(change.next or {}),
        "kind": change.kind,
        "id": change.entity_id,
        "prev": change.prev,
        "next": change.next,
        "delta": change.delta,
        "changedFields": list(change.changed_fields),
    }


async def _close_artifacts(unit: UnitOfWork, change: Change) -> None:
    """Close the artifacts and empty the windows of an incident that is resolved or deleted."""
    over = change.next is None or change.next.get("status") == Status.RESOLVED
    if change.kind == incident.INCIDENT.name and over:
        await unit.windows.restart(change.entity_id, until=change.occurred_at)
        await unit.artifacts.close(change.entity_id, at=unit.moment())
