"""The shapes of an export's lines, of which every field is known and checked."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationInfo
from pydantic.alias_generators import to_camel

from domain.errors import DomainError
from domain.ids import is_id
from domain.model.actor import Actor, ActorType
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.maintenance import MaintenanceStatus
from domain.model.moment import parse_iso
from domain.model.relation import RelationType
from domain.model.texts import is_line
from domain.model.viewer import Visibility

#: Half of what GraphQL's integers reach: incidents that are opened later are numbered from the largest one.
_LARGEST_NUMBER = 2**30
#: How far the clock of the file's writer may be ahead.
_SKEW = timedelta(minutes=5)
_EARLIEST_YEAR = 1900
#: Of plans: the last year by the clocks of all zones.
_LATEST_YEAR = 9998


def _any_moment(value: Any) -> datetime:
    try:
        moment = parse_iso(value if isinstance(value, str) else repr(value))
    except DomainError as error:
        raise ValueError(error.message) from error
    if moment.year < _EARLIEST_YEAR:
        raise ValueError(f"This moment lies before the year {_EARLIEST_YEAR}.")
    return moment


def _moment_of_plans(value: Any) -> datetime:
    moment = _any_moment(value)
    if moment.year > _LATEST_YEAR:
        raise ValueError(f"This moment lies behind the year {_LATEST_YEAR}.")
    return moment


def _past_moment(value: Any, info: ValidationInfo[datetime]) -> datetime:
    moment = _any_moment(value)
    if moment > info.context + _SKEW:
        raise ValueError("This moment lies in the future.")
    return moment


def _id(prefix: str, value: Any) -> str:
    if not isinstance(value, str) or not is_id(value, prefix):
        raise ValueError(f"It must be an id of the form {prefix}_ and 26 letters and digits.")
    return value


def _line(value: Any) -> str:
    if not isinstance(value, str) or not is_line(value):
        raise ValueError("It must be one visible line without control characters.")
    return value


#: Moments are checked against the present one, which is the context of the validation.
Moment = Annotated[datetime, BeforeValidator(_past_moment)]
PlannedMoment = Annotated[datetime, BeforeValidator(_moment_of_plans)]
AnyMoment = Annotated[datetime, BeforeValidator(_any_moment)]
SystemId = Annotated[str, BeforeValidator(partial(_id, "sys"))]
PersonId = Annotated[str, BeforeValidator(partial(_id, "per"))]
IncidentId = Annotated[str, BeforeValidator(partial(_id, "inc"))]
UpdateId = Annotated[str, BeforeValidator(partial(_id, "upd"))]
VersionId = Annotated[str, BeforeValidator(partial(_id, "upv"))]
LinkId = Annotated[str, BeforeValidator(partial(_id, "lnk"))]
MaintenanceId = Annotated[str, BeforeValidator(partial(_id, "mnt"))]
InstanceId = Annotated[str, BeforeValidator(partial(_id, "mti"))]
MessageId = Annotated[str, BeforeValidator(partial(_id, "mtu"))]
RelationId = Annotated[str, BeforeValidator(partial(_id, "rel"))]
Line = Annotated[str, Field(max_length=200), BeforeValidator(_line)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, hide_input_in_errors=True, frozen=True)


class ActorShape(_Shape):
    """The actor of a change."""

    type: ActorType
    id: Line
    name: Line | None

    @property
    def actor(self) -> Actor:
        """The actor."""
        return Actor(type=self.type, id=self.id, name=self.name)


class HeadShape(_Shape):
    """The first line of a file."""

    type: Literal["incidentql"]
    format: int = Field(ge=1)
    schema_: str = Field(alias="schema", max_length=40)


class EndShape(_Shape):
    """The last line of a file."""

    type: Literal["end"]
    counts: dict[str, int]


class SystemShape(_Shape):
    """A system."""

    type: Literal["system"]
    id: SystemId
    key: str
    name: str
    description: str | None
    created_at: Moment
    updated_at: Moment


class PersonShape(_Shape):
    """A person."""

    type: Literal["person"]
    id: PersonId
    actor: ActorShape
    created_at: Moment


class StepShape(_Shape):
    """A transition of a reactive field."""

    field: Literal["status", "severity", "system_ids", "active"]
    from_: str | None = Field(alias="from")
    to: str
    at: Moment


class SpanShape(_Shape):
    """A time for which a system had a health by its reports."""

    status: Health
    began_at: Moment
    ended_at: Moment | None
    set_at: Moment | None
    unset_at: Moment | None


class IncidentSpanShape(SpanShape):
    """A time for which a system had a health by an incident."""

    system: SystemId


class HealthShape(_Shape):
    """The last report of a system's health, and the history of it."""

    type: Literal["health"]
    system: SystemId
    status: Health
    message: str | None
    observed_at: Moment
    reported_at: Moment
    transitions: list[StepShape]
    spans: list[SpanShape]


