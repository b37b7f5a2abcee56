"""Queries about the audit log."""

from typing import Annotated

import strawberry

from gql.context import Info
from gql.inputs.audit import AuditLogFilter, audit_filter
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_AUDIT_LOG
from gql.types.audit import AuditEntry

_AUDIT_LOG = "auditLog"


@strawberry.type
class AuditQueries:
    @strawberry.field(
        permission_classes=SEE_AUDIT_LOG,
        description=(
            "Who changed tokens, secrets, channels, integrations, webhooks, automations and settings, when and what, "
            "newest first; for admins. What happens to incidents is in `incidentChanges`."
        ),
    )
    async def audit_log(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            AuditLogFilter | None, strawberry.argument(description="Only entries that match.")
        ] = strawberry.UNSET,
    ) -> Connection[AuditEntry] | None:
        service, cursors = info.context.domain.audit, info.context.domain.reads.cursors
        wanted = audit_filter(filter)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments,
            cursors,
            _AUDIT_LOG,
            lambda page: service.page(page, wanted),
            to_node=AuditEntry.of,
            count=lambda: service.count(wanted),
        )
