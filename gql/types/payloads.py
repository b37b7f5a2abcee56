"""The payloads of mutations: the object, the reasons of a refusal, and the log's position."""

import strawberry

from gql.types.automation import Automation, AutomationProblem, AutomationRun
from gql.types.erasure import Erasure
from gql.types.error_codes import ErrorCode
from gql.types.errors import UserError
from gql.types.incident import Incident, IncidentRelation
from gql.types.link import IncidentLink
from gql.types.secret import Secret
from gql.types.system import System
from gql.types.timeline import IncidentUpdate
from gql.types.token import ApiToken

_OBJECT = "The incident as it is now; null where it does not exist."


@strawberry.interface(
    description=(
        "The payload of every mutation, also of one that failed: no failure of a write is an error of the request. A "
        "field of the payload that cannot be read is null, with an error at its path, and does not affect the write."
    )
)
class Payload:
    user_errors: list[UserError] = strawberry.field(
        description="The reasons why it was refused or failed; empty where the write succeeded."
    )
    cursor: str = strawberry.field(
        description=(
            "The log's position as of this write: a subscription whose cursor, compared as a text, is not less than "
            "this shows the write. Without a write, the last known position."
        )
    )


@strawberry.type(description="The payload of `createIncident`.")
class CreateIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    reused: bool = strawberry.field(
        default=False, description="Whether an open incident was reused and nothing was written."
    )


@strawberry.type(description="The payload of `updateIncident`.")
class UpdateIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `setIncidentLabels`.")
class SetIncidentLabelsPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `resolveIncident`.")
class ResolveIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `acknowledgeIncident`.")
class AcknowledgeIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `snoozeIncident`.")
class SnoozeIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `assignIncident`.")
class AssignIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)


@strawberry.type(description="The payload of `deleteIncident`.")
class DeleteIncidentPayload(Payload):
    deleted_incident_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )
    incident: Incident | None = strawberry.field(
        default=None, description="The incident as it is now, where it was refused because of its version."
    )


@strawberry.type(description="The payload of `addIncidentUpdate`.")
class AddIncidentUpdatePayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    update: IncidentUpdate | None = strawberry.field(default=None, description="The entry.")


@strawberry.type(description="The payload of `editIncidentUpdate`.")
class EditIncidentUpdatePayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    update: IncidentUpdate | None = strawberry.field(default=None, description="The entry.")


@strawberry.type(description="The payload of `deleteIncidentUpdate`.")
class DeleteIncidentUpdatePayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    deleted_update_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )


@strawberry.type(description="The payload of `addIncidentLink`.")
class AddIncidentLinkPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    link: IncidentLink | None = strawberry.field(default=None, description="The link.")


@strawberry.type(description="The payload of `updateIncidentLink`.")
class UpdateIncidentLinkPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    link: IncidentLink | None = strawberry.field(default=None, description="The link.")


@strawberry.type(description="The payload of `removeIncidentLink`.")
class RemoveIncidentLinkPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    removed_link_id: strawberry.ID | None = strawberry.field(default=None, description="The id of the deleted object.")


@strawberry.type(description="The payload of `relateIncidents`.")
class RelateIncidentsPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    other: Incident | None = strawberry.field(default=None, description="The other incident as it is now.")
    relation: IncidentRelation | None = strawberry.field(
        default=None, description="The relation as the incident has it."
    )


@strawberry.type(description="The payload of `unrelateIncidents`.")
class UnrelateIncidentsPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description=_OBJECT)
    other: Incident | None = strawberry.field(default=None, description="The other incident as it is now.")


@strawberry.type(description="The payload of `mergeIncident`.")
class MergeIncidentPayload(Payload):
    incident: Incident | None = strawberry.field(default=None, description="The merged incident as it is now.")
    into: Incident | None = strawberry.field(default=None, description="The incident that goes on, as it is now.")


@strawberry.type(description="The result for one id of a bulk mutation.")
class IncidentResult:
    incident_id: strawberry.ID = strawberry.field(description="The incident's id, as it was given.")
    ok: bool = strawberry.field(description="Whether the write succeeded, or had nothing to do.")
    code: ErrorCode | None = strawberry.field(description="The reason of a refusal, for programs.")
    message: str | None = strawberry.field(description="The reason of a refusal, for people.")
    incident: Incident | None = strawberry.field(description="The incident as it is now; null where it does not exist.")


