"""The catalog of names for definitions: triggers, actions and artifacts."""

from dataclasses import dataclass

from domain.automations.actions.registry import ActionRegistry
from domain.entities import health
from domain.entities.kinds import Kinds
from domain.entities.triggers import TriggerRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All triggers, actions and kinds of entities of the server."""

    triggers: TriggerRegistry
    actions: ActionRegistry
    kinds: Kinds

    @property
    def states(self) -> tuple[str, ...]:
        """The kinds of entities that expressions see as `state`; health has a name of its own."""
        return tuple(kind.name for kind in self.kinds if kind.name != health.HEALTH.name)