class VersionShape(_Shape):
    """A former version of an entry."""

    id: VersionId
    message: str
    status: Status | None
    visibility: Visibility
    at: Moment
    replaced_at: Moment
    replaced_by: ActorShape


class UpdateShape(_Shape):
    """An entry of a timeline: when it happened and when it was recorded."""

    id: UpdateId
    message: str
    status: Status | None
    visibility: Visibility
    at: Moment
    #: Of the clock that makes ids.
    recorded_at: AnyMoment
    by: ActorShape
    edited_at: Moment | None
    is_opening: bool
    versions: list[VersionShape]


class LinkShape(_Shape):
    """A link."""

    id: LinkId
    label: str | None
    url: str
    visibility: Visibility
    created_at: Moment


class IncidentShape(_Shape):
    """An incident with its timeline."""

    type: Literal["incident"]
    id: IncidentId
    number: int = Field(ge=1, le=_LARGEST_NUMBER)
    title: str
    description: str | None
    status: Status
    severity: Severity
    suppress_notifications: bool
    health_override: HealthOverride | None
    dedupe_key: str
    systems: list[SystemId]
    opened_by: ActorShape
    occurred_at: Moment
    created_at: Moment
    updated_at: Moment
    identified_at: Moment | None
    fixing_at: Moment | None
    monitoring_at: Moment | None
    resolved_at: Moment | None
    labels: dict[str, str]
    acknowledged_at: Moment | None
    acknowledged_by: ActorShape | None
    snoozed_until: AnyMoment | None
    lead: ActorShape | None
    assignees: list[ActorShape]
    updates: list[UpdateShape]
    links: list[LinkShape]
    transitions: list[StepShape]
    spans: list[IncidentSpanShape]


class RelationShape(_Shape):
    """A relation, with the ids under which both of its incidents have it."""

    type: Literal["relation"]
    id: RelationId
    other_id: RelationId
    relation: RelationType
    incident: IncidentId
    other: IncidentId
    created_at: Moment
    created_by: ActorShape


class MaintenanceInstanceShape(_Shape):
    """One time that a window takes place."""

    id: InstanceId
    original_start: PlannedMoment
    starts_at: PlannedMoment
    ends_at: PlannedMoment
    status: MaintenanceStatus
    title: str | None
    description: str | None
    is_changed: bool


class MaintenanceUpdateShape(_Shape):
    """A message about a window."""

    id: MessageId
    message: str
    created_at: Moment
    created_by: ActorShape


class MaintenanceShape(_Shape):
    """A maintenance window with its instances."""

    type: Literal["maintenance"]
    id: MaintenanceId
    title: str
    description: str | None
    visibility: Visibility
    time_zone: str
    starts_at: PlannedMoment
    ends_at: PlannedMoment
    recurrence: str | None
    status: MaintenanceStatus
    systems: list[SystemId]
    planned_until: AnyMoment | None
    revision: int = Field(ge=0, le=_LARGEST_NUMBER)
    created_at: Moment
    updated_at: Moment
    cancelled_at: Moment | None
    created_by: ActorShape
    instances: list[MaintenanceInstanceShape]
    updates: list[MaintenanceUpdateShape]
    transitions: list[StepShape]


_Any = HeadShape | EndShape | SystemShape | PersonShape | HealthShape | IncidentShape | RelationShape | MaintenanceShape
#: All lines, by their type.
SHAPES: TypeAdapter[_Any] = TypeAdapter(Annotated[_Any, Field(discriminator="type")])
