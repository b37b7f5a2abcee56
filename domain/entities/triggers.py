"""The catalog of triggers: what can be subscribed to, and what its payload holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One kind of event that entities give rise to."""

    id: str
    display_name: str
    description: str
    category: str
    icon: str
    payload: type[BaseModel]
    #: The payload field that tells runs for different things apart.
    context_key: str
    #: The settings that an automation may give it.
    config: type[BaseModel] | None = None

    @property
    def config_schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema of its settings, for one that has some."""
        return None if self.config is None else self.config.model_json_schema(by_alias=True)

    @property
    def payload_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of the payload, in wire names."""
        return self.payload.model_json_schema(by_alias=True)


class TriggerRegistry:
    """All triggers by id."""

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
        """All triggers in the order of their registration."""
        return tuple(self._triggers.values())

    def get(self, trigger_id: str) -> Trigger | None:
        """The trigger of that id."""
        return self._triggers.get(trigger_id)
