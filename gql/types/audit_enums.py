"""The enums of the audit log, imported from here alone: this module registers them with Strawberry."""

from domain.model.audit import AuditAction, AuditKind
from gql.types.enums import described

__all__ = ["AuditAction", "AuditKind"]

described(
    AuditKind,
    name="AuditKind",
    description="The kind of what was changed.",
    values={
        AuditKind.TOKEN: "An API token.",
        AuditKind.SECRET: "A secret of automations.",
        AuditKind.CHANNEL: "A channel to people.",
        AuditKind.INTEGRATION: "An integration of monitors.",
        AuditKind.WEBHOOK: "A webhook.",
        AuditKind.AUTOMATION: "An automation.",
        AuditKind.VISITOR_SUBSCRIPTION: "A visitor's subscription, which an admin deleted.",
        AuditKind.PERSON: "A person, who was forgotten.",
        AuditKind.SETTING: "A setting of the servers, that a start has changed.",
    },
)

described(
    AuditAction,
    name="AuditAction",
    description="The change.",
    values={
        AuditAction.CREATED: "It was created.",
        AuditAction.UPDATED: "It was changed.",
        AuditAction.ROTATED: "Its secret was replaced.",
        AuditAction.REVOKED: "It was revoked.",
        AuditAction.DELETED: "It was deleted.",
        AuditAction.FORGOTTEN: "They were forgotten.",
    },
)
