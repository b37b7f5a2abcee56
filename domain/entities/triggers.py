"""The catalog of triggers: what can be subscribed to, and what its payload holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from domain.entities.health import CHANGED, DEGRADED, HEALTHY, HealthPayload
from domain.entities.incident import CREATED, RESOLVED, UPDATED, CreatedPayload, ResolvedPayload, UpdatedPayload


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


def register_incident_triggers(registry: TriggerRegistry) -> None:
    """Add the three triggers of incidents."""
    for identifier, name, icon, payload, description in (
        (CREATED, "Incident Created", "CircleAlert", CreatedPayload, "A new incident was opened."),
        (
            UPDATED,
            "Incident Updated",
            "CircleAlert",
            UpdatedPayload,
            "The status, severity or systems of an incident changed, but not by resolving it; comments do not fire it.",
        ),
        (RESOLVED, "Incident Resolved", "CircleCheck", ResolvedPayload, "An open incident was resolved."),
    ):
        trigger = Trigger(
            id=identifier,
            display_name=name,
            description=description,
            category="Incidents",
            icon=icon,
            payload=payload,
            context_key="incidentId",
        )
        registry.register(trigger)


def register_health_triggers(registry: TriggerRegistry) -> None:
    """Add the three triggers of systems' health."""
    for identifier, name, icon, description in (
        (CHANGED, "System Health Changed", "Activity", "A system fares otherwise than before, for better or worse."),
        (DEGRADED, "System Degraded", "TriangleAlert", "A system that was healthy is degraded or unhealthy."),
        (HEALTHY, "System Healthy", "CircleCheck", "A system that was degraded or unhealthy is healthy again."),
    ):
        trigger = Trigger(
            id=identifier,
            display_name=name,
            description=description,
            category="Systems",
            icon=icon,
            payload=HealthPayload,
            context_key="systemId",
        )
        registry.register(trigger)
