"""All enums of the schema, imported from here alone: this module registers them with Strawberry."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from domain.automations.validation.problems import ProblemSeverity
from domain.model.actor import ActorType
from domain.model.automation import RunStatus, SkipReason, StepStatus
from domain.model.change import ChangeAction
from domain.model.counts import Grouping
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.listing import ListAction
from domain.model.relation import RelationType as IncidentRelationType
from domain.model.series import TimeBucket
from domain.model.timeline_item import TimelineKind as IncidentTimelineKind
from domain.model.viewer import Role, Visibility

__all__ = [
    "ActorType",
    "ChangeAction",
    "Grouping",
    "Health",
    "HealthOverride",
    "IncidentEventType",
    "IncidentField",
    "IncidentOrderField",
    "IncidentRelationType",
    "IncidentTimelineKind",
    "ListAction",
    "OrderDirection",
    "ProblemSeverity",
    "Role",
    "RunStatus",
    "Severity",
    "SkipReason",
    "Status",
    "StepStatus",
    "SystemOrderField",
    "TimeBucket",
    "Visibility",
    "described",
]

E = TypeVar("E", bound=Enum)


def described(enum: type[E], *, name: str, description: str, values: Mapping[E, str]) -> type[E]:
    """Register an enum with Strawberry and add descriptions, which a domain enum does not have."""
    registered = strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = vars(registered)["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[enum[value.name]]
    return registered


class IncidentEventType(Enum):
    """The trigger event of an incident's change."""

    CREATED = "incident.created"
    UPDATED = "incident.updated"
    RESOLVED = "incident.resolved"
    ACKNOWLEDGED = "incident.acknowledged"
    ASSIGNED = "incident.assigned"


class OrderDirection(Enum):
    """The direction of a list."""

    ASC = "asc"
    DESC = "desc"


