"""The actions on incidents, written through the incidents' handle: open, resolve, comment, and move on."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.automations.actions.outputs import CreateOutput, EntryOutput, ResolveOutput, Skipped
from domain.automations.actions.registry import (
    ActionContext,
    ActionFailedError,
    ActionRegistry,
    ActionType,
    ArtifactType,
    Produced,
    Result,
    VersionedConfig,
)
from domain.automations.actions.settings import Text
from domain.model.automation import bounded_key
from domain.model.commands import CreateIncident, ResolveIncident
from domain.model.incident import Incident, Severity, Status
from domain.model.texts import DESCRIPTION_LENGTH, MESSAGE_LENGTH, TITLE_LENGTH, fitted_line, fitted_text
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import IncidentService
from domain.services.timeline import TimelineService

logger = logging.getLogger(__name__)

ARTIFACT = "incident.incident"
_UNTITLED = "Untitled incident"
CATEGORY = "Incidents"


class IncidentArtifact(BaseModel):
    """An incident as an artifact."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    incident_id: str = Field(description="The incident's id.")
    status: Status = Field(description="Its status.")
    severity: Severity = Field(description="Its severity.")
    system_ids: list[str] = Field(description="The ids of the systems it affects, sorted.")


class _Config(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class CreateConfig(_Config):
    """The settings of `incident.create`."""

    title: Text | None = Field(
        description="Its title: one line, cut after 200 characters; where a template comes to nothing, it says so."
    )
    description: Text | None = Field(default=None, description="More about it, cut after 20,000 characters.")
    severity: Severity = Field(description="minor, major or critical.")
    system_ids: list[Text] = Field(min_length=1, description="The systems it affects, by id or key.")
    initial_message: Text | None = Field(default=None, description="The first entry of its timeline.")
    suppress_notifications: bool = Field(default=False, description="Whether it silences its systems' notifications.")
    dedupe_open_for_system: bool = Field(
        default=False, description="Whether an incident that is open on the first system is used instead of a new one."
    )
    dedupe_key: Text | None = Field(default=None, description="Only one with this key is used instead.")
    take_over: bool = Field(
        default=False, description="Whether the automation may resolve an incident that it found open already."
    )


class Target(_Config):
    """The settings of an action on an incident that exists."""

    incident_id: Text | None = Field(
        default=None, description="The incident; without it, the one that an earlier step produced."
    )


class ResolveConfig(Target):
    """The settings of `incident.resolve`."""

    message: Text | None = Field(
        default=None, description="The entry in its timeline; of an incident that is resolved already, a comment."
    )


class AddUpdateConfig(Target):
    """The settings of `incident.add_update`."""

    message: Text = Field(min_length=1, description="The entry in its timeline.")
    status_change: Status | None = Field(default=None, description="The status that it then has.")
    visibility: Visibility = Field(default=Visibility.PUBLIC, description="Who may read it.")


class UpdateStatusConfig(Target):
    """The settings of `incident.update_status`."""

    status: Status = Field(description="The status that it then has.")
    message: Text | None = Field(default=None, description="The entry in its timeline.")


_ARTIFACT_TYPE = ArtifactType(
    id=ARTIFACT, display_name="Incident", description="An incident to work on.", data=IncidentArtifact
)
_OUTPUTS: Mapping[str, type[BaseModel]] = {"create": CreateOutput, "resolve": ResolveOutput}


class IncidentActions:
    """The four actions on incidents, over the same services as people's writes."""

    def __init__(self, incidents: IncidentService, timeline: TimelineService, *, logs: bool = True) -> None:
        self._incidents = incidents
        self._timeline = timeline
        #: Whether actions write to the server's log; in a dry run they do not.
        self._logs = logs

    def register(self, registry: ActionRegistry) -> None:
        """Register the actions and the artifact that they share."""
        registry.register_artifact(_ARTIFACT_TYPE)
        for name, title, icon, description, config, perform in (
            ("create", "Open Incident", "CircleAlert", "Opens an incident.", CreateConfig, self.create),
            ("resolve", "Resolve Incident", "CircleCheck", "Resolves an incident.", ResolveConfig, self.resolve),
            (
                "add_update",
                "Add Update",
                "MessageSquare",
                "Adds an entry to an incident's timeline.",
                AddUpdateConfig,
                self.add_update,
            ),
            (
                "update_status",
                "Update Status",
                "Activity",
                "Moves an incident to another status.",
                UpdateStatusConfig,
                self.update_status,
            ),
        ):
            action = ActionType(
                id=f"incident.{name}",
                display_name=title,
                description=description,
                category=CATEGORY,
                icon=icon,
                config=VersionedConfig(1, config),
                produces=ARTIFACT if name == "create" else None,
                consumes=() if name == "create" else (ARTIFACT,),
                perform_in=perform,
                faults={"title": _title_fault} if name == "create" else {},
                output=_OUTPUTS.get(name, EntryOutput),
            )
            registry.register(action)

    async def create(self, unit: UnitOfWork, config: CreateConfig, context: ActionContext) -> Result:
        """Open an incident, or reuse an open one if the settings say so."""
        command = CreateIncident(
            # A monitor's text may be long, blank, or of several lines: the incident is opened even so.
            title=fitted_line(config.title or "", longest=TITLE_LENGTH) or _UNTITLED,
            description=fitted_text(config.description or "", longest=DESCRIPTION_LENGTH),
            severity=config.severity,
            systems=tuple(config.system_ids),
            initial_message=_message(config.initial_message),
            suppress_notifications=config.suppress_notifications,
            dedupe_open_for_system=config.dedupe_open_for_system,
            dedupe_key=_dedupe_key(config.dedupe_key),
        )
        draft = self._incidents.draft(context.origin.actor, command)
        opened = await self._incidents.create_in(unit, draft, command, origin=context.origin)
        assert opened.incident is not None, "only a repeated call finds none"
        if self._logs:
            unit.when_committed(partial(_log, opened.incident, context, reused=opened.reused))
        artifact = Produced(
            type=ARTIFACT,
            data=artifact_of(opened.incident),
            entity_id=opened.incident.id,
            owned=not opened.reused or config.take_over,
        )
        details = {**named(opened.incident), "reused": opened.reused}
        return Result(external_id=opened.incident.id, artifact=artifact, details=details)

    async def resolve(self, unit: UnitOfWork, config: ResolveConfig, context: ActionContext) -> Result:
        """Resolve an incident; if it is resolved already, the message becomes a comment."""
        target, explicit = target_of(config, context)
        incident = await existing(unit, target)
        artifact = context.consumed.get(ARTIFACT)
        if not explicit and artifact is not None and not artifact.owned:
            return Result(external_id=target, details={**named(incident), "skipped": Skipped.NOT_OWNER.value})
        message = _message(config.message)
        if not incident.is_open and message is None:
            return Result(external_id=target, details={**named(incident), "skipped": Skipped.ALREADY_RESOLVED.value})
        command = ResolveIncident(id=target, message=message)
        after = await self._incidents.resolve_in(unit, command, origin=context.origin)
        done = {} if incident.is_open else {"commented": True}
        return Result(external_id=target, details={**named(after), "incident": artifact_of(after), **done})

    async def add_update(self, unit: UnitOfWork, config: AddUpdateConfig, context: ActionContext) -> Result:
        """Add an entry to an incident's timeline."""
        message = _message(config.message) or config.message
        return await self._entry(
            unit, config, context, message=message, status=config.status_change, visibility=config.visibility
        )

    async def update_status(self, unit: UnitOfWork, config: UpdateStatusConfig, context: ActionContext) -> Result:
        """Move an incident to another status."""
        message = _message(config.message) or f"Status changed to {config.status}"
        return await self._entry(unit, config, context, message=message, status=config.status)

    async def _entry(
        self,
        unit: UnitOfWork,
        config: Target,
        context: ActionContext,
        *,
        message: str,
        status: Status | None,
        visibility: Visibility = Visibility.PUBLIC,
    ) -> Result:
        target, _ = target_of(config, context)
        incident = await existing(unit, target)
        entry = await self._timeline.add_in(
            unit, target, message=message, status_change=status, visibility=visibility, origin=context.origin
        )
        return Result(external_id=entry.id, details={"updateId": entry.id, **named(incident)})


def artifact_of(incident: Incident) -> Mapping[str, Any]:
    """Return an incident as an artifact's data."""
    return {
        "incidentId": incident.id,
        "status": incident.status.value,
        "severity": incident.severity.value,
        "systemIds": list(incident.system_ids),
    }


def named(incident: Incident) -> Mapping[str, Any]:
    """Return what all outputs of actions on an incident say of it."""
    return {"incidentId": incident.id, "reference": incident.reference}


def _title_fault(title: Any) -> str | None:
    """Return the fault of a title that is not rendered yet: blank, and without a template."""
    return "This must be a text." if title is None or (isinstance(title, str) and not title.strip()) else None


def _message(message: str | None) -> str | None:
    """Return the message for the timeline; None if its template rendered to nothing."""
    return fitted_text(message or "", longest=MESSAGE_LENGTH)


def _dedupe_key(key: str | None) -> str:
    """Return the key, or the digest of a longer one: truncated, two keys could become one."""
    line = " ".join((key or "").split())
    return bounded_key(line)


def _log(incident: Incident, context: ActionContext, *, reused: bool) -> None:
    did = "used the open incident" if reused else "created the incident"
    extra = {"incident": incident.id, "run": context.run.id, "automation": context.run.automation_id}
    logger.info("%s %s %s (%s)", context.origin.actor.name, did, incident.reference, incident.id, extra=extra)


def target_of(config: Target, context: ActionContext) -> tuple[str, bool]:
    """Return the incident to work on, and whether the settings name it; a blank name counts as none."""
    if config.incident_id is not None and config.incident_id.strip():
        return config.incident_id, True
    artifact = context.consumed.get(ARTIFACT)
    consumed = artifact.data.get("incidentId") if artifact is not None else None
    if isinstance(consumed, str):
        return consumed, False
    raise ActionFailedError("No incidentId was given, and no earlier step produced an incident.", field=["incidentId"])


async def existing(unit: UnitOfWork, incident_id: str) -> Incident:
    """Return the incident to work on.

    Raises:
        ActionFailedError: there is none.
    """
    incident = (await unit.incidents.get_many([incident_id])).get(incident_id)
    if incident is None:
        raise ActionFailedError(f"Incident {incident_id[:80]} not found.", field=["incidentId"])
    return incident
