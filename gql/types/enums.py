"""All enums of the schema, to be imported from here alone: before this module ran, Strawberry does not know them."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from domain.automations.validation.problems import ProblemSeverity
from domain.model.actor import ActorType
from domain.model.automation import RunStatus, SkipReason, StepStatus
from domain.model.change import ChangeAction
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.viewer import Role, Visibility

__all__ = [
    "ActorType",
    "ChangeAction",
    "ErrorCode",
    "Health",
    "HealthOverride",
    "IncidentEventType",
    "IncidentField",
    "IncidentOrderField",
    "OrderDirection",
    "ProblemSeverity",
    "Role",
    "RunStatus",
    "Severity",
    "SkipReason",
    "Status",
    "StepStatus",
    "SystemOrderField",
    "Visibility",
]

E = TypeVar("E", bound=Enum)


def _described(enum: type[E], *, name: str, description: str, values: Mapping[E, str]) -> type[E]:
    """The same enum, known to Strawberry; a domain enum carries no descriptions, so they are added here."""
    registered = strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = vars(registered)["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[enum[value.name]]
    return registered


class IncidentEventType(Enum):
    """Which trigger event an incident's change fired."""

    CREATED = "incident.created"
    UPDATED = "incident.updated"
    RESOLVED = "incident.resolved"


class OrderDirection(Enum):
    """Which way a list runs."""

    ASC = "asc"
    DESC = "desc"


class IncidentOrderField(Enum):
    """What incidents can be ordered by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    SEVERITY = "severity"
    NUMBER = "number"


class SystemOrderField(Enum):
    """What systems can be ordered by."""

    NAME = "name"
    CREATED_AT = "created_at"


class ErrorCode(Enum):
    """Why a mutation was refused."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    DUPLICATE = "DUPLICATE"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    UNKNOWN_SYSTEM = "UNKNOWN_SYSTEM"
    UNSUPPORTED = "UNSUPPORTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    INTERNAL = "INTERNAL"


class IncidentField(Enum):
    """A reactive field of an incident."""

    STATUS = "status"
    SEVERITY = "severity"
    SYSTEM_IDS = "system_ids"


_described(
    ProblemSeverity,
    name="AutomationProblemSeverity",
    description="How bad a problem of a definition is.",
    values={
        ProblemSeverity.ERROR: "Nothing with it is saved.",
        ProblemSeverity.WARNING: "It is saved: what is missing, such as a secret, may come later.",
    },
)

