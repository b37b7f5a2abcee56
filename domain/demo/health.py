"""The health of systems in made-up pasts: the steps and spans that single writes would have left."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from domain.model.change import Change
from domain.model.health import HealthStep
from domain.model.health_effects import OverrideEffect, ReportEffect, effect_of
from domain.model.health_history import FAR, HealthSpan, worst_of
from domain.model.incident import Health, HealthOverride, Incident


class HealthChronicler:
    """A reader of a past's changes in their order, which notes in each what it did to the health of systems."""

    def __init__(self) -> None:
        self._reported: defaultdict[str, Health] = defaultdict(lambda: Health.HEALTHY)
        #: The overrides of incidents, open or not, and those of open ones by system.
        self._overrides: defaultdict[str, dict[str, HealthOverride]] = defaultdict(dict)
        self._set: defaultdict[str, dict[str, HealthOverride]] = defaultdict(dict)

    def noted(self, change: Change) -> Change:
        """Return the change with its steps of health."""
        effect = effect_of(change)
        if effect is None:
            return change
        before = {system_id: self._status(system_id) for system_id in effect.systems}
        if isinstance(effect, ReportEffect):
            self._reported[effect.system_id] = effect.status
        else:
            self._override(effect)
        steps = [self._step(system_id, previous) for system_id, previous in before.items()]
        is_report = isinstance(effect, ReportEffect)
        return replace(change, health=tuple(each for each in steps if is_report or each.status is not each.previous))

    def _override(self, effect: OverrideEffect) -> None:
        known = self._overrides[effect.incident_id]
        for system_id in effect.ends:
            known.pop(system_id, None)
        known.update(effect.begins)
        for system_id in effect.systems:
            self._set[system_id].pop(effect.incident_id, None)
            if effect.resolved_at is None and system_id in known:
                self._set[system_id][effect.incident_id] = known[system_id]

    def _status(self, system_id: str) -> Health:
        return worst_of(self._reported[system_id], self._worst(system_id))

    def _worst(self, system_id: str) -> HealthOverride | None:
        return max(self._set[system_id].values(), key=list(HealthOverride).index, default=None)

    def _step(self, system_id: str, previous: Health) -> HealthStep:
        return HealthStep(
            system_id=system_id,
            previous=previous,
            status=self._status(system_id),
            reported=self._reported[system_id],
            override=self._worst(system_id),
        )


def spans_of(incidents: Iterable[Incident]) -> list[HealthSpan]:
    """Return the spans of incidents whose override and systems have always been the same."""
    return [
        HealthSpan(
            system_id=system_id,
            status=Health(incident.health_override),
            incident_id=incident.id,
            began_at=incident.occurred_at,
            ended_at=incident.resolved_at or FAR,
        )
        for incident in incidents
        if incident.health_override is not None
        for system_id in incident.system_ids
    ]