class IncidentOrderField(Enum):
    """The fields to order incidents by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    SEVERITY = "severity"
    NUMBER = "number"
    STATUS = "status"
    OCCURRED_AT = "occurred_at"
    RESOLVED_AT = "resolved_at"


class SystemOrderField(Enum):
    """The fields to order systems by."""

    NAME = "name"
    CREATED_AT = "created_at"


class IncidentField(Enum):
    """A reactive field of an incident."""

    STATUS = "status"
    SEVERITY = "severity"
    SYSTEM_IDS = "system_ids"


described(
    ProblemSeverity,
    name="AutomationProblemSeverity",
    description="The severity of a problem of a definition.",
    values={
        ProblemSeverity.ERROR: "A definition with it is not saved.",
        ProblemSeverity.WARNING: "A definition with it is saved: a missing part, such as a secret, may come later.",
    },
)

described(
    Status,
    name="IncidentStatus",
    description="The status of an incident. Any status may follow any other.",
    values={
        Status.INVESTIGATING: "The cause is being looked for.",
        Status.IDENTIFIED: "The cause is known.",
        Status.FIXING: "The cause is being removed.",
        Status.MONITORING: "It seems fixed and is being watched.",
        Status.RESOLVED: "It is over.",
    },
)
described(
    Severity,
    name="IncidentSeverity",
    description="The severity of an incident; comparisons and orderings go from MINOR to CRITICAL.",
    values={
        Severity.MINOR: "Hardly anybody notices.",
        Severity.MAJOR: "Many are hindered.",
        Severity.CRITICAL: "Nothing works for many.",
    },
)
described(
    Visibility,
    name="Visibility",
    description="The visibility of an update or a link.",
    values={
        Visibility.PUBLIC: "Everybody.",
        Visibility.LOGGED_IN: "Everybody with a token.",
        Visibility.INTERNAL: "Responders and admins.",
    },
)
described(
    Health,
    name="Health",
    description="The health of a system.",
    values={
        Health.HEALTHY: "It works.",
        Health.DEGRADED: "It works badly.",
        Health.UNHEALTHY: "It does not work.",
    },
)
described(
    HealthOverride,
    name="HealthOverride",
    description="The health that an open incident sets for its systems; a worse report wins.",
    values={
        HealthOverride.DEGRADED: "At least degraded.",
        HealthOverride.UNHEALTHY: "Unhealthy.",
    },
)
described(
    ActorType,
    name="ActorType",
    description="The kind of actor.",
    values={
        ActorType.SYSTEM: "The server itself.",
        ActorType.USER: "A person.",
        ActorType.APPLICATION: "A program with a token.",
        ActorType.SERVICE: "A service, such as an automation.",
    },
)
described(
    Role,
    name="Role",
    description="The role of a caller, from least to most.",
    values={
        Role.ANONYMOUS: "Reads what is public.",
        Role.VIEWER: "Reads what is for everybody with a token, too.",
        Role.RESPONDER: "Manages incidents, reports the health of systems, and reads everything about incidents.",
        Role.ADMIN: "Does everything.",
    },
)
described(
    ChangeAction,
    name="ChangeAction",
    description="The kind of change of an incident.",
    values={
        ChangeAction.CREATED: "It was opened.",
        ChangeAction.UPDATED: "Its fields, timeline or links changed.",
        ChangeAction.RESOLVED: "It was resolved.",
        ChangeAction.DELETED: "It was deleted.",
    },
)
described(
    IncidentEventType,
    name="IncidentEventType",
    description="The trigger event of an incident's change.",
    values={
        IncidentEventType.CREATED: "A new incident was opened.",
        IncidentEventType.UPDATED: "Status, severity or systems changed, other than by being resolved.",
        IncidentEventType.RESOLVED: "An open incident was resolved.",
        IncidentEventType.ACKNOWLEDGED: "An incident was acknowledged.",
        IncidentEventType.ASSIGNED: "Other people lead an incident, or are assigned to it, than before.",
    },
)
described(
    IncidentRelationType,
    name="IncidentRelationType",
    description="The relation of an incident to another.",
    values={
        IncidentRelationType.DUPLICATE_OF: "It is the same problem as the other one.",
        IncidentRelationType.CAUSED_BY: "The other one is its cause.",
        IncidentRelationType.RELATED_TO: "Both have to do with each other; neither comes first.",
    },
)
described(
    IncidentTimelineKind,
    name="IncidentTimelineKind",
    description="The kind of something that happened to an incident.",
    values={
        IncidentTimelineKind.UPDATE: "An entry of its timeline was written.",
        IncidentTimelineKind.TRANSITION: "Its status, severity or systems changed.",
        IncidentTimelineKind.LINK: "A link was added.",
        IncidentTimelineKind.RELATION: "It was related to another incident.",
        IncidentTimelineKind.STEP: "A run of an automation did something; for responders and admins.",
        IncidentTimelineKind.ACKNOWLEDGEMENT: "It was acknowledged.",
        IncidentTimelineKind.ASSIGNMENT: "Other people lead it, or are assigned to it, than before.",
        IncidentTimelineKind.SNOOZE: "Its reminders were silenced until a moment, or no longer.",
    },
)
described(
    OrderDirection,
    name="OrderDirection",
    description="The direction of a list.",
    values={OrderDirection.ASC: "Smallest or oldest first.", OrderDirection.DESC: "Largest or newest first."},
)
described(
    IncidentOrderField,
    name="IncidentOrderField",
    description="The fields to order incidents by; ties are broken by id.",
    values={
        IncidentOrderField.CREATED_AT: "When they were opened.",
        IncidentOrderField.UPDATED_AT: "When they last changed.",
        IncidentOrderField.SEVERITY: "Their severity.",
        IncidentOrderField.NUMBER: "Their number.",
        IncidentOrderField.STATUS: "How far they are, from INVESTIGATING to RESOLVED.",
        IncidentOrderField.OCCURRED_AT: "When they began.",
        IncidentOrderField.RESOLVED_AT: "When they were resolved; those that are open come before any that is.",
    },
)
described(
    SystemOrderField,
    name="SystemOrderField",
    description="The fields to order systems by; ties are broken by id.",
    values={
        SystemOrderField.NAME: "Their name.",
        SystemOrderField.CREATED_AT: "When they were added to the catalog.",
    },
)
described(
    Grouping,
    name="IncidentGrouping",
    description="A property by which incidents are grouped.",
    values={
        Grouping.SEVERITY: "Their severity.",
        Grouping.STATUS: "Their status.",
        Grouping.SYSTEM: "Their systems: an incident counts for each of them.",
        Grouping.OPENED_BY: "The actor that opened them; FORBIDDEN for callers below RESPONDER.",
        Grouping.LABEL: "Their labels, or those with the key `labelKey`: an incident counts for each of them.",
    },
)
described(
    TimeBucket,
    name="TimeBucket",
    description="A length of time by the calendar of UTC.",
    values={
        TimeBucket.HOUR: "An hour.",
        TimeBucket.DAY: "A day, from midnight to midnight.",
        TimeBucket.WEEK: "A week, from Monday to Sunday.",
        TimeBucket.MONTH: "A month of the calendar.",
    },
)
described(
    ListAction,
    name="ListAction",
    description="What a change does to an item of a live list.",
    values={
        ListAction.PUT: "It is new in the list, or has changed in its place.",
        ListAction.MOVE: "It has changed, and stands elsewhere now.",
        ListAction.REMOVE: "It is not among the items that are shown any more.",
    },
)
described(
    IncidentField,
    name="IncidentField",
    description="A reactive field of an incident: its changes are recorded as transitions and fire events.",
    values={
        IncidentField.STATUS: "The status.",
        IncidentField.SEVERITY: "The severity.",
        IncidentField.SYSTEM_IDS: "The set of affected systems.",
    },
)
described(
    RunStatus,
    name="AutomationRunStatus",
    description="The status of a run.",
    values={
        RunStatus.PENDING: "It has not begun, or waits in its automation's queue.",
        RunStatus.RUNNING: "It is running.",
        RunStatus.WAITING: "A step of it waits for a time, an event or a condition.",
        RunStatus.SUCCESS: "It finished successfully.",
        RunStatus.FAILED: "It ended because a step failed.",
        RunStatus.CANCELLED: "It was cancelled before its end.",
        RunStatus.SKIPPED: "The trigger fired and led to no run; the reason says why.",
    },
)
described(
    StepStatus,
    name="AutomationStepStatus",
    description="The status of a step of a run.",
    values={
        StepStatus.RUNNING: "It is running.",
        StepStatus.WAITING: "It waits for a time, an event or a condition.",
        StepStatus.SUCCESS: "It finished successfully.",
        StepStatus.FAILED: "It failed.",
        StepStatus.CANCELLED: "Its run ended before it was finished.",
        StepStatus.SKIPPED: "It was skipped.",
    },
)
described(
    SkipReason,
    name="AutomationSkipReason",
    description="The reason why a firing led to no run, or why a queued run was dropped.",
    values={
        SkipReason.DEPTH: "The chain of automations that led to it was too long.",
        SkipReason.FILTER: "The trigger's filter did not hold, or could not be evaluated.",
        SkipReason.WINDOW: "The trigger had not fired often enough yet.",
        SkipReason.DWELL_ARMED: "The condition that fired it must hold for a time, which has now begun.",
        SkipReason.DWELL_BROKEN: "The condition that fired it did not hold for long enough.",
        SkipReason.CONDITION: "A condition did not hold.",
        SkipReason.ONCE: "The automation runs once for each value, and ran for this one before.",
        SkipReason.ALREADY_RUNNING: "A run was active, and the automation has one at a time.",
        SkipReason.MAX_RUNS: "The most active runs were reached.",
        SkipReason.QUEUE_FULL: "The queue of runs was full.",
        SkipReason.RATE_LIMIT: "As many runs as its rate limit allows had begun within its time.",
        SkipReason.DISABLED: "The automation was disabled meanwhile.",
        SkipReason.ERROR: "A gate failed; the message has the reason.",
    },
)
