"""Gates between a trigger's firing and a run, in their order; a closed gate records its reason in a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.automations.conditions.evaluation import evaluate, undefined_in
from domain.automations.conditions.model import Condition
from domain.automations.conditions.scope import StateReader, trigger_scope
from domain.automations.definitions.definition import Definition, TriggerPart
from domain.automations.definitions.parts import FiringWindow
from domain.automations.engine.adapter import Workflow
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.language import compile_expression
from domain.automations.routing.admission import Admission, Admitted, Enqueue
from domain.entities.health import HEALTH
from domain.ids import new_id
from domain.model.automation import Automation, Dwell, Firing, SkipReason, bounded_key
from domain.model.moment import parse_iso
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

#: No window reaches further back.
_LONGEST_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A trigger that fired, with its automation and what its gates need."""

    automation: Automation
    definition: Definition
    trigger: TriggerPart
    firing: Firing
    #: The reactive state of what fired it.
    state: Mapping[str, Any]

    @property
    def scope(self) -> dict[str, Any]:
        """The scope of the gates' expressions."""
        return {"trigger": trigger_scope(self.firing, self.trigger.name), "variables": {}, "vars": {}, "artifacts": {}}


class Gates:
    """The decision about a firing, in the unit of work that routes it."""

    def __init__(
        self, *, admission: Admission, states: StateReader, enqueue: Enqueue, depth: int, now: Callable[[], datetime]
    ) -> None:
        self._admission = admission
        self._states = states
        self._enqueue = enqueue
        self._depth = depth
        self._now = now

    async def pass_through(self, unit: UnitOfWork, fired: Fired) -> Admitted:
        """Pass a firing through all gates: to a run, to a dwell, or to a row with the reason."""
        if fired.firing.depth > self._depth:
            message = f"The chain of causes is longer than {self._depth}."
            return await self._skip(unit, fired, SkipReason.DEPTH, message)
        trigger = fired.trigger
        if trigger.filter is not None and not await self._holds(unit, fired, trigger.filter, SkipReason.FILTER):
            return Admitted(run=None)
        if trigger.window is not None:
            filled = await self._fills(unit, fired, trigger.window)
            if filled is None:
                return Admitted(run=None)
            if not filled:
                return await self._skip(unit, fired, SkipReason.WINDOW)
        if trigger.for_ is not None:
            return await self._arm(unit, fired)
        return await self.start(unit, fired)

    async def start(self, unit: UnitOfWork, fired: Fired) -> Admitted:
        """Pass a firing whose dwell has held through the remaining gates."""
        for condition in fired.definition.conditions:
            if not await self._holds(unit, fired, condition, SkipReason.CONDITION):
                return Admitted(run=None)
        try:
            once_key = self._once_key(fired)
        except ExpressionError as error:
            return await self._skip(unit, fired, SkipReason.ERROR, f"once_for: {error}")
        return await self._admission.admit(
            unit, fired.automation, fired.definition, fired.trigger.name, fired.firing, once_key=once_key
        )

    async def _holds(self, unit: UnitOfWork, fired: Fired, condition: Condition, reason: SkipReason) -> bool:
        now = self._now()
        scope = await self._enriched(unit, fired, condition, now=now)
        try:
            verdict = evaluate(condition, scope, now=now)
        except ExpressionError as error:
            await self._skip(unit, fired, reason, str(error))
            return False
        if not verdict.value:
            undefined = dict.fromkeys(undefined_in(verdict.details))
            message = " ".join(f"{path} is not defined." for path in undefined)
            await self._skip(unit, fired, reason, message or None)
        return verdict.value

    async def _enriched(
        self, session: ReadSession, fired: Fired, *conditions: Condition, now: datetime
    ) -> dict[str, Any]:
        return await self._states.enriched(
            session,
            fired.scope,
            conditions=conditions,
            firing=fired.firing,
            uses_state=fired.definition.uses_state,
            window=timedelta(minutes=fired.definition.state_window_minutes),
            now=now,
        )

    async def _fills(self, unit: UnitOfWork, fired: Fired, window: FiringWindow) -> bool | None:
        """Count a firing, and return whether it fills the window; whether later ones fill it too is up to `refire`.

        Return None for a firing that was counted before.
        """
        automation, trigger, at = fired.automation.id, fired.trigger.name, fired.firing.occurred_at
        partition = await self._partition(unit, fired, window)
        since = at - timedelta(minutes=window.minutes)
        before = await unit.windows.count(automation, trigger, partition, since=since)
        if not await unit.windows.add(automation, trigger, partition, key=fired.firing.key, at=at):
            return None
        await unit.windows.forget(automation, trigger, before=at - _LONGEST_WINDOW)
        filled = before + 1 >= window.count
        return filled and (window.refire == "every" or before < window.count)

    async def _partition(self, unit: ReadSession, fired: Fired, window: FiringWindow) -> str:
        """Return the partition of the window: the rendered value, or the context key if there is none."""
        key = fired.firing.context_key
        otherwise = "none" if key is None else f"key:{key}"
        if window.partition_by is None:
            return otherwise
        now = self._now()
        scope = await self._enriched(unit, fired, window.partition_by, now=now)
        try:
            value = compile_expression(window.partition_by).value(scope, now=now)
        except ExpressionError:
            return otherwise
        return bounded_key(f"by:{value}") if isinstance(value, str | int | float) and value != "" else otherwise

    async def _arm(self, unit: UnitOfWork, fired: Fired) -> Admitted:
        assert fired.trigger.for_ is not None
        now = self._now()
        try:
            scope = await self._enriched(unit, fired, now=now)
            seconds = fired.trigger.for_.seconds_in(scope, now=now)
        except ExpressionError as error:
            return await self._skip(unit, fired, SkipReason.ERROR, f"for: {error}")
        dwell = Dwell(
            id=new_id("dwl"),
            automation_id=fired.automation.id,
            trigger_id=fired.trigger.name,
            firing=fired.firing,
            state=fired.state,
            armed_at=fired.firing.occurred_at,
            # From when it was observed, not from when it was reported or routed: neither delays the dwell.
            fire_at=seen_at(fired.firing) + timedelta(seconds=seconds),
        )
        if not await unit.dwells.arm(dwell):
            armed = await unit.dwells.of_trigger(dwell.automation_id, dwell.trigger_id, dwell.firing.context_key)
            if armed is not None and armed.firing.key == dwell.firing.key:
                # Delivered again; a row for it would block the run that the dwell ends in.
                return Admitted(run=None)
            return await self._skip(unit, fired, SkipReason.DWELL_ARMED)
        await self._enqueue(unit, Workflow.DWELL, dwell.id)
        return Admitted(run=None)

    def _once_key(self, fired: Fired) -> str | None:
        once_for = fired.definition.once_for
        if once_for is None:
            return None
        value = compile_expression(once_for).value(fired.scope, now=self._now())
        return bounded_key(str(value))

    async def _skip(self, unit: UnitOfWork, fired: Fired, reason: SkipReason, message: str | None = None) -> Admitted:
        return await self._admission.skip(
            unit, fired.automation, fired.trigger.name, fired.firing, reason, message=message
        )


def seen_at(firing: Firing) -> datetime:
    """Return when the change was seen: for a health report, when its reporter saw it."""
    observed = firing.payload.get("observedAt") if firing.kind == HEALTH.name else None
    return parse_iso(observed) if isinstance(observed, str) else firing.occurred_at
