"""The catalog of triggers: those of each kind of entity, and those of time."""

from domain.automations.triggers.schedule import TIME_TRIGGERS
from domain.entities.kinds import Kinds
from domain.entities.triggers import TriggerRegistry


def builtin_triggers(kinds: Kinds) -> TriggerRegistry:
    """Return the catalog of triggers, those of these kinds first."""
    registry = TriggerRegistry()
    for kind in kinds:
        for trigger in kind.triggers:
            registry.register(trigger)
    for trigger in TIME_TRIGGERS:
        registry.register(trigger)
    return registry
