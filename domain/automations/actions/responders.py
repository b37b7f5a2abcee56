"""The actions of responders on incidents, written through the incidents' handle: acknowledge."""

from typing import Any

from domain.automations.actions.incidents import ARTIFACT, CATEGORY, Target, artifact_of, existing, named, target_of
from domain.automations.actions.outputs import Skipped, WrittenOutput
from domain.automations.actions.registry import (
    ActionContext,
    ActionRegistry,
    ActionType,
    PerformIn,
    Result,
    VersionedConfig,
)
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.responders import ResponderService


class AcknowledgeConfig(Target):
    """The settings of `incident.acknowledge`."""


class ResponderActions:
    """The actions of responders, over the same service as people's writes."""

    def __init__(self, responders: ResponderService) -> None:
        self._responders = responders

    def register(self, registry: ActionRegistry) -> None:
        """Register the actions; the artifact that they consume is registered already."""
        described = "Acknowledges an incident, unless somebody has done so."
        registry.register(
            _action("acknowledge", "Acknowledge Incident", described, AcknowledgeConfig, self.acknowledge)
        )

    async def acknowledge(self, unit: UnitOfWork, config: AcknowledgeConfig, context: ActionContext) -> Result:
        """Acknowledge an incident; one that is acknowledged or resolved stays as it is."""
        target, _ = target_of(config, context)
        before = await existing(unit, target)
        after = await self._responders.acknowledge_in(unit, target, origin=context.origin)
        details = {**named(after), "incident": artifact_of(after)}
        if after.version == before.version:
            details["skipped"] = Skipped.ALREADY_ACKNOWLEDGED if before.is_open else Skipped.ALREADY_RESOLVED
        return Result(external_id=target, details=details)


def _action(name: str, title: str, description: str, config: type[Target], perform: Any) -> ActionType:
    performing: PerformIn = perform
    return ActionType(
        id=f"incident.{name}",
        display_name=title,
        description=description,
        category=CATEGORY,
        icon="UserCheck",
        config=VersionedConfig(1, config),
        consumes=(ARTIFACT,),
        perform_in=performing,
        output=WrittenOutput,
    )