@strawberry.type(description="The payload of `resolveIncidents`.")
class ResolveIncidentsPayload(Payload):
    results: list[IncidentResult] = strawberry.field(
        default_factory=list, description="One result for each id, in the order given."
    )


@strawberry.type(description="The payload of `deleteIncidents`.")
class DeleteIncidentsPayload(Payload):
    results: list[IncidentResult] = strawberry.field(
        default_factory=list, description="One result for each id, in the order given."
    )


@strawberry.type(description="The payload of `createSystem`.")
class CreateSystemPayload(Payload):
    system: System | None = strawberry.field(default=None, description="The system.")


@strawberry.type(description="The payload of `updateSystem`.")
class UpdateSystemPayload(Payload):
    system: System | None = strawberry.field(default=None, description="The system as it is now.")


@strawberry.type(description="The payload of `deleteSystem`.")
class DeleteSystemPayload(Payload):
    deleted_system_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )
    system: System | None = strawberry.field(
        default=None, description="The system as it is now, where it was refused because of its version."
    )


@strawberry.type(description="The payload of `reportSystemHealth`.")
class ReportSystemHealthPayload(Payload):
    system: System | None = strawberry.field(
        default=None,
        description="The system with its present health; an outdated report changed nothing.",
    )


@strawberry.type(description="The payload of `createToken`.")
class CreateTokenPayload(Payload):
    token: ApiToken | None = strawberry.field(default=None, description="The token.")
    secret: str | None = strawberry.field(
        default=None, description="The secret to send as `Authorization: Bearer <secret>`. It is shown only this once."
    )


@strawberry.type(description="The payload of `revokeToken`.")
class RevokeTokenPayload(Payload):
    token: ApiToken | None = strawberry.field(default=None, description="The token as it is now.")


@strawberry.type(description="The payload of `forgetPerson`.")
class ForgetPersonPayload(Payload):
    erasure: Erasure | None = strawberry.field(
        default=None, description="The erasure, which goes on by itself; `erasure` has its progress."
    )


@strawberry.type(description="The payload of `createSecret`.")
class CreateSecretPayload(Payload):
    secret: Secret | None = strawberry.field(default=None, description="The secret, without its value.")


@strawberry.type(description="The payload of `updateSecret`.")
class UpdateSecretPayload(Payload):
    secret: Secret | None = strawberry.field(default=None, description="The secret as it is now, without its value.")


@strawberry.type(description="The payload of `deleteSecret`.")
class DeleteSecretPayload(Payload):
    deleted_secret_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )


_PROBLEMS = (
    "All that is wrong with the definition, 100 at most. Errors are among the `userErrors`, too; with nothing but "
    "warnings it is saved."
)


@strawberry.type(description="The payload of `createAutomation`.")
class CreateAutomationPayload(Payload):
    automation: Automation | None = strawberry.field(default=None, description="The automation.")
    problems: list[AutomationProblem] = strawberry.field(default_factory=list, description=_PROBLEMS)


@strawberry.type(description="The payload of `installAutomation`.")
class InstallAutomationPayload(Payload):
    automation: Automation | None = strawberry.field(default=None, description="The automation.")
    problems: list[AutomationProblem] = strawberry.field(default_factory=list, description=_PROBLEMS)


@strawberry.type(description="The payload of `updateAutomation`.")
class UpdateAutomationPayload(Payload):
    automation: Automation | None = strawberry.field(default=None, description="The automation as it is now.")
    problems: list[AutomationProblem] = strawberry.field(default_factory=list, description=_PROBLEMS)


@strawberry.type(description="The payload of `setAutomationEnabled`.")
class SetAutomationEnabledPayload(Payload):
    automation: Automation | None = strawberry.field(default=None, description="The automation as it is now.")


@strawberry.type(description="The payload of `deleteAutomation`.")
class DeleteAutomationPayload(Payload):
    automation: Automation | None = strawberry.field(
        default=None, description="The automation as it is now, where it was refused because of its version."
    )
    deleted_automation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )


@strawberry.type(description="The payload of `runAutomation`.")
class RunAutomationPayload(Payload):
    run: AutomationRun | None = strawberry.field(default=None, description="The run, which has yet to begin.")


@strawberry.type(description="The payload of `cancelAutomationRun`.")
class CancelAutomationRunPayload(Payload):
    run: AutomationRun | None = strawberry.field(default=None, description="The run as it is now.")
