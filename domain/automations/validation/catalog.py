"""What definitions may name: triggers, actions, and the artifacts that actions hand on."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.automations.actions.registry import ActionRegistry
from domain.entities.triggers import TriggerRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All triggers and actions of the server."""

    triggers: TriggerRegistry
    actions: ActionRegistry
    #: The kinds of entities whose state expressions may look at.
    kinds: Sequence[str]