_described(
    Status,
    name="IncidentStatus",
    description="Where an incident stands. Any status may follow any other.",
    values={
        Status.INVESTIGATING: "Somebody is finding out what is wrong.",
        Status.IDENTIFIED: "The cause is known.",
        Status.FIXING: "The cause is being removed.",
        Status.MONITORING: "It seems fixed and is being watched.",
        Status.RESOLVED: "It is over.",
    },
)
_described(
    Severity,
    name="IncidentSeverity",
    description="How bad an incident is; comparisons and orderings go from MINOR to CRITICAL.",
    values={
        Severity.MINOR: "Hardly anybody notices.",
        Severity.MAJOR: "Many are hindered.",
        Severity.CRITICAL: "Nothing works for many.",
    },
)
_described(
    Visibility,
    name="Visibility",
    description="Who may read an update or a link.",
    values={
        Visibility.PUBLIC: "Everybody.",
        Visibility.LOGGED_IN: "Everybody with a token.",
        Visibility.INTERNAL: "Those who manage incidents.",
    },
)
_described(
    Health,
    name="Health",
    description="How a system fares.",
    values={
        Health.HEALTHY: "It works.",
        Health.DEGRADED: "It works badly.",
        Health.UNHEALTHY: "It does not work.",
    },
)
_described(
    HealthOverride,
    name="HealthOverride",
    description="What an open incident says of its systems' health, whatever was reported.",
    values={
        HealthOverride.DEGRADED: "At least degraded.",
        HealthOverride.UNHEALTHY: "Unhealthy.",
    },
)
_described(
    ActorType,
    name="ActorType",
    description="What kind of party acted.",
    values={
        ActorType.SYSTEM: "The server itself.",
        ActorType.USER: "A person.",
        ActorType.APPLICATION: "A program with a token.",
        ActorType.SERVICE: "A service, such as an automation.",
    },
)
_described(
    Role,
    name="Role",
    description="What a caller may do, from least to most.",
    values={
        Role.ANONYMOUS: "Reads what is public.",
        Role.VIEWER: "Reads what is for everybody with a token, too.",
        Role.RESPONDER: "Manages incidents, reports how systems fare, and reads everything about incidents.",
        Role.ADMIN: "Does everything.",
    },
)
_described(
    ChangeAction,
    name="ChangeAction",
    description="What became of an incident by a change.",
    values={
        ChangeAction.CREATED: "It was opened.",
        ChangeAction.UPDATED: "Anything about it changed: fields, timeline, links.",
        ChangeAction.RESOLVED: "It was resolved.",
        ChangeAction.DELETED: "It was deleted.",
    },
)
_described(
    IncidentEventType,
    name="IncidentEventType",
    description="Which trigger event an incident's change fired.",
    values={
        IncidentEventType.CREATED: "A new incident was opened.",
        IncidentEventType.UPDATED: "Status, severity or systems changed, other than by being resolved.",
        IncidentEventType.RESOLVED: "An open incident was resolved.",
    },
)
_described(
    OrderDirection,
    name="OrderDirection",
    description="Which way a list runs.",
    values={OrderDirection.ASC: "Smallest or oldest first.", OrderDirection.DESC: "Largest or newest first."},
)
_described(
    IncidentOrderField,
    name="IncidentOrderField",
    description="What incidents can be ordered by; ties are broken by id.",
    values={
        IncidentOrderField.CREATED_AT: "When they were opened here.",
        IncidentOrderField.UPDATED_AT: "When they last changed.",
        IncidentOrderField.SEVERITY: "How bad they are.",
        IncidentOrderField.NUMBER: "Their number.",
    },
)
_described(
    SystemOrderField,
    name="SystemOrderField",
    description="What systems can be ordered by; ties are broken by id.",
    values={
        SystemOrderField.NAME: "Their name.",
        SystemOrderField.CREATED_AT: "When they were added to the catalog.",
    },
)
_described(
    IncidentField,
    name="IncidentField",
    description="A reactive field of an incident: its changes are recorded as transitions and fire events.",
    values={
        IncidentField.STATUS: "The status.",
        IncidentField.SEVERITY: "The severity.",
        IncidentField.SYSTEM_IDS: "The set of affected systems.",
    },
)
_described(
    ErrorCode,
    name="ErrorCode",
    description="Why a mutation was refused.",
    values={
        ErrorCode.BAD_USER_INPUT: "A value can never be accepted.",
        ErrorCode.NOT_FOUND: "The object does not exist, or the caller may not see it.",
        ErrorCode.CONFLICT: "It contradicts an earlier request.",
        ErrorCode.VERSION_CONFLICT: "The object changed since the caller read it; the payload holds it as it is now.",
        ErrorCode.DUPLICATE: "A value that has to be unique is taken.",
        ErrorCode.ALREADY_EXISTS: "A key names another object already.",
        ErrorCode.UNKNOWN_SYSTEM: "A system is not in the catalog.",
        ErrorCode.UNSUPPORTED: "This server cannot do it.",
        ErrorCode.UNAUTHENTICATED: "The caller has to say who they are, with a token that is valid.",
        ErrorCode.FORBIDDEN: "The caller may not do this.",
        ErrorCode.UNAVAILABLE: (
            "The database is away, locked or full for now. Try again later, with the same `idempotencyKey`: a "
            "connection may be lost while it commits."
        ),
        ErrorCode.TIMEOUT: (
            "The operation took too long. The message says whether this mutation had begun: one that had may still be "
            "committed."
        ),
        ErrorCode.INTERNAL: "A fault of the server; the message has the id under which its log tells more.",
    },
)
_described(
    RunStatus,
    name="AutomationRunStatus",
    description="Where a run stands.",
    values={
        RunStatus.PENDING: "It has yet to begin, or stands in its automation's queue.",
        RunStatus.RUNNING: "It is under way.",
        RunStatus.WAITING: "A step of it waits: for a time, an event or a condition.",
        RunStatus.SUCCESS: "It is over, and went well.",
        RunStatus.FAILED: "It is over, because a step failed.",
        RunStatus.CANCELLED: "It was ended before it was over.",
        RunStatus.SKIPPED: "The trigger fired and led to no run; the reason says why.",
    },
)
_described(
    StepStatus,
    name="AutomationStepStatus",
    description="Where a step of a run stands.",
    values={
        StepStatus.RUNNING: "It is under way.",
        StepStatus.WAITING: "It waits: for a time, an event or a condition.",
        StepStatus.SUCCESS: "It is over, and went well.",
        StepStatus.FAILED: "It failed.",
        StepStatus.CANCELLED: "Its run ended before it was over.",
        StepStatus.SKIPPED: "It was not done.",
    },
)
_described(
    SkipReason,
    name="AutomationSkipReason",
    description="Why a firing of a trigger led to no run, or why it ended before its turn.",
    values={
        SkipReason.DEPTH: "Too long a chain of automations led to it.",
        SkipReason.FILTER: "The trigger's filter did not hold, or could not be evaluated.",
        SkipReason.WINDOW: "The trigger had not fired often enough yet.",
        SkipReason.DWELL_ARMED: "It is now waited whether what fired it holds for long enough.",
        SkipReason.DWELL_BROKEN: "What fired it did not hold for long enough.",
        SkipReason.CONDITION: "A condition did not hold.",
        SkipReason.ONCE: "The automation ran for the same value before, and runs once for each.",
        SkipReason.ALREADY_RUNNING: "A run was active, and the automation has one at a time.",
        SkipReason.MAX_RUNS: "As many runs were active as there may be.",
        SkipReason.QUEUE_FULL: "As many runs stood in the queue as there may be.",
        SkipReason.DISABLED: "The automation had been switched off meanwhile.",
        SkipReason.ERROR: "A gate failed; the message says how.",
    },
)
