"""The catalog of triggers: their ids, settings and payload schemas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One type of event that changes of entities can fire."""

    id: str
    display_name: str
    description: str
    category: str
    icon: str
    payload: type[BaseModel]
    #: The payload field that separates runs for different systems or incidents.
    context_key: str
    #: The schema of the settings that an automation may give it.
    config: type[BaseModel] | None = None

    @property
    def config_schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema of its settings; None for a trigger without settings."""
        return None if self.config is None else self.config.model_json_schema(by_alias=True)

    @property
    def payload_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of the payload, in wire names."""
        return self.payload.model_json_schema(by_alias=True)


class TriggerRegistry:
    """The registry of triggers by id."""

    def __init__(self) -> None:
        self._triggers: dict[str, Trigger] = {}

    def register(self, trigger: Trigger) -> None:
        """Add a trigger.

        Raises:
            ValueError: its id is taken.
        """
        if trigger.id in self._triggers:
            raise ValueError(f"the trigger {trigger.id!r} is registered already")
        self._triggers[trigger.id] = trigger

    def all(self) -> Sequence[Trigger]:
        """Return all triggers in the order of their registration."""
        return tuple(self._triggers.values())

    def get(self, trigger_id: str) -> Trigger | None:
        """Return the trigger with that id, or None."""
        return self._triggers.get(trigger_id)
