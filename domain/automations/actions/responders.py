"""The actions of responders on incidents, through the incidents' handle: acknowledge, assign, and change fields."""

from typing import Any

from pydantic import Field

from domain.automations.actions.incidents import ARTIFACT, CATEGORY, Target, artifact_of, existing, named, target_of
from domain.automations.actions.outputs import Skipped, WrittenOutput
from domain.automations.actions.registry import (
    ActionContext,
    ActionFailedError,
    ActionRegistry,
    ActionType,
    PerformIn,
    Result,
    VersionedConfig,
)
from domain.automations.actions.settings import Text
from domain.model.commands import KEEP, AssignIncident, UpdateIncident
from domain.model.incident import Incident, Severity
from domain.model.texts import TITLE_LENGTH, fitted_line
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import IncidentService
from domain.services.responders import ResponderService


class AcknowledgeConfig(Target):
    """The settings of `incident.acknowledge`."""


class AssignConfig(Target):
    """The settings of `incident.assign`."""

    lead: Text | None = Field(
        default=None, description="The person who leads, by id; without it the lead stays, and an empty text clears it."
    )
    assignees: list[Text] | None = Field(
        default=None, description="All people who take part from then on, by id; without it they stay."
    )


class UpdateConfig(Target):
    """The settings of `incident.update`; what is missing stays as it is."""

    title: Text | None = Field(default=None, description="Its title: one line, cut after 200 characters.")
    severity: Severity | None = Field(default=None, description="minor, major or critical.")
    system_ids: list[Text] | None = Field(
        default=None, min_length=1, description="All systems it affects from then on, by id or key."
    )
    labels: dict[str, Text | None] = Field(
        default_factory=dict, description="Labels to set, by key; null removes one, and others stay."
    )


class ResponderActions:
    """The actions of responders, over the same services as people's writes."""

    def __init__(self, responders: ResponderService, incidents: IncidentService) -> None:
        self._responders = responders
        self._incidents = incidents

    def register(self, registry: ActionRegistry) -> None:
        """Register the actions; the artifact that they consume is registered already."""
        acknowledges = "Acknowledges an incident, unless somebody has done so."
        assigns = "Names the person who leads an incident, and who takes part."
        updates = "Changes the title, severity, systems or labels of an incident."
        for action in (
            _action(
                "acknowledge", "Acknowledge Incident", acknowledges, "UserCheck", (AcknowledgeConfig, self.acknowledge)
            ),
            _action("assign", "Assign Incident", assigns, "UserPlus", (AssignConfig, self.assign)),
            _action("update", "Update Incident", updates, "Pencil", (UpdateConfig, self.update)),
        ):
            registry.register(action)

    async def acknowledge(self, unit: UnitOfWork, config: AcknowledgeConfig, context: ActionContext) -> Result:
        """Acknowledge an incident; one that is acknowledged or resolved stays as it is."""
        before = await existing(unit, target_of(config, context)[0])
        after = await self._responders.acknowledge_in(unit, before.id, origin=context.origin)
        return _result(before, after, Skipped.ALREADY_ACKNOWLEDGED if before.is_open else Skipped.ALREADY_RESOLVED)

    async def assign(self, unit: UnitOfWork, config: AssignConfig, context: ActionContext) -> Result:
        """Name the people on an incident."""
        before = await existing(unit, target_of(config, context)[0])
        command = AssignIncident(
            id=before.id,
            lead=KEEP if config.lead is None else config.lead.strip() or None,
            assignees=KEEP if config.assignees is None else tuple(config.assignees),
        )
        return _result(before, await self._responders.assign_in(unit, command, origin=context.origin))

    async def update(self, unit: UnitOfWork, config: UpdateConfig, context: ActionContext) -> Result:
        """Change fields of an incident."""
        before = await existing(unit, target_of(config, context)[0])
        command = UpdateIncident(
            id=before.id,
            title=KEEP if config.title is None else _title(config.title),
            severity=KEEP if config.severity is None else config.severity,
            systems=KEEP if config.system_ids is None else tuple(config.system_ids),
            labels=tuple(config.labels.items()),
        )
        return _result(before, await self._incidents.update_in(unit, command, origin=context.origin))


def _title(text: str) -> str:
    line = fitted_line(text, longest=TITLE_LENGTH)
    if line is None:
        raise ActionFailedError("The title has come to nothing.", field=["title"])
    return line


def _result(before: Incident, after: Incident, skipped: Skipped = Skipped.UNCHANGED) -> Result:
    details = {**named(after), "incident": artifact_of(after)}
    if after.version == before.version:
        details["skipped"] = skipped.value
    return Result(external_id=after.id, details=details)


def _action(name: str, title: str, description: str, icon: str, done: tuple[type[Target], Any]) -> ActionType:
    config, perform = done
    performing: PerformIn = perform
    return ActionType(
        id=f"incident.{name}",
        display_name=title,
        description=description,
        category=CATEGORY,
        icon=icon,
        config=VersionedConfig(1, config),
        consumes=(ARTIFACT,),
        perform_in=performing,
        output=WrittenOutput,
    )
