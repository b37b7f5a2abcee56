"""Ready-made automations: they open and resolve incidents by health, remind of those left alone, and send messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from domain.automations.definitions.faults import explained
from domain.automations.definitions.notifying import CriticalParameters, StatusParameters, critical, statuses
from domain.automations.definitions.parameters import Parameters, duration_text, literal_of
from domain.automations.definitions.reminders import UnacknowledgedParameters, unacknowledged
from domain.automations.expressions.durations import IN_SECONDS, Forms, Minutes, Seconds
from domain.errors import InvalidInputError, NotFoundError
from domain.model.incident import Severity


class _Parameters(Parameters):
    severity: Severity = Field(default=Severity.CRITICAL, description="The severity of the incidents that it opens.")
    suppress_notifications: bool = Field(
        default=False, description="Whether its incidents silence their systems' notifications."
    )


class SustainedParameters(_Parameters):
    """The durations of the template `sustained`."""

    degraded_seconds: Seconds = Field(
        default=1800, gt=0, le=2_592_000, description="For how long a system is degraded before an incident is opened."
    )
    healthy_seconds: Annotated[float, Field(gt=0, le=2_592_000), IN_SECONDS, Forms()] | None = Field(
        default=1800,
        description="For how long it is healthy before that is resolved; null for never.",
    )


class FlappingParameters(_Parameters):
    """The thresholds of the template `flapping`."""

    transitions: int = Field(
        default=3, ge=1, le=1000, description="How often it goes from healthy to a status that is not."
    )
    within_minutes: Minutes = Field(default=60, gt=0, le=1440, description="Within how many minutes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A ready-made automation."""

    id: str
    display_name: str
    description: str
    icon: str
    parameters: type[Parameters]

    @property
    def parameters_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of its parameters, in wire names."""
        return self.parameters.model_json_schema(by_alias=True)


SUSTAINED = Template(
    id="sustained",
    display_name="Sustained degradation",
    description="A system that stays degraded gets an incident, which is resolved once the system stays healthy.",
    icon="Activity",
    parameters=SustainedParameters,
)
FLAPPING = Template(
    id="flapping",
    display_name="Flapping",
    description="A system that goes bad again and again gets an incident, which people resolve.",
    icon="ChartSpline",
    parameters=FlappingParameters,
)
UNACKNOWLEDGED = Template(
    id="unacknowledged",
    display_name="Reminder",
    description="An incident that nobody acknowledges is brought to mind again and again, unless it is snoozed.",
    icon="AlarmClock",
    parameters=UnacknowledgedParameters,
)
NOTIFY_CRITICAL = Template(
    id="notify_critical",
    display_name="Notify of critical incidents",
    description="A channel is notified of every incident that is opened as critical, or becomes so.",
    icon="Siren",
    parameters=CriticalParameters,
)
NOTIFY_STATUS = Template(
    id="notify_status",
    display_name="Notify of every status",
    description="A channel is notified of every status of incidents, from the first one to resolved.",
    icon="Megaphone",
    parameters=StatusParameters,
)
TEMPLATES = (SUSTAINED, FLAPPING, UNACKNOWLEDGED, NOTIFY_CRITICAL, NOTIFY_STATUS)


def template_of(template_id: str) -> Template:
    """Return the template of that id.

    Raises:
        NotFoundError: there is none.
    """
    template = next((known for known in TEMPLATES if known.id == template_id), None)
    if template is None:
        raise NotFoundError("Template", template_id, field=["template"])
    return template


def definition_from(template_id: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the definition of a template with these parameters.

    Raises:
        NotFoundError: there is no such template.
        InvalidInputError: a parameter is unknown or has a value that cannot be accepted.
    """
    template = template_of(template_id)
    try:
        given = template.parameters.model_validate(parameters)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = [str(part) for part in fault["loc"]]
        message = f"{'.'.join(place)}: {explained(template.parameters, fault)}"
        raise InvalidInputError(message, field=["parameters", *place]) from error
    return _made(given)


def _made(given: Parameters) -> Mapping[str, Any]:
    if isinstance(given, UnacknowledgedParameters):
        return unacknowledged(given)
    if isinstance(given, StatusParameters):
        return statuses(given)
    if isinstance(given, CriticalParameters):
        return critical(given)
    return sustained(given) if isinstance(given, SustainedParameters) else flapping(given)


def sustained(given: SustainedParameters) -> Mapping[str, Any]:
    """Return a definition that opens an incident after a time of bad health, and resolves it after one of good."""
    trigger: dict[str, Any] = {
        "id": "degraded",
        "event": "system.degraded",
        "for": {"seconds": given.degraded_seconds},
    }
    if given.system_ids is not None:
        trigger["filter"] = _among(given.system_ids)
    opened = f"It has been degraded for {duration_text(given.degraded_seconds)}."
    actions: list[Mapping[str, Any]] = [_open(given, "{{ trigger.payload.systemName }} is unhealthy", opened)]
    if given.healthy_seconds is not None:
        healthy_for = f"health.system.in_status_since | older_than({given.healthy_seconds})"
        recovered = {"and": ["health.system.status == 'healthy'", healthy_for]}
        message = f"It stayed healthy for {duration_text(given.healthy_seconds)}."
        actions += [
            {"id": "await_recovery", "wait_until": {"condition": recovered}},
            {"id": "resolve_incident", "action": "incident.resolve", "config": {"message": message}},
        ]
    return {
        "triggers": [trigger],
        # Asked once it has been degraded for so long: what lasts beyond the maintenance counts.
        "conditions": ["not health.system.under_maintenance"],
        "actions": actions,
        "mode": "single",
        "concurrency_scope": "context_key",
    }


def flapping(given: BaseModel) -> Mapping[str, Any]:
    """Return a definition that opens an incident when health changes too often within a time."""
    assert isinstance(given, FlappingParameters)
    trigger: dict[str, Any] = {
        "id": "flapping",
        "event": "system.degraded",
        "window": {"count": given.transitions, "minutes": given.within_minutes, "refire": "once"},
        "filter": "not trigger.payload.underMaintenance",
    }
    if given.system_ids is not None:
        trigger["filter"] += f" and {_among(given.system_ids)}"
    message = f"It changed for the worse {given.transitions} times within {duration_text(given.within_minutes * 60)}."
    actions = [_open(given, "{{ trigger.payload.systemName }} is flapping", message)]
    return {"triggers": [trigger], "actions": actions, "mode": "single", "concurrency_scope": "context_key"}


def _open(given: _Parameters, title: str, description: str) -> Mapping[str, Any]:
    config = {
        "title": title,
        "description": description,
        "severity": given.severity.value,
        "systemIds": ["{{ trigger.payload.systemId }}"],
        "suppressNotifications": given.suppress_notifications,
        "dedupeOpenForSystem": True,
        "takeOver": True,
    }
    return {"id": "open_incident", "action": "incident.create", "config": config}


def _among(system_ids: Sequence[str]) -> str:
    return f"trigger.payload.systemId in {literal_of(system_ids)}"
